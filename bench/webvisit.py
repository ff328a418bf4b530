"""What a visit of the main page costs: bytes and requests on the wire, time, elements, quiet."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bench.series import Series
from bench.waiting import wait_for, wait_seconds
from bench.webbrowser import HIDE, NOTE_TIMERS, chromium, elements, first_paint, tab
from bench.webgate import Figure, Gated, Of, Told
from bench.webplan import WebPlan
from bench.webtimes import Filled, filled_page
from bench.webwire import Relay, relayed

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

_KIB = 1024
_EVENTS = "/api/v1/events"
_REST = 1.5
"""Seconds without a byte after which a visit is over."""
_VISIT_LIMIT = 60.0
_TIMERS = "(since) => qmTimers.filter((one) => one.at >= since && one.delay < 5000).length"


@dataclass
class _Visits:
    """What the relay has seen of several browsers, each with a profile of its own."""

    first: list[float] = field(default_factory=list)
    repeat: list[float] = field(default_factory=list)
    """KiB of each."""
    requests: list[float] = field(default_factory=list)
    foreign: list[float] = field(default_factory=list)

    def add(self, browser: Browser, made: Filled) -> None:
        """A first visit, and the same page once more."""
        addresses: list[str] = []
        with relayed(made.page.port) as relay, tab(browser, relay.origin) as page:
            page.on("request", lambda request: addresses.append(request.url))
            page.goto("/QM")
            _wait_rest(relay)
            self.first.append(relay.received / _KIB)
            self.requests.append(len(relay.requests))
            ours = (relay.origin, "data:")
            self.foreign.append(sum(not one.startswith(ours) for one in addresses))
            before = relay.received
            page.reload()
            _wait_rest(relay)
            self.repeat.append((relay.received - before) / _KIB)


def measure_visit(plan: WebPlan) -> list[Figure]:
    """Bytes and requests of a first visit and of a repeated one."""
    busy, quiet = _Visits(), _Visits()
    with chromium() as browser:
        with filled_page(plan, "visit") as made:
            with made.page.visitor() as who:
                html = [len(who.ask("/QM").body) / _KIB for _ in range(plan.visits)]
            for _ in range(plan.visits):
                busy.add(browser, made)
        with filled_page(plan, "again", idle=True) as made:
            for _ in range(plan.visits):
                quiet.add(browser, made)
    requests, foreign = [*busy.requests, *quiet.requests], [*busy.foreign, *quiet.foreign]
    return [
        Gated(_series("HTML of the main page, packed", "KiB", html), 15.0, Of.HIGHEST),
        Gated(
            _series("first visit, all bytes", "KiB", [*busy.first, *quiet.first]), 40.0, Of.HIGHEST
        ),
        Gated(_series("again, nothing has changed", "KiB", quiet.repeat), 5.0, Of.HIGHEST),
        Told(_series("again, jobs run", "KiB", busy.repeat)),
        Gated(_series("requests of a first visit", "", requests), 5, Of.HIGHEST, or_equal=True),
        Gated(_series("requests elsewhere", "", foreign), 0, Of.HIGHEST, or_equal=True),
    ]


def measure_paint(plan: WebPlan) -> list[Figure]:
    """First contentful paint, and how many elements there are."""
    paints, counts = [], []
    with filled_page(plan, "paint") as made, chromium() as browser:
        for _ in range(plan.visits):
            with tab(browser, made.page.origin) as page:
                page.goto("/QM")
                paints.append(first_paint(page))
                counts.append(float(elements(page)))
    return [
        Gated(Series("first contentful paint", "ms", tuple(paints)), 500.0),
        Gated(Series("elements of the main page", "", tuple(counts)), 1500, Of.HIGHEST),
    ]


def measure_idle(plan: WebPlan) -> list[Figure]:
    """What a page asks for that nobody uses: while nothing happens, and while it is hidden."""
    with (
        filled_page(plan, "idle", idle=True) as made,
        chromium() as browser,
        relayed(made.page.port) as relay,
        tab(browser, relay.origin, NOTE_TIMERS) as page,
    ):
        page.goto("/QM")
        _wait_rest(relay)
        asked, timers = _pass(page, relay, plan.idle_for)
        page.evaluate(HIDE)
        hidden, hidden_timers = _busy(page, relay, made, plan.idle_for)
    seconds = f"{plan.idle_for:g} s"
    return [
        Gated(_count(f"idle for {seconds}: requests", asked), 0, Of.HIGHEST, or_equal=True),
        Gated(_count("idle: timers under 5 s", timers), 0, Of.HIGHEST, or_equal=True),
        Gated(
            _count(f"hidden for {seconds}, a job ends each second: requests", hidden),
            0,
            Of.HIGHEST,
            or_equal=True,
        ),
        Gated(_count("hidden: timers under 5 s", hidden_timers), 0, Of.HIGHEST, or_equal=True),
    ]


def _pass(page: Page, relay: Relay, seconds: float) -> tuple[int, int]:
    """How many requests but for the event stream, and short timers, so many seconds see."""
    began = time.monotonic()
    since = page.evaluate("Date.now()")
    page.wait_for_timeout(seconds * 1000)
    asked = [target for target in relay.since(began) if not target.startswith(_EVENTS)]
    return len(asked), int(page.evaluate(_TIMERS, since))


def _busy(page: Page, relay: Relay, made: Filled, seconds: float) -> tuple[int, int]:
    asked = timers = 0
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        made.change()
        more, short = _pass(page, relay, 1.0)
        asked, timers = asked + more, timers + short
    return asked, timers


def _wait_rest(relay: Relay) -> None:
    """Until nothing has come for a while: all that belongs to the visit is there."""

    def rests() -> bool:
        before = relay.received
        wait_seconds(_REST)
        return bool(before) and relay.received == before

    wait_for("the visit is over", rests, _VISIT_LIMIT)


def _count(name: str, value: int) -> Series:
    return Series(name, "", (float(value),))


def _series(name: str, unit: str, values: list[float]) -> Series:
    return Series(name, unit, tuple(values))

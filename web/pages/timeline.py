"""``/timeline``: what ran when, in lanes, with the processors in use above them."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Sequence
from dataclasses import dataclass

import bottle

from qm.folders.layout import Layout
from qm.index import reading
from qm.model import State
from qm.names import shown
from qm.times import utc_text
from qm.view import Entry
from qm.view.entries import entry_of
from web.pages.standing import Standing, StandingReader
from web.plots import MARKS, lanes_plot, series_plot
from web.problem import Problem
from web.roles import caller
from web.routing import Role, Routes
from web.site import Site
from web.templates import href, span
from web.timeline import Bar, Lane, bar_of, busy_part, in_use, lanes_of, within
from web.window import RANGES, Window, local_minute, window_of

MOST = 2000
"""Bars on one page: more are no picture."""
_RAN = "started < ? AND ended >= ?"


@dataclass(frozen=True, slots=True)
class Ran:
    """What ran within a span of time: the last ones, and how many are left out."""

    bars: tuple[Bar, ...]
    left_out: int
    processors: int | None
    """That QM may use; None where nobody tells."""


@dataclass(frozen=True, slots=True)
class BarText:
    """A bar in words, for its tooltip and its row in the table. Times are local."""

    name: str
    state: str
    address: str
    title: str
    started: str
    ended: str
    """Empty for one that runs."""
    took: str
    lane: int


class TimelineReader:
    """Reads from the index, where a manager keeps it, else from the folders. For any thread."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._standing = StandingReader(layout)

    def read(self, window: Window, now: float) -> Ran:
        """Each job that ran then, by its last run; ``now`` is in seconds since the epoch."""
        standing = self._standing.read()
        running = [bar_of(entry, now) for entry in standing.running]
        bars = within([bar for bar in running if bar is not None], window.first, window.last)
        bars.sort(key=lambda bar: bar.start, reverse=True)
        room = max(0, MOST - len(bars))
        ended, count = self._ended(standing, window, room, now)
        shown_bars = (bars + ended)[:MOST]
        left_out = max(0, len(bars) + count - len(shown_bars))
        return Ran(tuple(shown_bars), left_out, standing.processors)

    def _ended(
        self, standing: Standing, window: Window, most: int, now: float
    ) -> tuple[list[Bar], int]:
        """The ones that ended last, at most so many, and how many there are in all."""
        if standing.ended is None:
            try:
                return self._by_index(window, most, now)
            except sqlite3.Error:
                pass  # It was deleted just now: the next look reads the folders.
        entries = sorted(standing.ended or (), key=lambda entry: entry.ended or "", reverse=True)
        found = within(_bars(entries, now), window.first, window.last)
        return found[:most], len(found)

    def _by_index(self, window: Window, most: int, now: float) -> tuple[list[Bar], int]:
        times = (utc_text(window.last), utc_text(window.first))
        tail = f"ORDER BY ended DESC, id DESC LIMIT {most + 1}"
        with reading(self._layout.index_file) as index, index.snapshot():
            rows = index.rows(_RAN, times, tail)
            count = index.count(_RAN, times) if len(rows) > most else len(rows)
        return _bars([entry_of(row, self._layout) for row in rows[:most]], now), count


def add_routes(routes: Routes, site: Site) -> None:
    """``/timeline?last=24h``, or ``?from=…&to=…``."""
    reader = TimelineReader(site.layout)

    def timeline() -> str:
        now = time.time()
        window = window_of(_query(), now)
        ran = reader.read(window, now)
        lanes, use = lanes_of(ran.bars), in_use(ran.bars)
        first, last = window.first, window.last
        top = None if ran.processors is None else float(ran.processors)
        return site.render(
            "timeline",
            title="Timeline - QM",
            window=window,
            begin=utc_text(first),
            end=utc_text(last),
            ranges=RANGES,
            fields=(local_minute(first), local_minute(last)),
            ran=ran,
            lanes=lanes,
            plot=lanes_plot(lanes, first, last),
            use=series_plot(use, first, last, top=top, steps=True),
            most_in_use=max((int(number) for _, number in use), default=0),
            texts=_texts(lanes, window, details=caller().role >= site.rights.details),
            busy=busy_part(ran.bars, first, last),
            legend=_legend(ran.bars),
            later=window.moved(1) if last < now - 1 else None,
        )

    routes.get("/timeline", Role.VIEWER, timeline)


def _query() -> dict[str, str]:
    try:
        return dict(bottle.request.query.decode())
    except UnicodeError:
        raise Problem(400, "The address has bytes that are no text.") from None


def _bars(entries: Sequence[Entry], now: float) -> list[Bar]:
    return [bar for bar in (bar_of(entry, now) for entry in entries) if bar is not None]


def _texts(lanes: Sequence[Lane], window: Window, *, details: bool) -> dict[int, BarText]:
    """By the id of the job; who may not see details gets neither owner nor reason."""
    clock = "%H:%M:%S" if _day(window.first) == _day(window.last) else "%Y-%m-%d %H:%M:%S"
    return {
        bar.id: _text(bar, number, clock, details=details)
        for number, lane in enumerate(lanes, 1)
        for bar in lane
    }


def _text(bar: Bar, lane: int, clock: str, *, details: bool) -> BarText:
    name, state, took = shown(bar.name), bar.state.lower(), span(bar.end - bar.start)
    started = time.strftime(clock, time.localtime(bar.start))
    ended = "" if bar.runs else time.strftime(clock, time.localtime(bar.end))
    more = [shown(part) for part in (bar.owner, bar.reason) if part] if details else []
    cores = f"{bar.processors} processor{'' if bar.processors == 1 else 's'}"
    said = (f"{started} to {ended or 'now'}", took, cores, *more)
    return BarText(
        name=name,
        state=state,
        address=href("job", bar.id),
        title=f"job {bar.id} ({name}): {state}, {', '.join(said)}",
        started=started,
        ended=ended,
        took=took,
        lane=lane,
    )


def _day(seconds: float) -> str:
    return time.strftime("%Y-%m-%d", time.localtime(seconds))


def _legend(bars: Sequence[Bar]) -> list[tuple[str, str, int]]:
    """The states that are there, in their usual order: word, mark and number."""
    there = [bar.state for bar in bars]
    return [
        (state.lower(), MARKS.get(state, ""), there.count(state))
        for state in State
        if state in there
    ]

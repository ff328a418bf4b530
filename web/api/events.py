"""``GET /api/v1/events``: a stream that tells what changes (server-sent events, WHATWG HTML).

An event says which topics have changed, and of running jobs some figures; what
it looks like now is asked for elsewhere.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import bottle

from web.api.parameters import Parameters
from web.hub import Event, Hub
from web.problem import Problem
from web.roles import caller
from web.routing import Role, Routes
from web.site import Site
from web.slots import Slot
from web.watching import Watching

LONGEST = 900.0
"""Seconds; then the browser comes again by itself, and shows who it is."""

_LOOK_EVERY = 1.5
_BEAT_EVERY = 15.0
_TOPIC = re.compile(r"queue|progress|manager|job:[0-9]{1,18}")
_HEADERS = {
    "Content-Type": "text/event-stream; charset=utf-8",
    "Cache-Control": "no-store",
    # Proxies that collect answers would collect this one for ever.
    "X-Accel-Buffering": "no",
}


def add_routes(routes: Routes, site: Site) -> None:
    """``/api/v1/events?topics=queue,job:7``."""
    hub = Hub()
    Watching(site.layout, hub)

    def events() -> bottle.HTTPResponse:
        given = Parameters.read(("topics", "last"))
        topics, last = topics_of(given.one("topics")), _last(given)
        who = caller()
        slot = site.streams.take(who)
        gone = bottle.request.environ.get("waitress.client_disconnected", lambda: False)
        hub.listen(topics)
        stream = Stream(hub, topics, last, slot, lambda: gone() or not site.access.still_holds(who))
        return bottle.HTTPResponse(stream, 200, _HEADERS)

    routes.get("/api/v1/events", Role.VIEWER, events)


def topics_of(text: str | None) -> frozenset[str]:
    """What is to be listened to; Problem 422 for what is no topic. Nothing said: everything."""
    if text is None:
        return frozenset()
    topics = frozenset(text.split(","))
    wrong = sorted(topic for topic in topics if not _TOPIC.fullmatch(topic))
    if wrong:
        raise Problem(
            422, f"{wrong[0]!r} is no topic; topics are queue, progress, manager and job:<id>."
        )
    return topics


def _last(given: Parameters) -> str | None:
    """The event that the browser has seen last. A script can send no header, so ``last`` does."""
    found: str | None = bottle.request.get_header("Last-Event-ID")
    return found or given.one("last") or None


class Stream:
    """One listener's events as bytes. ``close`` frees its place, also if nobody ever read."""

    def __init__(
        self,
        hub: Hub,
        topics: frozenset[str],
        last: str | None,
        slot: Slot,
        gone: Callable[[], bool],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``last`` as in :meth:`Hub.wait`; ``gone`` tells that nobody is to read any more."""
        self._hub = hub
        self._topics = topics
        self._slot: Slot | None = slot
        self._gone = gone
        self._clock = clock
        self._chunks = self._run(last)

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        return next(self._chunks)

    def close(self) -> None:
        """Be done with it; a second time does nothing."""
        slot, self._slot = self._slot, None
        if slot is not None:
            slot.free()
            self._hub.leave(self._topics)

    def _run(self, last: str | None) -> Iterator[bytes]:
        beat = begin = self._clock()
        yield b"retry: 2000\n\n"
        while self._clock() - begin < LONGEST and not self._gone():
            heard = self._hub.wait(last, self._topics, _LOOK_EVERY)
            last = heard.last
            if heard.reset:
                yield message("reset", last, {})
            elif heard.events:
                yield message("change", last, told(heard.events))
            elif self._clock() - beat >= _BEAT_EVERY:
                # Without data nothing is dispatched, but the place in the ring is kept.
                yield f": still here\nid: {last}\n\n".encode()
            else:
                continue
            beat = self._clock()


def message(kind: str, name: str, data: Mapping[str, Any]) -> bytes:
    """One event as it goes over the wire."""
    text = json.dumps(data, separators=(",", ":"))
    return f"id: {name}\nevent: {kind}\ndata: {text}\n\n".encode()


def told(events: Iterable[Event]) -> dict[str, Any]:
    """Several events as one: all of their topics, and the last figures of each job."""
    topics: set[str] = set()
    jobs: dict[str, Mapping[str, Any]] = {}
    for event in events:
        topics |= event.topics
        jobs |= event.jobs
    return {"topics": sorted(topics), "jobs": jobs}

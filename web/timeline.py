"""What ran when: jobs as bars, laid into as few lanes as hold them. Pure."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from qm.model import ACTIVE_STATES, State
from qm.view import Entry
from qm.view.entries import seconds

INSTANT = 0.001
"""Seconds: records are to the millisecond, so that nothing is shorter."""


@dataclass(frozen=True, slots=True)
class Bar:
    """The last run of one job. Times are in seconds since the epoch."""

    id: int
    name: str
    state: State
    start: float
    end: float
    """For one that runs: now."""
    processors: int
    owner: str = ""
    reason: str = ""

    @property
    def runs(self) -> bool:
        """True for one that has not ended."""
        return self.state in ACTIVE_STATES

    @property
    def until(self) -> float:
        """Where the next bar of a lane may begin: also a run without length takes its place."""
        return max(self.end, self.start + INSTANT)


Lane = tuple[Bar, ...]


def bar_of(entry: Entry, now: float) -> Bar | None:
    """The run of a job; None for one that has not started."""
    start = seconds(entry.started)
    if start is None or entry.id is None:
        return None
    end = now if entry.ended is None else seconds(entry.ended)
    return Bar(
        id=entry.id,
        name=entry.name,
        state=State(entry.state),
        start=start,
        # A clock that was set back makes no bar that ends before it begins.
        end=start if end is None else max(start, end),
        processors=max(0, entry.nb_proc or 0),
        owner=entry.owner or "",
        reason=entry.reason or "",
    )


def within(bars: Iterable[Bar], first: float, last: float) -> list[Bar]:
    """Those that ran at some time between the two, or at it."""
    return [bar for bar in bars if bar.start <= last and bar.until > first]


def lanes_of(bars: Iterable[Bar]) -> tuple[Lane, ...]:
    """Each bar in one lane; no two of a lane overlap, and there are as few lanes as can be.

    Every bar goes, in the order of their starts, into the first lane that is
    free by then: a new one is opened only where all are taken at that moment.
    """
    lanes: list[list[Bar]] = []
    free: list[int] = []
    taken: list[tuple[float, int]] = []
    for bar in sorted(bars, key=lambda bar: (bar.start, bar.id)):
        while taken and taken[0][0] <= bar.start:
            heapq.heappush(free, heapq.heappop(taken)[1])
        if not free:
            lanes.append([])
            free.append(len(lanes) - 1)
        number = heapq.heappop(free)
        lanes[number].append(bar)
        heapq.heappush(taken, (bar.until, number))
    return tuple(map(tuple, lanes))


def in_use(bars: Iterable[Bar]) -> list[tuple[float, float]]:
    """How many processors jobs had, as (time, number) at each change, in the order of time."""
    changes: dict[float, int] = {}
    for bar in bars:
        changes[bar.start] = changes.get(bar.start, 0) + bar.processors
        changes[bar.until] = changes.get(bar.until, 0) - bar.processors
    found, number = [], 0
    for moment in sorted(changes):
        number += changes[moment]
        found.append((moment, float(number)))
    return found


def busy_part(bars: Sequence[Bar], first: float, last: float) -> float:
    """The part of the time, 0 to 1, in which at least one job ran."""
    if last <= first:
        return 0.0
    busy, reached = 0.0, first
    for bar in sorted(bars, key=lambda bar: bar.start):
        start, end = max(bar.start, reached), min(bar.end, last)
        if end > start:
            busy += end - start
            reached = end
    return min(1.0, busy / (last - first))

"""What is kept for the first job of the queue while it does not fit.

Where the ends of enough running jobs are known it gets the moment at which it
will fit, at once, as in EASY backfill (Lifka, "The ANL/IBM SP Scheduling
System", 1995). Elsewhere, once it has waited for Reserve_after, no more may
overtake it than leaves room for it.
"""

from __future__ import annotations

from collections.abc import Collection
from itertools import pairwise
from math import inf
from typing import NamedTuple

from qm.planner.jobs import Capacity, Needs, Running, Waiting, free_room


class Reservation(NamedTuple):
    """What jobs that come after job ``id`` in order must leave to it."""

    id: int
    since: float
    """Seconds since the epoch when it began to wait."""
    demand: Needs
    spare: Needs
    """What others may use for as long as they like."""
    starts: float | None
    """Seconds since the epoch when it will fit; None: that is not known."""

    def window(self, now: float) -> float:
        """Seconds that any other job may run for, if it fits at all."""
        return -inf if self.starts is None else self.starts - now

    def allows(self, demand: Needs, walltime: float | None, now: float) -> bool:
        """True if a job that fits now, and comes after job ``id``, does not delay that."""
        short = walltime is not None and walltime <= self.window(now)
        return short or demand.within(self.spare)


def reserve(
    head: Waiting,
    running: Collection[Running],
    capacity: Capacity,
    now: float,
    reserve_after: float | None,
) -> Reservation | None:
    """What is kept for ``head``, the first job of the queue, which does not fit now.

    ``reserve_after`` is in seconds, None: never. It all follows from start
    times and limits, so that every process that looks finds the same.
    """
    demand = capacity.demand(head.needs)
    known = _known_start(demand, running, capacity)
    if known is not None:
        starts, free = known
        return Reservation(head.id, head.since, demand, free.without(demand), starts)
    if reserve_after is None or now < head.since + reserve_after:
        return None
    overtook = [
        job
        for job in running
        if job.started >= head.since + reserve_after and job.order > head.order
    ]
    spare = free_room(overtook, capacity).without(demand)
    return Reservation(head.id, head.since, demand, spare, None)


def _known_start(
    demand: Needs, running: Collection[Running], capacity: Capacity
) -> tuple[float, Needs] | None:
    """When ``demand`` will fit, and what is free at that moment."""
    free = free_room(running, capacity)
    known = sorted((job.ends, job.id, job.needs) for job in running if job.ends is not None)
    # The end of the list ends the last moment, as a later end does the others.
    for (ends, _, needs), (following, _, _) in pairwise([*known, (inf, 0, Needs())]):
        free = free.with_more(capacity.demand(needs))
        if ends < following and demand.within(free):
            return ends, free
    return None

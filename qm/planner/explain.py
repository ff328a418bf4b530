"""Why waiting jobs wait, and when they will start, from the planner's own rules."""

from __future__ import annotations

import heapq
from collections.abc import Collection, Iterable
from operator import attrgetter
from typing import NamedTuple

from qm.model import Reason
from qm.planner.forecast import forecast
from qm.planner.jobs import Capacity, Needs, Running, Waiting, free_room
from qm.planner.reservation import Reservation, reserve
from qm.planner.sentences import kept, lacks, one_at_a_time, starts_after

_in_order = attrgetter("order")


class Explanation(NamedTuple):
    """What a waiting job is told."""

    reason: Reason
    expected_start: float | None
    """Seconds since the epoch; None where it is not known, or too far behind to be computed."""


def explain(
    waiting: Iterable[Waiting],
    running: Collection[Running],
    capacity: Capacity,
    now: float,
    reserve_after: float | None,
    *,
    obstacle: Reason | None = None,
    limit: int = 200,
) -> dict[int, Explanation]:
    """Each waiting job's explanation, by id.

    ``now`` is in seconds since the epoch, ``reserve_after`` in seconds (None:
    never). ``obstacle`` stops all of them: a full disk, drain. Starts are
    computed for the first ``limit`` jobs in order; those behind have none.
    """
    jobs = list(waiting)
    if obstacle is not None:
        return {job.id: Explanation(obstacle, None) for job in jobs}
    obstacles = _Obstacles(jobs, running, capacity, now, reserve_after)
    first = heapq.nsmallest(limit, jobs, key=_in_order) if limit else []
    starts = forecast(first, running, capacity, now, reserve_after)
    reasons = {job.id: obstacles.of(job) for job in jobs}
    may_start = sorted((job for job in jobs if reasons[job.id] is None), key=_in_order)
    for before, job in enumerate(may_start):
        reasons[job.id] = Reason("Priority", starts_after(before))
    return {
        job_id: Explanation(reason, starts.get(job_id))
        for job_id, reason in reasons.items()
        if reason is not None
    }


def explain_one(
    job_id: int,
    waiting: Iterable[Waiting],
    running: Collection[Running],
    capacity: Capacity,
    now: float,
    reserve_after: float | None,
    *,
    obstacle: Reason | None = None,
    limit: int = 1000,
) -> Explanation:
    """The same for one job, looking further ahead; KeyError if it does not wait."""
    told = explain(waiting, running, capacity, now, reserve_after, obstacle=obstacle, limit=limit)
    return told[job_id]


class _Obstacles:
    """What is free now and what is kept, and what that means for a job."""

    def __init__(
        self,
        waiting: Collection[Waiting],
        running: Collection[Running],
        capacity: Capacity,
        now: float,
        reserve_after: float | None,
    ) -> None:
        self._running = running
        self._capacity = capacity
        self._now = now
        self._free = free_room(running, capacity)
        self._lacks: dict[Needs, Reason] = {}
        self._all: Reason | None = None
        self._kept: tuple[Reservation, Reason] | None = None
        if capacity.blocking and running:
            self._all = Reason("Resources", one_at_a_time(running))
        elif waiting:
            head = min(waiting, key=_in_order)
            reservation = self._reserved(head, reserve_after)
            if reservation is not None:
                # Slurm's word for jobs that wait for one before them.
                self._kept = reservation, Reason("Priority", kept(reservation, now))

    def _reserved(self, head: Waiting, reserve_after: float | None) -> Reservation | None:
        if self._capacity.demand(head.needs).within(self._free):
            return None
        return reserve(head, self._running, self._capacity, self._now, reserve_after)

    def of(self, job: Waiting) -> Reason | None:
        """What hinders the job; None: it may start now, once those before it have."""
        if self._all is not None:
            return self._all
        demand = self._capacity.demand(job.needs)
        if not demand.within(self._free):
            return self._lack(demand)
        if self._kept is None or self._kept[0].allows(demand, job.walltime, self._now):
            return None
        return self._kept[1]

    def _lack(self, demand: Needs) -> Reason:
        reason = self._lacks.get(demand)
        if reason is None:
            text = lacks(demand, self._free, self._running, self._capacity)
            self._lacks[demand] = reason = Reason("Resources", text)
        return reason

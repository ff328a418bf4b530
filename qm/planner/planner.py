"""The manager's queue: which job may start now, however many wait."""

from __future__ import annotations

from bisect import bisect_left, insort
from math import inf
from operator import attrgetter

from qm.planner.group import Entry, Group
from qm.planner.jobs import Capacity, Needs, Order, Running, Waiting, free_room
from qm.planner.reservation import reserve

_first = attrgetter("first")


class Planner:
    """Waiting jobs in groups of equal needs, and what the running ones leave free.

    Time alone never lets a job start: it is enough to ask after something was
    added, removed, started or ended, or a limit was changed.
    """

    def __init__(self, capacity: Capacity, reserve_after: float | None) -> None:
        """``reserve_after``: seconds; None: never. It may be set anew at any time."""
        self.reserve_after = reserve_after
        self._capacity = capacity
        self._waiting: dict[int, Waiting] = {}
        self._groups: dict[Needs, Group] = {}
        self._by_demand: list[Group] = []
        """The same, those that need the fewest processors first."""
        self._running: dict[int, Running] = {}
        self._free = capacity.room

    @property
    def capacity(self) -> Capacity:
        """The limits."""
        return self._capacity

    def set_capacity(self, capacity: Capacity) -> None:
        """Other limits. While more is in use than there is now, nothing starts."""
        self._capacity = capacity
        self._free = free_room(self._running.values(), capacity)
        for group in self._by_demand:
            group.demand = capacity.demand(group.needs)
        self._by_demand.sort(key=_rank)

    def __len__(self) -> int:
        """How many wait."""
        return len(self._waiting)

    def __contains__(self, job_id: int) -> bool:
        """True if it waits."""
        return job_id in self._waiting

    def add(self, job: Waiting) -> None:
        """Let a job wait; one that waits already is put at its new place."""
        self.remove(job.id)
        self._waiting[job.id] = job
        group = self._groups.get(job.needs)
        if group is None:
            group = Group(job.needs, self._capacity.demand(job.needs))
            self._groups[job.needs] = group
            insort(self._by_demand, group, key=_rank)
        group.add(_entry(job))

    def remove(self, job_id: int) -> None:
        """It does not wait any more; harmless where it did not."""
        job = self._waiting.pop(job_id, None)
        if job is None:
            return
        group = self._groups[job.needs]
        group.remove(_entry(job))
        if not group:
            del self._groups[job.needs]
            del self._by_demand[bisect_left(self._by_demand, _rank(group), key=_rank)]

    def started(self, job: Running) -> None:
        """It holds what it needs from now on; of one that does, the times are replaced."""
        self.ended(job.id)
        self._running[job.id] = job
        self._free = self._free.without(self._capacity.demand(job.needs))

    def ended(self, job_id: int) -> None:
        """It holds nothing any more; harmless where it did not."""
        job = self._running.pop(job_id, None)
        if job is not None:
            self._free = self._free.with_more(self._capacity.demand(job.needs))

    def next(self, now: float) -> int | None:
        """The id of the job that is to start, None if none may; ``now``: seconds since the epoch.

        The caller tells :meth:`remove` and :meth:`started` of it before it
        asks again.
        """
        if self._capacity.blocking and self._running:
            return None
        fitting = self._fitting()
        if not fitting:
            return None
        head: Order = min(map(_first, self._by_demand))
        best: Order = min(map(_first, fitting))
        if best == head:
            return head[-1]
        chosen = self._backfill(self._waiting[head[-1]], best, fitting, now)
        return None if chosen is None else chosen[-1]

    def _fitting(self) -> list[Group]:
        free_processors, free_memory, free_gpus = self._free
        fitting = []
        for group in self._by_demand:
            processors, memory, gpus = group.demand
            if processors > free_processors:
                break
            if memory <= free_memory and gpus <= free_gpus:
                fitting.append(group)
        return fitting

    def _backfill(
        self, head: Waiting, best: Order, fitting: list[Group], now: float
    ) -> Order | None:
        """The first among the fitting jobs that does not delay ``head``, which does not fit."""
        running = self._running.values()
        kept = reserve(head, running, self._capacity, now, self.reserve_after)
        if kept is None:
            return best
        window = kept.window(now)
        chosen: Order | None = None
        for group in fitting:
            limit = inf if group.demand.within(kept.spare) else window
            found = group.first_within(limit, chosen)
            if found is not None:
                chosen = found
        return chosen


def _entry(job: Waiting) -> Entry:
    return job.order, inf if job.walltime is None else job.walltime


def _rank(group: Group) -> tuple[Needs, Needs]:
    return group.demand, group.needs

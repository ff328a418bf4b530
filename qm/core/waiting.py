"""Jobs that may start, in groups of equal need: the best one that fits is found quickly."""

from __future__ import annotations

import heapq
from collections.abc import Callable

from qm.model import Job
from qm.policy import order_of

_Entry = tuple[tuple[int, int], int]


class WaitingQueue:
    """Waiting jobs by processors wanted, each group in order; removal is lazy."""

    def __init__(self) -> None:
        self._groups: dict[int, list[_Entry]] = {}
        self._wanted: dict[int, _Entry] = {}

    def __len__(self) -> int:
        return len(self._wanted)

    def __contains__(self, job_id: int) -> bool:
        return job_id in self._wanted

    def add(self, job: Job) -> None:
        """Let a job wait; one that waits already is put at its new place."""
        entry = (order_of(job.options.priority, job.arrival), job.id)
        self._wanted[job.id] = entry
        heapq.heappush(self._groups.setdefault(job.options.nb_proc, []), entry)

    def remove(self, job_id: int) -> None:
        """It does not wait any more; harmless where it did not."""
        self._wanted.pop(job_id, None)

    def best(self, fits: Callable[[int], bool]) -> int | None:
        """The id of the first job in order among the groups whose processors fit."""
        chosen: _Entry | None = None
        for nb_proc in list(self._groups):
            head = self._head(nb_proc)
            if head is not None and (chosen is None or head < chosen) and fits(nb_proc):
                chosen = head
        return None if chosen is None else chosen[1]

    def _head(self, nb_proc: int) -> _Entry | None:
        group = self._groups[nb_proc]
        while group and self._wanted.get(group[0][1]) != group[0]:
            heapq.heappop(group)
        if not group:
            del self._groups[nb_proc]
            return None
        return group[0]

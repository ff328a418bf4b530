"""Waiting jobs of equal needs, in order, and the first of them that is short enough."""

from __future__ import annotations

from bisect import bisect_left, insort
from math import inf
from operator import itemgetter

from qm.planner.jobs import Needs, Order

Entry = tuple[Order, float]
"""A job's place, and its walltime in seconds; ``inf`` where that is unknown."""

_BLOCK = 16
"""Small: a block with a short job in it is searched one by one."""
_last = itemgetter(-1)


class Group:
    """Jobs in order, in blocks that each know their shortest walltime.

    So a search for a short job skips whole blocks, however many walltimes there are.
    """

    __slots__ = ("_blocks", "_shortest", "demand", "first", "needs")

    first: Order
    """The place of the first one; not there while there is none."""

    def __init__(self, needs: Needs, demand: Needs) -> None:
        self.needs = needs
        self.demand = demand
        """What each of them holds once it runs, with the present limits."""
        self._blocks: list[list[Entry]] = []
        self._shortest: list[float] = []

    def __bool__(self) -> bool:
        return bool(self._blocks)

    def first_within(self, limit: float, before: Order | None) -> Order | None:
        """The first one that runs for at most ``limit`` seconds, if it comes ``before`` that."""
        for block, shortest in zip(self._blocks, self._shortest, strict=True):
            if before is not None and block[0][0] >= before:
                return None
            if shortest > limit:
                continue
            for order, walltime in block:
                if walltime <= limit:
                    return order if before is None or order < before else None
        return None

    def add(self, entry: Entry) -> None:
        """Put a job at its place."""
        if not self._blocks:
            self._blocks.append([entry])
            self._shortest.append(entry[1])
            self.first = entry[0]
            return
        index = min(bisect_left(self._blocks, entry, key=_last), len(self._blocks) - 1)
        block = self._blocks[index]
        insort(block, entry)
        self.first = self._blocks[0][0][0]
        self._shortest[index] = min(self._shortest[index], entry[1])
        if len(block) > 2 * _BLOCK:
            self._blocks[index : index + 1] = [block[:_BLOCK], block[_BLOCK:]]
            self._shortest[index : index + 1] = [0.0, 0.0]
            self._measure(index)
            self._measure(index + 1)

    def remove(self, entry: Entry) -> None:
        """Take out a job that is in here."""
        index = bisect_left(self._blocks, entry, key=_last)
        block = self._blocks[index]
        del block[bisect_left(block, entry)]
        if not block:
            del self._blocks[index], self._shortest[index]
        else:
            self._tidy(index, entry[1])
        if self._blocks:
            self.first = self._blocks[0][0][0]

    def _tidy(self, index: int, removed: float) -> None:
        """A job of that walltime has left a block."""
        block = self._blocks[index]
        if removed <= self._shortest[index] < inf:
            self._measure(index)
        if index + 1 < len(self._blocks) and len(block) + len(self._blocks[index + 1]) <= _BLOCK:
            # Otherwise jobs that wait for long would end up in a block each.
            block += self._blocks.pop(index + 1)
            self._shortest[index] = min(self._shortest[index], self._shortest.pop(index + 1))

    def _measure(self, index: int) -> None:
        self._shortest[index] = min(walltime for _, walltime in self._blocks[index])

"""What the planner knows of jobs and of the machine. Data only."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

Order = tuple[int, int, int]
"""The smaller, the earlier: priority turned round, arrival, id."""


class Needs(NamedTuple):
    """Amounts of what jobs share; ``memory`` in bytes, 0 where none was asked for."""

    processors: int = 1
    memory: int = 0
    gpus: int = 0

    def within(self, room: Needs) -> bool:
        """True if each amount is at most that of ``room``."""
        return (
            self.processors <= room.processors
            and self.memory <= room.memory
            and self.gpus <= room.gpus
        )

    def without(self, taken: Needs) -> Needs:
        """What is left when ``taken`` is away; below zero where that was more."""
        return Needs(
            self.processors - taken.processors,
            self.memory - taken.memory,
            self.gpus - taken.gpus,
        )

    def with_more(self, other: Needs) -> Needs:
        """Both together."""
        return Needs(
            self.processors + other.processors,
            self.memory + other.memory,
            self.gpus + other.gpus,
        )


@dataclass(frozen=True, slots=True)
class Capacity:
    """What this QM may use in all.

    ``processors`` is at least 1. ``memory`` is in bytes; None: memory is not
    counted. With ``blocking`` one job runs at a time.
    """

    processors: int
    memory: int | None = None
    gpus: int = 0
    blocking: bool = False

    @property
    def room(self) -> Needs:
        """All there is."""
        return Needs(self.processors, self.memory or 0, self.gpus)

    def demand(self, needs: Needs) -> Needs:
        """What a job of these needs holds here.

        One that was accepted when there was more takes all there is: otherwise
        it would wait for ever.
        """
        return Needs(
            min(needs.processors, self.processors),
            min(needs.memory, self.memory or 0),
            min(needs.gpus, self.gpus),
        )


class Waiting(NamedTuple):
    """A job that may start as soon as there is room for it."""

    id: int
    needs: Needs
    walltime: float | None
    """Seconds; None: nobody knows how long it will run."""
    priority: int
    arrival: int
    since: float
    """Seconds since the epoch when it began to wait."""

    @property
    def order(self) -> Order:
        """Priority first, then arrival."""
        return (-self.priority, self.arrival, self.id)


class Running(NamedTuple):
    """A job that holds what it needs."""

    id: int
    needs: Needs
    priority: int
    arrival: int
    started: float
    """Seconds since the epoch; of a claim under way, the time of the claim."""
    ends: float | None
    """Its start and its walltime together; None: nobody knows when it will end."""

    @property
    def order(self) -> Order:
        """Its place among those that wait, had it not started."""
        return (-self.priority, self.arrival, self.id)


def begun(job: Waiting, now: float) -> Running:
    """``job`` as one that starts ``now``."""
    ends = None if job.walltime is None else now + job.walltime
    return Running(job.id, job.needs, job.priority, job.arrival, now, ends)


def free_room(running: Iterable[Running], capacity: Capacity) -> Needs:
    """What nobody holds; below zero where limits were lowered while jobs ran."""
    free = capacity.room
    for job in running:
        free = free.without(capacity.demand(job.needs))
    return free

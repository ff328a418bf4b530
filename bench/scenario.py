"""A day of jobs played through a queue without running any: who starts when. Pure but for read."""

from __future__ import annotations

import heapq
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from typing import NamedTuple, Protocol

from qm.planner.jobs import Capacity, Needs, Running, Waiting, begun, free_room
from qm.quantities import parse_duration, parse_size

SAMPLE = Path(__file__).resolve().parents[1] / "tests" / "data" / "scenario_60.json"


class Task(NamedTuple):
    """A job of a scenario; times are in seconds."""

    id: int
    arrives: float
    needs: Needs
    walltime: float | None
    """What was asked for."""
    runs: float
    """What it takes in truth; its walltime ends it."""
    priority: int = 0
    after: tuple[int, ...] = ()
    """It waits for the ends of these."""

    @property
    def lasts(self) -> float:
        """Seconds from its start to its end."""
        return self.runs if self.walltime is None else min(self.runs, self.walltime)


@dataclass(frozen=True, slots=True)
class Scenario:
    """A machine, and jobs in order of arrival."""

    capacity: Capacity
    tasks: tuple[Task, ...]


class Queue(Protocol):
    """What decides; :class:`qm.planner.Planner` is one."""

    def add(self, job: Waiting) -> None:
        """It may start from now on."""

    def remove(self, job_id: int) -> None:
        """It does not wait any more."""

    def started(self, job: Running) -> None:
        """It holds what it needs."""

    def ended(self, job_id: int) -> None:
        """It holds nothing any more."""

    def next(self, now: float) -> int | None:
        """The job that is to start now."""


class Fifo:
    """The baseline: in order of arrival; while the first one does not fit, nothing starts."""

    def __init__(self, capacity: Capacity) -> None:
        self._capacity = capacity
        self._waiting: dict[int, Waiting] = {}
        self._order: list[tuple[float, int]] = []
        self._running: dict[int, Running] = {}

    def add(self, job: Waiting) -> None:
        """Let a job wait."""
        self._waiting[job.id] = job
        heapq.heappush(self._order, (job.since, job.id))

    def remove(self, job_id: int) -> None:
        """The first one starts."""
        assert heapq.heappop(self._order)[1] == job_id
        del self._waiting[job_id]

    def started(self, job: Running) -> None:
        """It holds what it needs."""
        self._running[job.id] = job

    def ended(self, job_id: int) -> None:
        """It holds nothing any more."""
        del self._running[job_id]

    def next(self, now: float) -> int | None:
        """The first one, if it fits."""
        if not self._order:
            return None
        first = self._waiting[self._order[0][1]]
        free = free_room(self._running.values(), self._capacity)
        return first.id if self._capacity.demand(first.needs).within(free) else None


@dataclass(frozen=True, slots=True)
class Schedule:
    """Who could start when, did, and ended, by id."""

    ready: dict[int, float]
    starts: dict[int, float]
    ends: dict[int, float]

    @property
    def makespan(self) -> float:
        """Seconds from the first arrival to the last end."""
        return max(self.ends.values()) - min(self.ready.values())

    @property
    def waits(self) -> dict[int, float]:
        """Seconds between what a job waited for, at least its arrival, and its start."""
        return {job_id: start - self.ready[job_id] for job_id, start in self.starts.items()}

    @property
    def mean_wait(self) -> float:
        """Seconds."""
        return mean(self.waits.values())


def simulate(tasks: Iterable[Task], queue: Queue) -> Schedule:
    """Play ``tasks`` through ``queue``; ValueError if some never start."""
    return _Play(tuple(tasks), queue).schedule()


class _Play:
    def __init__(self, tasks: Sequence[Task], queue: Queue) -> None:
        self._queue = queue
        self._tasks = {task.id: task for task in tasks}
        self._arrivals = sorted(tasks, key=lambda task: (task.arrives, task.id), reverse=True)
        self._place = {task.id: n for n, task in enumerate(reversed(self._arrivals))}
        self._open = {task.id: set(task.after) for task in tasks}
        self._children: dict[int, list[Task]] = {}
        for task in tasks:
            for parent in task.after:
                self._children.setdefault(parent, []).append(task)
        self._waiting: dict[int, Waiting] = {}
        self._ending: list[tuple[float, int]] = []
        self._arrived: set[int] = set()
        self._done = Schedule({}, {}, {})

    def schedule(self) -> Schedule:
        while self._arrivals or self._ending:
            now = min(
                [task.arrives for task in self._arrivals[-1:]]
                + [end for end, _ in self._ending[:1]]
            )
            # Ends first: what they free counts for those who arrive at that moment.
            while self._ending and self._ending[0][0] == now:
                self._end(heapq.heappop(self._ending)[1], now)
            while self._arrivals and self._arrivals[-1].arrives == now:
                self._arrive(self._arrivals.pop(), now)
            while (job_id := self._queue.next(now)) is not None:
                self._start(job_id, now)
        stuck = self._tasks.keys() - self._done.ends.keys()
        if stuck:
            raise ValueError(f"these never started: {sorted(stuck)}")
        return self._done

    def _arrive(self, task: Task, now: float) -> None:
        self._arrived.add(task.id)
        self._offer(task, now)

    def _offer(self, task: Task, now: float) -> None:
        if self._open[task.id] or task.id not in self._arrived:
            return
        self._done.ready[task.id] = now
        place = self._place[task.id]
        job = Waiting(task.id, task.needs, task.walltime, task.priority, place, now)
        self._waiting[task.id] = job
        self._queue.add(job)

    def _start(self, job_id: int, now: float) -> None:
        self._queue.remove(job_id)
        self._queue.started(begun(self._waiting.pop(job_id), now))
        self._done.starts[job_id] = now
        heapq.heappush(self._ending, (now + self._tasks[job_id].lasts, job_id))

    def _end(self, job_id: int, now: float) -> None:
        self._queue.ended(job_id)
        self._done.ends[job_id] = now
        for child in self._children.get(job_id, ()):
            self._open[child.id].discard(job_id)
            self._offer(child, now)


def read(path: Path = SAMPLE) -> Scenario:
    """The scenario in a JSON file; sizes and times are written as in info files."""
    told = json.loads(path.read_text(encoding="utf-8"))
    machine = told["machine"]
    capacity = Capacity(machine["processors"], parse_size(machine["memory"]), machine["gpus"])
    return Scenario(capacity, tuple(_task(one) for one in told["jobs"]))


def _task(told: dict[str, str | int | list[int]]) -> Task:
    walltime = told.get("walltime")
    after = told.get("after", [])
    assert isinstance(after, list)
    return Task(
        id=int(str(told["id"])),
        arrives=parse_duration(str(told["arrives"])),
        needs=Needs(
            int(str(told["nb_proc"])),
            parse_size(str(told.get("mem", "0"))),
            int(str(told.get("nb_gpu", 0))),
        ),
        walltime=None if walltime is None else parse_duration(str(walltime)),
        runs=parse_duration(str(told["runs"])),
        priority=int(str(told.get("priority", 0))),
        after=tuple(after),
    )

"""What the planner makes of a scenario, and what a step of it costs with many jobs waiting."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator

from bench.plan import Plan
from bench.report import Section
from bench.scenario import Fifo, Schedule, Task, read, simulate
from bench.series import Series, shown
from bench.tables import Table
from qm.planner import Capacity, Needs, Planner, Running, Waiting, explain
from qm.planner.jobs import begun

DEFINITION = """
The scenario: tests/data/scenario_60.json, 60 jobs of mixed sizes, priorities, dependencies and
walltimes for 16 processors, 64 GiB and a GPU, played through the planner by a simulated clock.
FIFO starts in order of arrival and waits where the first does not fit. Without walltimes: the
same jobs, which last as long, and whose length the planner is not told. Wait: from the moment
when nothing but room was missing. Exact: it comes out the same on every machine.

The steps: N jobs wait, with 8 or 1,000 different needs, 100 priorities, and half of them with
a walltime of their own. start: the first in order fits; removed from those that wait and put
among those that run, too. backfill: it does not fit and has a moment 1,000 s ahead reserved,
and the step looks for the first that does not delay it. held back: the same, and there is
none, as the moment is now. full: no processor is free. arrival: a job is put among those that
wait. explain: the reasons of all that wait, and the expected starts of the first 200. All are
microseconds (us) of processor time, as a step only computes; explain is in milliseconds.
"""

_ROOM = Capacity(256, 1 << 40, 8)
_RESERVE_AFTER = 600.0
_NOW = 1_000_000.0
_FAR = 1_000.0
"""Seconds until the moment that is reserved."""
_WHOLE_MACHINE = Waiting(-2, Needs(*_ROOM.room), None, 100, 0, _NOW)
"""The first in order, once it waits."""


def measure(plan: Plan) -> Section:
    """Scenario first, then steps."""
    full = max(plan.sizes) >= 10_000
    sizes = (100, 10_000, 100_000) if full else (100, 1_000)
    samples = 300 if full else 10
    series: list[Series] = []
    rows = []
    for size in sizes:
        for shapes in (8, 1_000):
            steps = list(_Steps(size, shapes, samples).all())
            series += steps
            rows.append((f"{size:,}, {shapes:,} shapes", *(one.spread() for one in steps)))
    heads = ("waiting", *(f"{name} {unit}" for name, unit in _COLUMNS))
    table = Table(f"A step of the planner, {samples} samples each", heads, tuple(rows))
    return Section("planning", DEFINITION, (_scenario(), table), tuple(series))


_COLUMNS = (
    ("start", "us"),
    ("backfill", "us"),
    ("held back", "us"),
    ("full", "us"),
    ("arrival", "us"),
    ("explain", "ms"),
)


def _scenario() -> Table:
    scenario = read()
    blind = [task._replace(walltime=None, runs=task.lasts) for task in scenario.tasks]
    capacity = scenario.capacity
    schedules = {
        "FIFO without backfill": simulate(scenario.tasks, Fifo(capacity)),
        "QM": simulate(scenario.tasks, Planner(capacity, _RESERVE_AFTER)),
        "QM, no walltimes known": simulate(blind, Planner(capacity, _RESERVE_AFTER)),
    }
    heads = ("60 jobs", "makespan h", "mean wait h", "longest wait h", "processors used %")
    rows = [(name, *_figures(one, scenario.tasks, capacity)) for name, one in schedules.items()]
    return Table("The scenario, Reserve_after = 10 min", heads, tuple(rows))


def _figures(schedule: Schedule, tasks: tuple[Task, ...], capacity: Capacity) -> tuple[str, ...]:
    work = sum(capacity.demand(task.needs).processors * task.lasts for task in tasks)
    used = 100 * work / (capacity.processors * schedule.makespan)
    hours = (schedule.makespan, schedule.mean_wait, max(schedule.waits.values()))
    return (*(shown(value / 3600) for value in hours), shown(used))


class _Steps:
    """A queue of ``size`` jobs with ``shapes`` different needs; each measure goes on from the last.

    Jobs that start end at once and are put last, so that the queue stays as long.
    """

    def __init__(self, size: int, shapes: int, samples: int) -> None:
        self._samples = samples
        self._name = f"{size:,} waiting, {shapes:,} shapes"
        self._random = random.Random(size * shapes)
        self._kinds = [self._needs() for _ in range(shapes)]
        self._jobs = {n: self._job(n, self._kinds[n % shapes]) for n in range(1, size + 1)}
        self._lowest = 0
        self._planner = Planner(_ROOM, _RESERVE_AFTER)
        for job in self._jobs.values():
            self._planner.add(job)

    def all(self) -> Iterator[Series]:
        """In the order of the table's columns."""
        yield self._series("start", self._start)
        self._planner.add(_WHOLE_MACHINE)
        self._planner.started(_other(_NOW + _FAR))
        yield self._series("backfill", self._search)
        self._planner.started(_other(_NOW))
        yield self._series("held back", self._search)
        self._planner.started(_other(_NOW, _ROOM.processors))
        yield self._series("full", self._search)
        yield self._series("arrival", self._arrival)
        yield self._series("explain", self._explain, scale=1e3, samples=max(self._samples // 30, 1))

    def _needs(self) -> Needs:
        pick = self._random.randint
        return Needs(pick(1, 32), pick(0, 64) << 30, pick(0, 1) * pick(0, 2))

    def _job(self, number: int, needs: Needs) -> Waiting:
        walltime = self._random.choice([None, self._random.uniform(60.0, 1e5)])
        return Waiting(number, needs, walltime, self._random.randint(0, 99), number, _NOW)

    def _series(
        self, name: str, step: Callable[[], float], scale: float = 1e6, samples: int | None = None
    ) -> Series:
        values = tuple(step() * scale for _ in range(samples or self._samples))
        return Series(f"{name}, {self._name}", dict(_COLUMNS)[name], values)

    def _start(self) -> float:
        began = time.thread_time()
        job_id = self._planner.next(_NOW)
        assert job_id is not None
        self._planner.remove(job_id)
        self._planner.started(begun(self._jobs[job_id], _NOW))
        taken = time.thread_time() - began
        self._planner.ended(job_id)
        self._put_last(job_id)
        return taken

    def _search(self) -> float:
        began = time.thread_time()
        job_id = self._planner.next(_NOW)
        taken = time.thread_time() - began
        if job_id is not None:
            self._put_last(job_id)
        return taken

    def _put_last(self, job_id: int) -> None:
        self._lowest -= 1
        self._planner.add(self._jobs[job_id]._replace(priority=self._lowest))

    def _arrival(self) -> float:
        job = self._job(0, self._random.choice(self._kinds))
        began = time.thread_time()
        self._planner.add(job)
        taken = time.thread_time() - began
        self._planner.remove(job.id)
        return taken

    def _explain(self) -> float:
        waiting = [_WHOLE_MACHINE, *self._jobs.values()]
        running = [_other(_NOW + _FAR)]
        began = time.thread_time()
        told = explain(waiting, running, _ROOM, _NOW, _RESERVE_AFTER)
        taken = time.thread_time() - began
        assert len(told) == len(waiting)
        return taken


def _other(ends: float, processors: int = 128) -> Running:
    """The job that runs already."""
    return Running(-1, Needs(processors), 100, -1, _NOW - 1.0, ends)

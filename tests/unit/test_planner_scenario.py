"""Sixty jobs on one machine: against FIFO; and steps with a hundred thousand jobs waiting."""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest

from bench.plan import Plan
from bench.planning import measure
from bench.scenario import Fifo, Schedule, Task, read, simulate
from qm.planner import Capacity, Needs, Planner, Waiting
from tests.fakes.planning import GB, runs, waits

SCENARIO = read()


@pytest.fixture(scope="module")
def planned() -> Schedule:
    return simulate(SCENARIO.tasks, Planner(SCENARIO.capacity, 600.0))


def test_the_scenario_is_mixed() -> None:
    tasks = SCENARIO.tasks
    assert len({task.id for task in tasks}) == 60
    assert {task.priority for task in tasks} == {-5, 0, 5}
    assert len({task.needs for task in tasks}) >= 6
    assert sum(task.walltime is None for task in tasks) >= 10
    assert sum(bool(task.after) for task in tasks) >= 8
    assert sum(task.needs.gpus for task in tasks) >= 3


def test_all_sixty_start_and_no_child_before_its_parents_have_ended(planned: Schedule) -> None:
    assert len(planned.starts) == 60
    for task in SCENARIO.tasks:
        assert planned.starts[task.id] >= task.arrives
        for parent in task.after:
            assert planned.starts[task.id] >= planned.ends[parent]


def test_never_more_is_in_use_than_the_scenario_has(planned: Schedule) -> None:
    room = SCENARIO.capacity.room
    for moment in planned.starts.values():
        used = Needs(0, 0, 0)
        for task in SCENARIO.tasks:
            if planned.starts[task.id] <= moment < planned.ends[task.id]:
                used = used.with_more(task.needs)
        assert used.within(room)


def test_it_ends_sooner_and_waits_less_than_fifo(planned: Schedule) -> None:
    fifo = simulate(SCENARIO.tasks, Fifo(SCENARIO.capacity))
    assert planned.makespan < 0.97 * fifo.makespan
    assert planned.mean_wait < 0.6 * fifo.mean_wait


def test_fifo_starts_in_order_of_arrival() -> None:
    tasks = [Task(1, 0, Needs(3), None, 10), Task(2, 1, Needs(4), None, 10)]
    schedule = simulate([*tasks, Task(3, 2, Needs(1), None, 10)], Fifo(Capacity(4)))
    assert schedule.starts == {1: 0, 2: 10, 3: 20}


def test_a_walltime_ends_a_job_of_a_scenario() -> None:
    schedule = simulate([Task(1, 5, Needs(1), 10.0, 99)], Planner(Capacity(1), None))
    assert schedule.ends == {1: 15.0}


def test_jobs_that_wait_for_each_other_are_told() -> None:
    tasks = [Task(1, 0, Needs(), None, 1, after=(2,)), Task(2, 0, Needs(), None, 1, after=(1,))]
    with pytest.raises(ValueError, match=r"\[1, 2\]"):
        simulate(tasks, Planner(Capacity(1), None))


@pytest.mark.parametrize("shapes", [4, 1000])
def test_a_step_is_not_dearer_with_ten_times_as_many_jobs_waiting(shapes: int) -> None:
    few, many = (least_step(shapes, waiting) for waiting in (10_000, 100_000))
    assert many < 5 * few


def least_step(shapes: int, waiting: int) -> float:
    """Seconds that the quickest of some steps took with so many jobs of so many shapes."""
    pick = random.Random(shapes)
    kinds = [
        Needs(pick.randint(1, 16), pick.randint(0, 64) * GB, pick.randint(0, 1))
        for _ in range(shapes)
    ]
    planner = Planner(Capacity(64, 256 * GB, 8), 600.0)
    for n in range(1, waiting + 1):
        walltime = pick.uniform(60, 1e5)
        planner.add(Waiting(n, kinds[n % shapes], walltime, pick.randint(0, 9), n, 0.0))
    planner.add(waits(-1, 64, priority=99))
    planner.started(runs(-2, 32, ends=1000.0))
    took = []
    for _ in range(20):
        began = time.perf_counter()
        job_id = planner.next(0.0)
        took.append(time.perf_counter() - began)
        assert job_id is not None
        planner.remove(job_id)
    return min(took)


def test_the_benchmark_tells_figures_for_scenario_and_steps(tmp_path: Path) -> None:
    section = measure(Plan(where=tmp_path, sizes=(0, 60)))
    scenario, steps = section.tables
    assert [row[0] for row in scenario.rows][:2] == ["FIFO without backfill", "QM"]
    assert len(steps.rows) == 4

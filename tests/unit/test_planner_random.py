"""The planner under random work: against its definition, its limits, and starvation."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.scenario import Task, simulate
from qm.planner import Capacity, Needs, Planner, Running, Waiting
from qm.planner.group import Group
from qm.planner.jobs import begun, free_room
from tests.fakes.planning import (
    GB,
    NOW,
    capacities,
    needs,
    next_by_definition,
    planner_of,
    reserves,
    some_running,
    some_waiting,
)


@given(some_waiting(), some_running(), capacities, reserves)
@settings(max_examples=600, deadline=None)
def test_the_answer_is_that_of_the_definition(
    waiting: list[Waiting],
    running: list[Running],
    capacity: Capacity,
    reserve_after: float | None,
) -> None:
    planner = planner_of(capacity, waiting, running, reserve_after)
    expected = next_by_definition(waiting, running, capacity, reserve_after, NOW)
    assert planner.next(NOW) == expected


@given(some_waiting(), some_running(), capacities, reserves, st.floats(0, 1000))
@settings(max_examples=300, deadline=None)
def test_time_alone_never_lets_a_job_start(
    waiting: list[Waiting],
    running: list[Running],
    capacity: Capacity,
    reserve_after: float | None,
    later: float,
) -> None:
    planner = planner_of(capacity, waiting, running, reserve_after)
    while (job_id := planner.next(NOW)) is not None:
        job = next(job for job in waiting if job.id == job_id)
        planner.remove(job_id)
        planner.started(begun(job, NOW))
    assert planner.next(NOW + later) is None


@pytest.mark.parametrize("seed", range(8))
def test_a_group_finds_what_a_sorted_list_finds(seed: int) -> None:
    pick = random.Random(seed)
    walltimes = [1.0, 2.0, *[50.0] * 20, *[float("inf")] * 20]
    left = [((pick.randint(-2, 2), n, n), pick.choice(walltimes)) for n in range(300)]
    pick.shuffle(left)
    group = Group(Needs(), Needs())
    for entry in left:
        group.add(entry)
    pick.shuffle(left)
    while left:
        assert group and group.first == min(left)[0]
        before = pick.choice([None, pick.choice(left)[0]])
        for limit in (0.0, 2.0, float("inf")):
            short = [place for place, walltime in left if walltime <= limit]
            found = min(short, default=None)
            late = found is not None and before is not None and found >= before
            assert group.first_within(limit, before) == (None if late else found)
        group.remove(left.pop())
    assert not group


class Night:
    """A queue over a long time: jobs come and end, limits and priorities change."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.capacity = Capacity(16, 32 * GB, 2)
        self.reserve_after = 30.0
        self.planner = Planner(self.capacity, self.reserve_after)
        self.waiting: dict[int, Waiting] = {}
        self.running: dict[int, Running] = {}
        self.now = 1000.0
        self.last = 0
        self.starts = 0

    def step(self) -> None:
        """Something happens, and what may start does."""
        self.now += self.random.choice([0.0, 0.25, 1.0, 5.0])
        chance = self.random.random()
        if chance < 0.55 and len(self.waiting) < 40:
            self.arrive()
        elif chance < 0.94 and self.running:
            self.end()
        elif chance < 0.97 and self.waiting:
            job = self.random.choice(list(self.waiting.values()))
            self.put(job._replace(priority=self.random.randint(-2, 2)))
        elif chance < 0.98 and self.waiting:
            self.take(self.random.choice(list(self.waiting)))
        elif chance < 0.982:
            processors = self.random.choice([4, 16, 16, 20])
            self.capacity = Capacity(processors, self.random.choice([None, 32 * GB]), 2)
            self.planner.set_capacity(self.capacity)
        self.start_all()

    def arrive(self) -> None:
        pick = self.random
        self.last += 1
        large = pick.random() < 0.15
        asked = Needs(
            pick.randint(8, 20) if large else pick.randint(1, 4),
            pick.choice([0, 0, 2 * GB, 8 * GB]),
            pick.choice([0, 0, 0, 1, 2]),
        )
        walltime = pick.choice([None, float(pick.randint(1, 60))])
        priority = pick.choice([0, 0, 0, 0, 1])
        self.put(Waiting(self.last, asked, walltime, priority, self.last, self.now))

    def put(self, job: Waiting) -> None:
        self.waiting[job.id] = job
        self.planner.add(job)

    def take(self, job_id: int) -> Waiting:
        self.planner.remove(job_id)
        return self.waiting.pop(job_id)

    def end(self) -> None:
        runs = self.running.values()
        over = [job.id for job in runs if job.ends is not None and job.ends <= self.now]
        job_id = over[0] if over else self.random.choice(list(self.running))
        del self.running[job_id]
        self.planner.ended(job_id)

    def start_all(self) -> None:
        while (job_id := self.planner.next(self.now)) is not None:
            run = begun(self.take(job_id), self.now)
            self.running[job_id] = run
            self.planner.started(run)
            self.starts += 1
            assert Needs(0, 0, 0).within(free_room(self.running.values(), self.capacity))

    def by_definition(self) -> int | None:
        return next_by_definition(
            self.waiting.values(),
            self.running.values(),
            self.capacity,
            self.reserve_after,
            self.now,
        )


def nights(steps: int, *, compare_every: int) -> Iterator[Night]:
    """The night after each step; now and then the planner is held against the definition."""
    night = Night(steps)
    for step in range(steps):
        night.step()
        if step % compare_every == 0:
            assert night.by_definition() is None
        yield night


def test_never_more_is_in_use_than_there_is() -> None:
    for night in nights(3_000, compare_every=10):
        assert len(night.planner) == len(night.waiting)
    assert night.starts > 500


@pytest.mark.slow
def test_never_more_is_in_use_than_there_is_in_a_hundred_thousand_steps() -> None:
    for night in nights(100_000, compare_every=5):
        assert len(night.planner) == len(night.waiting)
    assert night.starts > 20_000


@pytest.mark.parametrize("walltime", [None, 10.0])
def test_a_large_job_in_a_stream_of_small_ones_starts(walltime: float | None) -> None:
    small = [Task(n, n * 0.7, Needs(1), walltime, 10.0) for n in range(1, 2000)]
    large = Task(5000, 100.2, Needs(16), walltime, 10.0)
    schedule = simulate([*small, large], Planner(Capacity(16), 60.0))
    assert schedule.waits[5000] <= (70.0 if walltime is None else 10.0)


def test_without_a_reservation_it_would_wait_for_the_end_of_the_stream() -> None:
    small = [Task(n, n * 0.7, Needs(1), None, 10.0) for n in range(1, 2000)]
    large = Task(5000, 100.2, Needs(16), None, 10.0)
    schedule = simulate([*small, large], Planner(Capacity(16), None))
    assert schedule.waits[5000] > 800


@st.composite
def some_tasks(draw: st.DrawFn, priorities: st.SearchStrategy[int]) -> list[Task]:
    tasks = []
    for job_id in range(1, draw(st.integers(2, 40))):
        lasts = float(draw(st.integers(1, 20)))
        slack = draw(st.none() | st.sampled_from([0.0, 5.0]))
        tasks.append(
            Task(
                job_id,
                float(draw(st.integers(0, 60))),
                draw(needs),
                None if slack is None else lasts + slack,
                lasts,
                draw(priorities),
            )
        )
    return tasks


LONGEST = 25.0
"""No task of some_tasks asks for more, or takes longer."""


@given(some_tasks(st.just(0)), st.integers(0, 30).map(float))
@settings(max_examples=300, deadline=None)
def test_each_job_starts_within_a_bound_that_only_those_before_it_move(
    tasks: list[Task], reserve_after: float
) -> None:
    schedule = simulate(tasks, Planner(Capacity(8, 6 * GB, 2), reserve_after))
    order = sorted(tasks, key=lambda task: (task.arrives, task.id))
    for before, task in enumerate(order):
        assert schedule.waits[task.id] <= reserve_after + (before + 1) * LONGEST


@given(some_tasks(st.integers(-1, 1)), reserves)
@settings(max_examples=200, deadline=None)
def test_all_jobs_start_and_the_same_work_gives_the_same_schedule(
    tasks: list[Task], reserve_after: float | None
) -> None:
    capacity = Capacity(8, 6 * GB, 2)
    first = simulate(tasks, Planner(capacity, reserve_after))
    assert first == simulate(reversed(tasks), Planner(capacity, reserve_after))
    moments = sorted({*first.starts.values(), *first.ends.values()})
    for moment in moments:
        in_use = [
            Running(task.id, task.needs, 0, 0, 0.0, None)
            for task in tasks
            if first.starts[task.id] <= moment < first.ends[task.id]
        ]
        assert Needs(0, 0, 0).within(free_room(in_use, capacity))

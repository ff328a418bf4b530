"""Why jobs wait: the sentences, and that they say what the planner does."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.scenario import Task, simulate
from qm.model import Reason
from qm.planner import Capacity, Needs, Planner, Running, Waiting, explain, explain_one
from qm.planner.jobs import begun, free_room
from qm.times import local_text, utc_seconds
from tests.fakes.planning import (
    GB,
    NOW,
    capacities,
    needs,
    planner_of,
    reserves,
    runs,
    some_running,
    some_waiting,
    waits,
)

EIGHT = Capacity(8, 8 * GB, 2)
NOON = utc_seconds("2025-03-01T12:00:00.000Z")


def told(
    waiting: list[Waiting],
    running: list[Running],
    capacity: Capacity = EIGHT,
    now: float = 0.0,
    reserve_after: float | None = 600.0,
) -> dict[int, str]:
    explained = explain(waiting, running, capacity, now, reserve_after)
    return {job_id: str(one.reason) for job_id, one in explained.items()}


def test_processors_memory_and_gpus_that_are_missing_are_told_with_who_holds_them() -> None:
    running = [runs(12, 2, memory=6 * GB), runs(14, 3, gpus=2)]
    waiting = [
        waits(20, 8),
        waits(21, 1, memory=4 * GB),
        waits(22, 1, gpus=1),
        waits(23, 4, memory=5 * GB, gpus=2),
    ]
    assert told(waiting, running) == {
        20: "Resources: needs 8 processors, 3 free (12, 14 hold 5)",
        21: "Resources: needs 4 GiB of memory, 2 GiB free (12 holds 6 GiB)",
        22: "Resources: needs 1 GPU, 0 free (14 holds 2)",
        23: "Resources: needs 4 processors, 3 free (12, 14 hold 5); "
        "needs 5 GiB of memory, 2 GiB free (12 holds 6 GiB); needs 2 GPUs, 0 free (14 holds 2)",
    }


def test_of_many_holders_some_are_named_and_the_rest_is_counted() -> None:
    running = [runs(job_id) for job_id in range(8, 0, -1)]
    assert told([waits(9)], running) == {
        9: "Resources: needs 1 processor, 0 free (1, 2, 3, 4, 5 and 3 more hold 8)"
    }


def test_where_more_is_in_use_than_the_limit_nothing_is_free() -> None:
    assert told([waits(9)], [runs(1, 4), runs(2, 3)], Capacity(4)) == {
        9: "Resources: needs 1 processor, 0 free (1, 2 hold 7)"
    }


def test_jobs_that_may_start_are_told_how_many_come_first() -> None:
    waiting = [waits(2), waits(3, 8), waits(4), waits(5, priority=1)]
    assert told(waiting, [runs(1, 5)]) == {
        2: "Priority: 1 job starts before it",
        3: "Resources: needs 8 processors, 3 free (1 holds 5)",
        4: "Priority: 2 jobs start before it",
        5: "Priority: starts next",
    }


def test_blocking_names_the_job_that_runs() -> None:
    one = Capacity(8, blocking=True)
    assert told([waits(2)], [runs(1)], one) == {2: "Resources: one job at a time, 1 runs"}
    assert told([waits(2)], [], one) == {2: "Priority: starts next"}


def test_what_stops_all_jobs_is_the_reason_of_each() -> None:
    full = Reason("DiskFull", "no space")
    waiting = [waits(2), waits(3, 99)]
    explained = explain(waiting, [], EIGHT, 0, None, obstacle=full)
    assert {(one.reason, one.expected_start) for one in explained.values()} == {(full, None)}


def test_a_job_that_is_held_back_is_told_for_which_one_and_until_when() -> None:
    running = [runs(1, 6, ends=NOON + 300)]
    reasons = told([waits(2, 8), waits(3, walltime=600)], running, now=NOON)
    clock = local_text(NOON + 300)[11:16]
    assert reasons[3] == f"Priority: 8 processors are kept for job 2 until about {clock}"


def test_a_moment_on_another_day_is_told_with_its_date() -> None:
    running = [runs(1, 6, ends=NOON + 5 * 86400)]
    reasons = told([waits(2, 8), waits(3)], running, now=NOON)
    date = local_text(NOON + 5 * 86400)[:10]
    assert re.fullmatch(rf"Priority: 8 processors .* until about {date} \d\d:\d\d", reasons[3])


def test_a_job_that_should_have_ended_makes_no_promise_of_a_time() -> None:
    running = [runs(1, 6, ends=NOON - 1)]
    assert told([waits(2, 8), waits(3)], running, now=NOON)[3] == (
        "Priority: 8 processors are kept for job 2, which is about to start"
    )


def test_a_reservation_without_a_time_says_since_when_the_job_has_waited() -> None:
    head = waits(2, 8, memory=GB, gpus=1, since=NOON - 900)
    clock = local_text(NOON - 900)[11:16]
    assert told([head, waits(3)], [runs(1, 6)], now=NOON)[3] == (
        "Priority: 8 processors, 1 GiB of memory and 1 GPU are kept for job 2, "
        f"which has waited since {clock}"
    )


def test_a_single_thing_is_kept() -> None:
    reasons = told([waits(2, 1), waits(3, 1)], [runs(1, 1, ends=9)], Capacity(1))
    assert reasons[3] == "Resources: needs 1 processor, 0 free (1 holds 1)"
    gpu = Capacity(2, None, 1)
    running = [runs(1, 1, gpus=1, ends=NOON + 60)]
    reasons = told([waits(2, 2, gpus=1), waits(3)], running, gpu, now=NOON)
    assert reasons[3].startswith("Priority: 2 processors and 1 GPU are kept for job 2")


def test_starts_are_expected_where_walltimes_tell_them() -> None:
    running = [runs(1, 6, ends=100.0)]
    waiting = [waits(2, 8, walltime=50), waits(3, 1, walltime=90), waits(4, 2), waits(5, 8)]
    explained = explain(waiting, running, EIGHT, 0, 600)
    starts = {job_id: one.expected_start for job_id, one in explained.items()}
    assert starts == {2: 100.0, 3: 0.0, 4: 150.0, 5: None}


def test_no_start_is_expected_in_the_past() -> None:
    explained = explain([waits(2, 8)], [runs(1, 6, ends=50.0)], EIGHT, 80.0, None)
    assert explained[2].expected_start == 80.0


def test_a_job_that_ends_just_as_the_first_one_can_start_is_not_held_back() -> None:
    waiting = [waits(2, 8), waits(3, walltime=300.0), waits(4, walltime=301.0)]
    reasons = told(waiting, [runs(1, 6, ends=300.0)])
    assert reasons[3] == "Priority: starts next" and " kept for job 2 " in reasons[4]


def test_starts_are_computed_for_the_first_jobs_only() -> None:
    waiting = [waits(n, 8, walltime=10) for n in range(1, 6)]
    explained = explain(waiting, [], EIGHT, 0, None, limit=3)
    assert [one.expected_start for one in explained.values()] == [0.0, 10.0, 20.0, None, None]
    one = explain_one(5, waiting, [], EIGHT, 0, None)
    assert one.expected_start == 40.0 and one.reason == explained[5].reason


def test_a_job_that_does_not_wait_cannot_be_explained() -> None:
    with pytest.raises(KeyError):
        explain_one(2, [waits(1)], [], EIGHT, 0, None)


@given(some_waiting(), some_running(), capacities, reserves)
@settings(max_examples=400, deadline=None)
def test_what_is_told_is_what_the_planner_does(
    waiting: list[Waiting],
    running: list[Running],
    capacity: Capacity,
    reserve_after: float | None,
) -> None:
    explained = explain(waiting, running, capacity, NOW, reserve_after)
    assert explained.keys() == {job.id for job in waiting}
    texts = {job_id: str(one.reason) for job_id, one in explained.items()}
    nexts = [job_id for job_id, text in texts.items() if text == "Priority: starts next"]
    planned = planner_of(capacity, waiting, running, reserve_after).next(NOW)
    assert nexts == ([] if planned is None else [planned])
    free = free_room(running, capacity)
    head = min(waiting, key=lambda job: job.order, default=None)
    for job in waiting:
        fits = capacity.demand(job.needs).within(free)
        text = texts[job.id]
        assert text.startswith("Resources: needs") == (
            not fits and not (capacity.blocking and running)
        )
        assert head is not None
        beside_head = planner_of(capacity, {head, job}, running, reserve_after).next(NOW)
        if " kept for job " in text:
            assert fits and beside_head is None and f" for job {head.id}" in text
        elif re.search("starts? (next|before)", text):
            assert beside_head in {head.id, job.id}
            alone = planner_of(capacity, [job], running, reserve_after)
            assert alone.next(NOW) == job.id


@given(some_waiting(), some_running(), capacities, reserves)
@settings(max_examples=200, deadline=None)
def test_what_is_said_to_start_next_comes_when_those_before_it_have_started(
    waiting: list[Waiting],
    running: list[Running],
    capacity: Capacity,
    reserve_after: float | None,
) -> None:
    planner = planner_of(capacity, waiting, running, reserve_after)
    jobs = {job.id: job for job in waiting}
    while jobs:
        explained = explain(jobs.values(), running, capacity, NOW, reserve_after)
        said = [n for n, one in explained.items() if one.reason.text == "starts next"]
        job_id = planner.next(NOW)
        assert said == ([] if job_id is None else [job_id])
        if job_id is None:
            break
        planner.remove(job_id)
        running = [*running, begun(jobs.pop(job_id), NOW)]
        planner.started(running[-1])


@st.composite
def exact_tasks(draw: st.DrawFn) -> list[Task]:
    return [
        Task(n, 0.0, draw(needs), lasts, lasts, draw(st.integers(-1, 1)))
        for n, lasts in enumerate(draw(st.lists(st.integers(1, 20).map(float), max_size=30)), 1)
    ]


@given(exact_tasks(), capacities, reserves)
@settings(max_examples=200, deadline=None)
def test_expected_starts_come_true_where_all_walltimes_do(
    tasks: list[Task], capacity: Capacity, reserve_after: float | None
) -> None:
    schedule = simulate(tasks, Planner(capacity, reserve_after))
    waiting = [
        Waiting(task.id, task.needs, task.walltime, task.priority, task.id, 0.0) for task in tasks
    ]
    explained = explain(waiting, [], capacity, 0.0, reserve_after)
    assert {n: one.expected_start for n, one in explained.items()} == schedule.starts


def test_ten_thousand_waiting_jobs_are_explained_in_a_tenth_of_a_second() -> None:
    waiting = [
        Waiting(n, Needs(n % 7 + 1, n % 5 * GB), float(n % 90 + 1), n % 3, n, 0.0)
        for n in range(10, 10_010)
    ]
    running = [runs(1, 5, ends=50.0), runs(2, 2)]
    best = 10.0
    for _ in range(5):
        began = time.perf_counter()
        explain(waiting, running, EIGHT, 0.0, 600.0)
        best = min(best, time.perf_counter() - began)
    assert best < 0.1

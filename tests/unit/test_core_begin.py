"""Jobs that are not to start before a time, whatever the clock on the wall does."""

from __future__ import annotations

import pytest

from qm.core import events as ev
from qm.model import State
from qm.times import utc_text
from tests.fakes.bench import Bench


def begins_in(bench: Bench, seconds: float, **options: object) -> int:
    return bench.queue("a", begin=utc_text(bench.wall + seconds), **options).id


def reason(bench: Bench, job_id: int) -> str:
    return str(bench.state.jobs[job_id].reason)


def test_a_job_waits_for_its_time_and_says_so() -> None:
    bench = Bench()
    job = begins_in(bench, 100)
    assert reason(bench, job).startswith("BeginTime: not before ")
    assert bench.plan() == []
    bench.tick(99)
    assert bench.plan() == []
    bench.tick(2)
    assert bench.claim().job.id == job


def test_a_time_that_is_over_is_not_waited_for() -> None:
    bench = Bench()
    begins_in(bench, -100)
    assert len(bench.plan()) == 1


def test_the_next_wake_up_is_the_next_time() -> None:
    bench = Bench()
    begins_in(bench, 100)
    wake = bench.core.next_wake()
    assert wake is not None and wake == pytest.approx(bench.mono + 100, abs=0.01)


def test_a_clock_that_is_set_forward_brings_the_time_nearer() -> None:
    bench = Bench()
    job = begins_in(bench, 10_000)
    bench.wall += 10_001
    assert bench.plan() == []
    wake = bench.core.next_wake()
    assert wake is not None and wake <= bench.mono, "known as soon as anything happens"
    bench.tick()
    assert bench.claim().job.id == job


def test_a_clock_that_is_set_back_puts_the_time_off() -> None:
    bench = Bench()
    job = begins_in(bench, 100)
    bench.wall -= 5000
    bench.tick(200)
    assert bench.plan() == [] and "BeginTime" in reason(bench, job)
    bench.tick(5000)
    assert bench.claim().job.id == job


def test_other_jobs_start_meanwhile() -> None:
    bench = Bench(processors=1)
    begins_in(bench, 100, priority=9)
    other = bench.queue("other")
    assert bench.claim().job.id == other.id


def test_a_job_that_was_released_still_waits_for_its_time() -> None:
    bench = Bench()
    job_id = begins_in(bench, 100, hold=True)
    bench.hold(bench.state.jobs[job_id], None)
    assert bench.plan() == [] and "BeginTime" in reason(bench, job_id)
    bench.tick(101)
    assert bench.claim().job.id == job_id


def test_a_time_is_kept_over_a_restart() -> None:
    bench = Bench()
    job = bench.state.jobs[begins_in(bench, 100)]
    after = Bench(starting=True, wall=bench.wall + 50, mono=3.0)
    after.adopt_waiting(job)
    after.tell(ev.Found())
    assert after.plan() == [] and after.state.jobs[job.id].state is State.QUEUED
    after.tick(51)
    assert after.claim().job.id == job.id


def test_a_job_that_is_gone_when_its_time_comes_is_no_trouble() -> None:
    bench = Bench()
    begins_in(bench, 100)
    bench.gone("a")
    assert bench.tick(101) == []
    assert bench.state.due == []

"""The brake: after some quick failures in a row a script's other jobs are held."""

from __future__ import annotations

from typing import Any

import pytest

from qm.core import actions as act
from qm.core import events as ev
from qm.model import Job, Place, Reason, State
from qm.times import utc_text
from tests.fakes.bench import Bench, kinds, only, records_of

SCRIPT = "python fit.py"
QUICK = {"started": "2026-01-01T00:00:01.000Z", "ended": "2026-01-01T00:00:02.000Z"}
SLOW = {"started": "2026-01-01T00:00:01.000Z", "ended": "2026-01-01T00:05:02.000Z"}


def a_bench(**more: Any) -> Bench:
    return Bench(processors=1, more={"brake": 3, "brake_within": 10.0, **more})


def run_and_fail(bench: Bench, name: str, **options: Any) -> list[act.Action]:
    bench.queue(name, **{"script": f"{SCRIPT} {name}", **options})
    return fail_next(bench)


def fail_next(bench: Bench, **outcome: Any) -> list[act.Action]:
    job = bench.run_next()
    actions = bench.fail(job, **{**QUICK, **outcome})
    bench.tell(ev.Moved(job.id, State.FAILED, job.name))
    return actions


def brake(bench: Bench, *waiting: str) -> tuple[list[act.Action], list[Job]]:
    """Three quick failures, while others wait."""
    bench.queue("a", script=f"{SCRIPT} a")
    run_now = [bench.run_next()]
    jobs = [bench.queue(name, script=f"{SCRIPT} {name}", priority=-1) for name in waiting]
    bench.fail(run_now[0], **QUICK)
    run_and_fail(bench, "b")
    return run_and_fail(bench, "c"), jobs


def test_quick_failures_in_a_row_hold_the_rest_of_that_scripts_jobs_with_one_message() -> None:
    bench = a_bench()
    actions, (one, two) = brake(bench, "x", "y")
    told = only(actions, act.TellBrake)
    assert told.held == (one.id, two.id) and len(told.failed) == 3
    reason = bench.state.jobs[one.id].reason
    assert reason is not None and reason.word == "Brake"
    assert "3 jobs of python fit.py failed within 10 s" in reason.text
    marks = [a.job.id for a in actions if isinstance(a, act.SetHold)]
    assert marks == [one.id, two.id]
    assert bench.plan() == []


def test_other_scripts_and_other_owners_go_on() -> None:
    bench = a_bench()
    brake(bench, "x")
    other = bench.queue("other", script="python other.py")
    owner = bench.queue("owner", script=f"{SCRIPT} z", e_mail="ben@example.org")
    longer = bench.queue("longer", script="python fit.pyc z")
    waiting = {job.id for job in bench.state.jobs.values() if job.state is State.QUEUED}
    assert waiting == {other.id, owner.id, longer.id}


@pytest.mark.parametrize(
    "between",
    [{"exit_code": 0}, {"exit_code": 0, **SLOW}],
    ids=["a quick success", "a slow success"],
)
def test_a_success_in_between_makes_the_count_begin_anew(between: dict[str, Any]) -> None:
    bench = a_bench()
    run_and_fail(bench, "a")
    run_and_fail(bench, "b")
    bench.queue("ok", script=f"{SCRIPT} ok")
    fail_next(bench, **between)
    waiting = bench.queue("x", script=f"{SCRIPT} x", priority=-1)
    assert "TellBrake" not in kinds(run_and_fail(bench, "c"))
    assert bench.state.jobs[waiting.id].state is State.QUEUED


@pytest.mark.parametrize(
    "outcome",
    [SLOW, {"reason": Reason("User", "killed by anna")}, {"reason": Reason("TimeLimit", "1 s")}],
    ids=["slow", "killed", "too long"],
)
def test_only_quick_failures_count(outcome: dict[str, Any]) -> None:
    bench = a_bench()
    for name in "abcd":
        bench.queue(name, script=SCRIPT)
        assert "TellBrake" not in kinds(fail_next(bench, **outcome))
    assert not any(b.engaged for b in bench.state.brakes.values())


def test_attempts_that_are_tried_again_do_not_count() -> None:
    bench = a_bench()
    bench.queue("a", script=SCRIPT, retries=5)
    for _ in range(5):
        job = bench.run_next()
        bench.fail(job, **QUICK)
        bench.tell(ev.Requeued(job.id, "a", None))
    assert bench.state.brakes == {}


def test_what_is_tried_again_is_held_while_the_brake_is_on() -> None:
    bench = Bench(processors=2, more={"brake": 3, "brake_within": 10.0})
    retried = bench.queue("r", script=f"{SCRIPT} r", retries=3)
    job = bench.run_next()
    for name in "abc":
        run_and_fail(bench, name)
    bench.fail(job, **QUICK)
    actions = bench.tell(ev.Requeued(retried.id, "r", None))
    assert only(actions, act.SetHold).job.id == retried.id
    assert bench.state.jobs[retried.id].state is State.HELD


def test_what_a_person_runs_again_is_not_held() -> None:
    bench = a_bench()
    bench.queue("a", script=SCRIPT)
    first = bench.run_next()
    bench.fail(first, **QUICK)
    bench.tell(ev.Moved(first.id, State.FAILED, "a"))
    for name in "bc":
        run_and_fail(bench, name)
    bench.tell(ev.Rerun(first, Place.DONE, "r1"))
    bench.tell(ev.Requeued(first.id, "a", None))
    assert bench.claim().job.id == first.id


def test_later_arrivals_are_held_as_well() -> None:
    bench = a_bench()
    brake(bench)
    offer = bench.offer("late", script=f"{SCRIPT} late")
    actions = bench.tell(ev.Accepted(offer.job.id, None))
    assert only(actions, act.SetHold).job.id == offer.job.id
    late = bench.state.jobs[offer.job.id]
    assert late.state is State.HELD and late.reason is not None and late.reason.word == "Brake"


def test_a_release_lets_that_job_go_and_the_count_begin_anew() -> None:
    bench = a_bench()
    _, (one, two) = brake(bench, "x", "y")
    bench.hold(one, bench.state.jobs[one.id].reason)
    bench.ask("release", str(one.id))
    assert only(bench.hold(one, None, "r1"), act.Answer).ok
    assert bench.state.jobs[two.id].state is State.HELD, "each is released by itself"
    assert bench.state.brakes == {}
    assert bench.queue("new", script=SCRIPT, priority=-9).state is State.QUEUED
    assert bench.claim().job.id == one.id


def test_without_a_limit_nothing_is_ever_held() -> None:
    bench = a_bench(brake=0)
    for name in "abcdefgh":
        run_and_fail(bench, name)
    assert bench.state.brakes == {}


def test_a_look_from_before_the_mark_was_written_does_not_release_the_job() -> None:
    bench = a_bench()
    _, (one,) = brake(bench, "x")
    held = bench.state.jobs[one.id]
    unmarked: dict[str, Any] = {"identity": one.identity, "records": records_of(one)}
    bench.look("x", **unmarked)
    assert bench.state.jobs[one.id].state is State.HELD, "the mark is still being written"
    bench.hold(one, held.reason)
    assert kinds(bench.look("x", **unmarked)) == ["Inspect"], "that look may be older"
    bench.look("x", identity=one.identity, records=records_of(one, hold=held.reason))
    assert bench.state.jobs[one.id].state is State.HELD
    bench.look("x", **unmarked)
    assert bench.state.jobs[one.id].state is State.QUEUED, "a person took the mark away"


def test_a_mark_that_cannot_be_written_is_written_later_and_the_job_held_until_then() -> None:
    bench = a_bench()
    _, (one,) = brake(bench, "x")
    reason = bench.state.jobs[one.id].reason
    assert bench.tell(ev.NotHeld(one.id, reason, None, "no space")) == []
    again = bench.look("x", identity=one.identity, records=records_of(one))
    assert only(again, act.SetHold).reason == reason
    assert bench.state.jobs[one.id].state is State.HELD
    bench.ask("release", str(one.id))
    bench.hold(one, None, "r1")
    assert bench.state.jobs[one.id].state is State.QUEUED


def test_what_is_remembered_of_scripts_does_not_grow() -> None:
    bench = a_bench()
    for number in range(1100):
        bench.queue("a", script=f"python fit{number}.py")
        fail_next(bench, ended=utc_text(bench.wall), started=utc_text(bench.wall))
    assert len(bench.state.brakes) == 1000

"""A failed attempt that is tried again: how often, when, on which codes, and over restarts."""

from __future__ import annotations

from typing import Any

import pytest

from qm.core import actions as act
from qm.core import events as ev
from qm.model import Job, Outcome, Place, Reason, State
from tests.fakes.bench import Bench, an_outcome, claimed_records, kinds, only, records_of

A_MINUTE: dict[str, Any] = {"retries": 2, "retry_delay": 60.0}


def put_back(bench: Bench, actions: list[act.Action]) -> Job:
    """The failed attempt is archived, and its job is in the queue again."""
    requeue = only(actions, act.Requeue)
    bench.tell(ev.Requeued(requeue.job.id, requeue.job.name, None))
    return bench.state.jobs[requeue.job.id]


def test_a_job_is_tried_as_often_as_it_says_and_then_has_failed() -> None:
    bench = Bench()
    bench.queue("a", retries=2)
    for attempt in (1, 2):
        job = bench.run_next()
        assert job.attempt == attempt
        actions = bench.fail(job)
        assert "Finish" not in kinds(actions)
        waiting = put_back(bench, actions)
        assert (waiting.state, waiting.failures, waiting.reason) == (State.QUEUED, attempt, None)
        assert waiting.started is None and waiting.token is None
    finish = only(bench.fail(bench.run_next()), act.Finish)
    assert (finish.job.state, finish.job.attempt) == (State.FAILED, 3)


def test_a_failure_that_is_tried_again_is_told_to_the_history_and_never_shown_as_an_end() -> None:
    bench = Bench()
    bench.queue("a", retries=1)
    actions = bench.fail(bench.run_next(), exit_code=7)
    ended = only(actions, act.Requeue).ended
    assert ended is not None and ended.outcome is not None
    assert (ended.state, ended.attempt, ended.outcome.exit_code) == (State.FAILED, 1, 7)
    actions += bench.tell(ev.Requeued(ended.id, "a", None))
    shown = [action.job.state for action in actions if isinstance(action, act.Show)]
    assert shown == [State.QUEUED]


def test_its_processors_are_free_at_once() -> None:
    bench = Bench(processors=1)
    bench.queue("a", retries=1)
    other = bench.queue("b")
    bench.fail(bench.run_next())
    assert bench.claim().job.id == other.id


@pytest.mark.parametrize(
    ("codes", "outcome", "again"),
    [
        ((), {"exit_code": 1}, True),
        ((75, 80), {"exit_code": 75}, True),
        ((75, 80), {"exit_code": 1}, False),
        ((), {"exit_code": None, "signal": "SIGSEGV"}, True),
        ((75,), {"exit_code": None, "signal": "SIGSEGV"}, False),
        ((), {"exit_code": 0}, False),
        ((), {"exit_code": None, "reason": Reason("TimeLimit", "60 s")}, False),
        ((), {"exit_code": None, "reason": Reason("MemoryLimit", "1 GB")}, False),
        ((), {"exit_code": 1, "reason": Reason("User", "killed by anna")}, False),
    ],
)
def test_only_failures_with_the_asked_codes_are_tried_again(
    codes: tuple[int, ...], outcome: dict[str, Any], again: bool
) -> None:
    bench = Bench()
    bench.queue("a", retries=1, retry_on=codes)
    actions = bench.fail(bench.run_next(), **outcome)
    assert ("Requeue" in kinds(actions)) is again
    assert ("Finish" in kinds(actions)) is not again


def test_the_next_try_waits_for_the_delay_and_says_until_when() -> None:
    bench = Bench()
    bench.queue("a", **A_MINUTE)
    job = put_back(bench, bench.fail(bench.run_next()))
    assert job.reason is not None and job.reason.word == "Retry"
    assert "attempt 2 of 3 at " in job.reason.text
    assert bench.plan() == []
    wake = bench.core.next_wake()
    assert wake is not None and wake == pytest.approx(bench.mono + 60, abs=1)
    bench.tick(59)
    assert bench.plan() == []
    bench.tick(2)
    claim = bench.claim()
    assert claim.job.attempt == 2 and claim.job.not_before is None


def test_a_job_killed_during_the_delay_is_cancelled_and_its_end_counts() -> None:
    bench = Bench()
    bench.queue("a", **A_MINUTE)
    job = put_back(bench, bench.fail(bench.run_next()))
    assert job.put_back == 1
    gone = only(bench.ask("kill", str(job.id)), act.Close)
    assert (gone.job.state, gone.end.attempt) == (State.CANCELLED, 1)
    assert gone.job.put_back != gone.end.attempt, "its end would count as put back"
    told = only(bench.tell(ev.Moved(job.id, State.CANCELLED, "a")), act.Answer)
    assert told.ok and told.data["state"] == "CANCELLED"


def test_a_kill_while_the_failed_attempt_is_put_back_cancels_it() -> None:
    bench = Bench()
    bench.queue("a", **A_MINUTE)
    job = bench.run_next()
    bench.fail(job)
    assert bench.ask("kill", str(job.id)) == []
    gone = only(bench.tell(ev.Requeued(job.id, "a", None)), act.Close)
    assert gone.job.state is State.CANCELLED


def test_a_kill_that_the_failure_overtook_is_not_forgotten() -> None:
    bench = Bench()
    bench.queue("a", retries=3)
    job = bench.run_next()
    assert kinds(bench.ask("kill", str(job.id))) == ["Stop"]
    actions = bench.fail(job)
    gone = only(bench.tell(ev.Requeued(only(actions, act.Requeue).job.id, "a", None)), act.Close)
    assert gone.job.state is State.CANCELLED
    assert only(bench.tell(ev.Moved(job.id, State.CANCELLED, "a")), act.Answer).ok


def test_what_cannot_be_put_back_yet_is_tried_with_the_same_end_until_it_can() -> None:
    bench = Bench()
    bench.queue("a", retries=1)
    first = only(bench.fail(bench.run_next()), act.Requeue)
    bench.tell(ev.Unmovable(first.job.id, "a viewer"))
    again = only(bench.tick(60), act.Requeue)
    assert again == first
    assert put_back(bench, [again]).attempt == 1


# A restart, in every window of a retry.


def a_failed_attempt() -> tuple[Job, Outcome]:
    bench = Bench()
    bench.queue("a", **A_MINUTE)
    job = bench.run_next()
    return job, an_outcome(exit_code=1)


def test_a_restart_before_the_failure_was_noticed_tries_again() -> None:
    job, outcome = a_failed_attempt()
    after = Bench(starting=True)
    requeue = only(after.probed(job, claimed_records(job, exit=outcome)), act.Requeue)
    assert requeue.ended is not None and requeue.job.failures == 1
    assert put_back(after, [requeue]).attempt == 1


def test_a_restart_after_the_record_was_written_puts_it_back_and_counts_once() -> None:
    """job.json says that the attempt was put back; its records lie there still, in QM_Jobs."""
    job, outcome = a_failed_attempt()
    bench = Bench(starting=True)
    requeue = only(bench.probed(job, claimed_records(job, exit=outcome)), act.Requeue)
    after = Bench(starting=True)
    unarchived = records_of(requeue.job, unarchived=True)
    again = only(after.probed(requeue.job, unarchived), act.Requeue)
    assert again.ended is None and again.job.failures == 1
    waiting = put_back(after, [again])
    assert waiting.reason is not None and waiting.reason.word == "Retry"


def test_a_restart_after_the_records_were_archived_puts_it_back() -> None:
    job, outcome = a_failed_attempt()
    bench = Bench(starting=True)
    requeue = only(bench.probed(job, claimed_records(job, exit=outcome)), act.Requeue)
    after = Bench(starting=True)
    again = only(after.probed(requeue.job, records_of(requeue.job)), act.Requeue)
    assert put_back(after, [again]).failures == 1


def test_a_restart_during_the_delay_keeps_the_time_and_the_count() -> None:
    bench = Bench()
    bench.queue("a", **A_MINUTE)
    job = put_back(bench, bench.fail(bench.run_next()))
    after = Bench(starting=True, wall=bench.wall + 30, mono=5.0)
    after.adopt_waiting(job)
    after.tell(ev.Found())
    waiting = after.state.jobs[job.id]
    assert (waiting.failures, waiting.attempt) == (1, 1)
    assert waiting.reason is not None and waiting.reason.word == "Retry"
    after.tick(29)
    assert after.plan() == []
    after.tick(2)
    assert after.claim().job.attempt == 2


def test_a_waiting_job_whose_last_attempt_lies_there_still_is_put_in_order_first() -> None:
    """A crash came between the move to QM_qJobs and the archive of an attempt."""
    bench = Bench()
    bench.queue("a", retries=1)
    job = put_back(bench, bench.fail(bench.run_next()))
    after = Bench(starting=True)
    mark = Reason("User", "held by anna")
    actions = after.adopt_waiting(job, unarchived=True, hold=mark)
    requeue = only(actions, act.Requeue)
    assert (requeue.place, requeue.hold) == (Place.WAITING, mark)
    after.tell(ev.Requeued(job.id, "a", mark))
    assert after.state.jobs[job.id].state is State.HELD


def test_a_delay_that_is_over_after_a_restart_is_not_waited_for_again() -> None:
    bench = Bench()
    bench.queue("a", **A_MINUTE)
    job = put_back(bench, bench.fail(bench.run_next()))
    after = Bench(starting=True, wall=bench.wall + 600, mono=5.0)
    after.adopt_waiting(job)
    after.tell(ev.Found())
    assert after.claim().job.attempt == 2

"""The restart table: what the core does for each reading of a claimed job's files."""

from __future__ import annotations

from dataclasses import replace

import pytest

from qm.core import actions as act
from qm.core import events as ev
from qm.model import Job, Place, Reason, State
from qm.records import Claim, End
from tests.fakes.bench import (
    HOST,
    Bench,
    a_start,
    an_outcome,
    claimed_records,
    kinds,
    only,
    records_of,
)
from tests.fakes.jobs import a_job

CLAIMED = a_job(7, attempt=2, token="t2", arrival=3)


@pytest.fixture(params=["at the start", "of a run"])
def bench(request: pytest.FixtureRequest) -> Bench:
    """A core that knows nothing of the job yet, or that has it running."""
    bench = Bench(starting=True)
    if request.param == "of a run":
        bench.probed(CLAIMED, claimed_records(CLAIMED, start=a_start(CLAIMED)), locked=True)
        assert CLAIMED.id in bench.state.runs
    return bench


def test_whoever_holds_the_lock_is_watched_on(bench: Bench) -> None:
    known = CLAIMED.id in bench.state.runs
    start = a_start(CLAIMED)
    actions = bench.probed(CLAIMED, claimed_records(CLAIMED, start=start), locked=True)
    assert kinds(actions) == ([] if known else ["Show", "Watch"])
    run = bench.state.runs[CLAIMED.id]
    assert (run.job.state, run.job.started) == (State.RUNNING, start.started)
    assert bench.used == 1 and bench.state.next_id == 8
    assert kinds(bench.tick(3.1)) == ["Probe"]
    # Watched once is enough.
    assert bench.probed(CLAIMED, claimed_records(CLAIMED, start=start), locked=True) == []


def test_who_holds_the_lock_without_a_start_record_is_asked_again_until_it_has_one() -> None:
    bench = Bench(starting=True)
    assert kinds(bench.probed(CLAIMED, claimed_records(CLAIMED), locked=True)) == ["Show"]
    assert kinds(bench.tick(3.1)) == ["Probe"]
    records = claimed_records(CLAIMED, start=a_start(CLAIMED))
    watch = only(bench.probed(CLAIMED, records, locked=True), act.Watch)
    assert (watch.pid, watch.started) == (4711, 1.0)


def test_an_exit_record_is_the_end(bench: Bench) -> None:
    records = claimed_records(CLAIMED, start=a_start(CLAIMED), exit=an_outcome(exit_code=4))
    (finish,) = bench.probed(CLAIMED, records, place=Place.WAITING)
    assert isinstance(finish, act.Finish)
    assert (finish.job.state, finish.place) == (State.FAILED, Place.WAITING)
    assert bench.used == 0


def test_a_job_that_died_with_its_supervisor_is_lost(bench: Bench) -> None:
    (close,) = bench.probed(CLAIMED, claimed_records(CLAIMED, start=a_start(CLAIMED)))
    assert isinstance(close, act.Close)
    assert (close.job.state, close.end.attempt, close.end_tree) == (State.LOST, 2, True)
    assert close.job.reason is not None and close.job.reason.word == "SupervisorDied"
    assert close.job.started == "2026-01-01T00:00:01.000Z" and bench.used == 0


@pytest.mark.parametrize("started", [True, False])
def test_a_claim_of_another_boot_is_a_power_cut_whether_a_start_is_there_or_not(
    bench: Bench, started: bool
) -> None:
    start = a_start(CLAIMED) if started else None
    (close,) = bench.probed(CLAIMED, claimed_records(CLAIMED, boot="before", start=start))
    assert isinstance(close, act.Close) and close.job.state is State.LOST
    assert close.job.reason is not None and close.job.reason.word == "MachineDown"


@pytest.mark.parametrize("boot", ["this boot", "before"])
def test_a_rerunnable_job_that_died_is_queued_again_at_its_old_place(boot: str) -> None:
    bench = Bench(processors=1, starting=True)
    later = bench.queue("later")
    job = a_job(7, attempt=2, token="t2", arrival=3, options={"rerunnable": True})
    start = a_start(job)
    (requeue,) = bench.probed(job, claimed_records(job, boot=boot, start=start))
    assert isinstance(requeue, act.Requeue)
    assert requeue.end_tree and requeue.hold is None
    bench.tell(ev.Requeued(7, job.name, None))
    bench.tell(ev.Found())
    claim = bench.claim()
    assert (claim.job.id, claim.job.attempt) == (7, 3) and later.id in bench.state.jobs


def test_a_claim_without_a_start_goes_back_to_the_queue(bench: Bench) -> None:
    (requeue,) = bench.probed(CLAIMED, claimed_records(CLAIMED))
    assert isinstance(requeue, act.Requeue)
    assert (requeue.end_tree, requeue.place, requeue.hold) == (False, Place.RUNNING, None)
    bench.tell(ev.Requeued(7, "a", None))
    bench.tell(ev.Found())
    assert bench.claim().job.attempt == 3


def test_a_folder_that_was_moved_but_not_claimed_goes_back_whatever_the_boot() -> None:
    bench = Bench(starting=True)
    waiting = a_job(7)
    records = records_of(waiting, claim=Claim("before", claimed=False))
    assert kinds(bench.probed(waiting, records)) == ["Requeue"]


def test_a_job_of_another_host_is_left_alone_and_asked_rarely() -> None:
    bench = Bench(starting=True)
    records = claimed_records(CLAIMED, start=a_start(CLAIMED, host=f"not {HOST}"))
    assert kinds(bench.probed(CLAIMED, records)) == ["Show"]
    assert bench.tick(29) == []
    assert kinds(bench.tick(2)) == ["Probe"]
    assert bench.probed(CLAIMED, records) == [] and bench.used == 1


@pytest.mark.parametrize("then", ["exit", "died", "not started"])
def test_a_second_probe_of_an_end_that_is_under_way_changes_nothing(then: str) -> None:
    bench = Bench(starting=True)
    records = claimed_records(
        CLAIMED,
        start=None if then == "not started" else a_start(CLAIMED),
        exit=an_outcome() if then == "exit" else None,
    )
    assert len(bench.probed(CLAIMED, records)) == 1
    assert bench.probed(CLAIMED, records) == []


def test_a_probe_from_before_a_job_was_put_back_does_not_put_it_back_again() -> None:
    bench = Bench(starting=True)
    bench.probed(CLAIMED, claimed_records(CLAIMED))
    bench.tell(ev.Requeued(7, "job7", None))
    assert bench.probed(CLAIMED, claimed_records(CLAIMED)) == []
    assert bench.probed(CLAIMED, claimed_records(CLAIMED, boot="before")) == []
    bench.tell(ev.Found())
    assert bench.claim().job.id == 7


def test_a_probe_from_before_the_end_of_a_job_does_not_end_it_again() -> None:
    """Its folder may be in the queue again by then, put back by a person."""
    bench = Bench()
    job = bench.start("a")
    finish = bench.end(job)
    bench.tell(ev.Moved(job.id, finish.job.state, "a"))
    assert bench.probed(job, claimed_records(job, start=a_start(job))) == []
    assert bench.probed(job, claimed_records(job, exit=an_outcome())) == []


def test_a_probe_of_an_older_attempt_changes_nothing() -> None:
    bench = Bench()
    job = bench.start("a")
    older = a_job(job.id, attempt=0)
    assert bench.probed(older, claimed_records(older, exit=an_outcome())) == []
    assert job.id in bench.state.runs


def test_a_kill_that_waits_is_answered_when_the_job_is_lost() -> None:
    bench = Bench()
    job: Job = bench.start("a")
    bench.ask("kill", "a")
    (close,) = bench.probed(job, claimed_records(job, start=a_start(job)))
    assert isinstance(close, act.Close)
    answer = only(bench.tell(ev.Moved(job.id, State.LOST, "a")), act.Answer)
    assert answer.ok and answer.data["state"] == "LOST"


def test_a_job_found_held_by_its_lock_is_killed_like_any_other() -> None:
    bench = Bench(starting=True)
    bench.probed(CLAIMED, claimed_records(CLAIMED, start=a_start(CLAIMED)), locked=True)
    stop = only(bench.ask("kill", "7"), act.Stop)
    assert (stop.job.attempt, stop.job.token) == (2, "t2")
    assert stop.reason == Reason("User", "killed by anna")


@pytest.mark.parametrize("state", [State.CANCELLED, State.LOST, State.REJECTED])
def test_a_job_with_an_end_that_lies_in_qm_jobs_is_moved_and_never_run_again(state: State) -> None:
    """A person moved it there, or its end could not be carried out."""
    bench = Bench(starting=True)
    outcome = an_outcome(exit_code=None, reason=Reason("User", "cancelled"))
    job = replace(Bench().queue("a", rerunnable=True), attempt=1)
    records = claimed_records(job, end=End(1, state, outcome))
    gone = only(bench.probed(job, records), act.Close)
    assert (gone.job.state, gone.log) == (state, "")
    bench.tell(ev.Moved(job.id, state, "a"))
    bench.tell(ev.Found())
    assert bench.plan() == [] and not bench.core.is_busy()


def test_a_claimed_job_that_was_moved_among_the_ended_ones_gives_its_processors_back() -> None:
    bench = Bench()
    job = bench.start("a")
    actions = bench.probed(job, claimed_records(job), place=Place.LOST)
    assert only(actions, act.Close).job.state is State.CANCELLED
    assert bench.used == 0


def test_a_probe_from_before_a_job_was_moved_back_by_hand_takes_nothing_away() -> None:
    bench = Bench()
    job = bench.queue("a")
    claim = bench.claim()
    bench.tell(ev.Changed(job.id, "a"))
    assert bench.probed(claim.job, records_of(job), place=Place.WAITING) == []
    bench.state.probing.add(job.id)
    assert bench.probed(claim.job, records_of(job), place=Place.WAITING) == []

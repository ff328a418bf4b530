"""``qm rerun``: an ended job takes its place in the queue again, with its next attempt."""

from __future__ import annotations

from dataclasses import replace

import pytest

from qm.core import actions as act
from qm.core import events as ev
from qm.model import Job, Place, State
from tests.fakes.bench import Bench, an_outcome, kinds, only, records_of


def ended(bench: Bench, **options: object) -> Job:
    """A job that has run once and is forgotten; as its records say."""
    bench.queue("a", **options)
    job = bench.run_next()
    finish = only(bench.fail(job), act.Finish)
    bench.tell(ev.Moved(job.id, finish.job.state, "a"))
    return replace(job, state=State.QUEUED, started=None)


def rerun(bench: Bench, job: Job, place: Place = Place.DONE) -> list[act.Action]:
    assert kinds(bench.ask("rerun", str(job.id))) == ["FindToRerun"]
    return bench.tell(ev.Rerun(job, place, "r1"))


def back(bench: Bench, job: Job) -> list[act.Action]:
    return bench.tell(ev.Requeued(job.id, "a", None))


def test_an_ended_job_waits_behind_the_others_and_runs_its_next_attempt() -> None:
    bench = Bench(processors=1)
    job = ended(bench, retries=0)
    first = bench.queue("first")
    requeue = only(rerun(bench, replace(job, failures=2, launches=1)), act.Requeue)
    assert (requeue.place, requeue.job.put_back) == (Place.DONE, 1)
    assert (requeue.job.failures, requeue.job.launches) == (0, 0)
    said = only(back(bench, job), act.Answer)
    assert said.ok and (said.data["id"], said.data["state"]) == (job.id, "QUEUED")
    running = bench.run_next()
    assert running.id == first.id
    bench.end(running)
    again = bench.run_next()
    assert (again.id, again.attempt) == (job.id, 2)
    assert again.token != job.token and again.outcome is None
    assert bench.state.rerunning == {}


@pytest.mark.parametrize(
    ("place", "attempt"), [(Place.DONE, 1), (Place.LOST, 0), (Place.LOST, 3), (Place.DONE, 9)]
)
def test_the_attempt_counts_on_from_each_end(place: Place, attempt: int) -> None:
    """Finished, failed, killed; cancelled or aborted before the start; lost; often tried."""
    bench = Bench()
    job = replace(ended(bench), attempt=attempt)
    rerun(bench, job, place)
    back(bench, job)
    assert bench.claim().job.attempt == attempt + 1


@pytest.mark.parametrize("home", ["waits", "runs", "ends", "requeued"])
def test_a_job_that_has_not_ended_does_not_run_again(home: str) -> None:
    bench = Bench(processors=1)
    job = bench.queue("a", retries=1)
    if home != "waits":
        job = bench.run_next()
    if home == "ends":
        bench.end(job)
    if home == "requeued":
        bench.fail(job)
    said = only(bench.ask("rerun", str(job.id)), act.Answer)
    assert not said.ok and "has not ended" in said.data["error"]
    said = only(bench.tell(ev.Rerun(job, Place.DONE, "r2")), act.Answer)
    assert not said.ok and said.request == "r2"


def test_two_who_ask_at_once_are_both_answered_and_it_runs_once() -> None:
    bench = Bench()
    job = ended(bench)
    rerun(bench, job)
    said = only(bench.tell(ev.Rerun(job, Place.DONE, "r2")), act.Answer)
    assert (said.request, said.ok) == ("r2", False)
    assert only(back(bench, job), act.Answer).request == "r1"
    assert bench.claim().job.attempt == 2


def test_a_kill_while_it_comes_back_answers_both() -> None:
    bench = Bench()
    job = ended(bench)
    rerun(bench, job)
    assert bench.ask("kill", str(job.id), request="k") == []
    actions = back(bench, job)
    said = only(actions, act.Answer)
    assert (said.request, said.ok) == ("r1", False) and "cancelled" in said.data["error"]
    gone = only(actions, act.Close)
    assert gone.job.put_back != gone.end.attempt, "its end would count as put back"
    assert only(bench.tell(ev.Moved(job.id, gone.job.state, "a")), act.Answer).request == "k"
    assert bench.state.rerunning == {}


def test_a_job_that_was_cancelled_again_before_its_attempt_runs_again_a_second_time() -> None:
    bench = Bench()
    job = replace(ended(bench), attempt=0)
    rerun(bench, job, Place.LOST)
    back(bench, job)
    gone = only(bench.ask("kill", str(job.id), request="k"), act.Close)
    assert (gone.end.attempt, gone.end.state) == (0, State.CANCELLED)
    bench.tell(ev.Moved(job.id, State.CANCELLED, "a"))
    cancelled = replace(gone.job, state=State.QUEUED)
    again = only(bench.tell(ev.Rerun(cancelled, Place.LOST, "r2")), act.Requeue)
    assert again.job.outcome is None and again.job.put_back == 0


def test_a_folder_that_vanishes_meanwhile_is_answered() -> None:
    bench = Bench()
    job = ended(bench)
    rerun(bench, job)
    actions = bench.tell(ev.Vanished(job.id))
    assert not only(actions, act.Answer).ok and "gone" in only(actions, act.Answer).data["error"]
    assert bench.state.rerunning == {} and not bench.core.is_busy()


def test_one_that_runs_after_all_is_answered_and_ends_by_its_records() -> None:
    bench = Bench()
    job = ended(bench)
    rerun(bench, job)
    actions = bench.tell(ev.StillLocked(job.id))
    assert not only(actions, act.Answer).ok
    bench.tick(2)
    assert (
        only(
            bench.probed(job, records_of(job, exit=an_outcome()), place=Place.DONE), act.Finish
        ).job.id
        == job.id
    )


def test_a_folder_that_a_viewer_holds_comes_back_later() -> None:
    bench = Bench()
    job = ended(bench)
    requeue = only(rerun(bench, job), act.Requeue)
    bench.tell(ev.Unmovable(job.id, "a viewer"))
    assert only(bench.tick(60), act.Requeue) == requeue
    assert only(back(bench, job), act.Answer).ok


def test_those_after_it_wait_again() -> None:
    bench = Bench()
    bench.start("other", nb_proc=4)
    child = bench.queue("child", after=("afternotok:a",))
    job = replace(Bench().queue("a"), id=77, identity=bench.new_identity(), attempt=1, put_back=-1)
    bench.state.next_id = 78
    bench.tell(ev.Rerun(job, Place.DONE, "r1"))
    back(bench, job)
    assert str(bench.state.jobs[child.id].reason) == "Dependency: after a failure of a (77, QUEUED)"


# A restart, in every window of a rerun.


def a_rerun(place: Place = Place.DONE) -> act.Requeue:
    bench = Bench()
    return only(rerun(bench, ended(bench), place), act.Requeue)


@pytest.mark.parametrize("place", [Place.DONE, Place.LOST])
def test_a_restart_after_the_record_was_written_brings_it_back(place: Place) -> None:
    action = a_rerun(place)
    after = Bench(starting=True)
    assert kinds(after.tell(ev.Strayed(action.job, place))) == ["Probe"]
    records = records_of(action.job, unarchived=True)
    again = only(after.probed(action.job, records, place=place), act.Requeue)
    assert (again.place, again.job.put_back) == (place, 1)
    back(after, action.job)
    after.tell(ev.Found())
    assert after.claim().job.attempt == 2


def test_a_restart_after_the_move_archives_what_lies_there_and_goes_on() -> None:
    action = a_rerun()
    after = Bench(starting=True)
    requeue = only(after.adopt_waiting(action.job, unarchived=True), act.Requeue)
    assert requeue.place is Place.WAITING
    back(after, action.job)
    after.tell(ev.Found())
    assert after.claim().job.attempt == 2


def test_a_restart_after_the_archive_finds_a_waiting_job() -> None:
    action = a_rerun()
    after = Bench(starting=True)
    after.adopt_waiting(action.job)
    after.tell(ev.Found())
    assert after.claim().job.attempt == 2


def test_a_request_that_comes_again_after_a_crash_is_answered_and_does_nothing_more() -> None:
    action = a_rerun()
    after = Bench()
    asked = ev.Asked("r1", "rerun", (str(action.job.id),), "anna")
    ended_since = replace(action.job, attempt=2, token="t2")
    told = only(after.tell(ev.Rerun(ended_since, Place.DONE, "r1")), act.Answer)
    assert told.ok and told.data["id"] == ended_since.id
    bench = Bench()
    job = ended(bench)
    rerun(bench, job)
    back(bench, job)
    told = only(bench.tell(asked), act.Answer)
    assert told.ok and told.data["state"] == "QUEUED"
    other = only(bench.tell(replace(asked, request="r2")), act.Answer)
    assert not other.ok and "has not ended" in other.data["error"]

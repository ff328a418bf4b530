"""Suspend and resume: what stands still holds what it has, and whoever asked is answered."""

from __future__ import annotations

from dataclasses import replace

import pytest

from qm.core import actions as act
from qm.core import events as ev
from qm.model import Job, State
from tests.fakes.bench import Bench, a_start, an_outcome, claimed_records, kinds, only


def running(bench: Bench, **options: object) -> Job:
    bench.queue("a", **options)
    return bench.run_next()


def paused(bench: Bench, job: Job, *, suspended: bool = True) -> list[act.Action]:
    assert job.token is not None
    return bench.tell(ev.Paused(job.id, job.token, suspended))


def suspended(bench: Bench, **options: object) -> Job:
    job = running(bench, **options)
    bench.ask("suspend", str(job.id))
    paused(bench, job)
    return bench.state.runs[job.id].job


def ends_of(bench: Bench) -> dict[int, float | None]:
    """When the planner believes that jobs end."""
    return {job.id: job.ends for job in bench.state.planner._running.values()}


def test_a_job_stands_still_once_its_supervisor_says_so_and_is_answered_then() -> None:
    bench = Bench()
    job = running(bench)
    pause = only(bench.ask("suspend", str(job.id)), act.Pause)
    assert pause.suspended and bench.state.runs[job.id].job.state is State.RUNNING
    actions = paused(bench, job)
    assert only(actions, act.Show).job.state is State.SUSPENDED
    assert only(actions, act.Answer).data["state"] == "SUSPENDED"
    assert not only(bench.ask("resume", str(job.id), request="r2"), act.Pause).suspended
    actions = paused(bench, job, suspended=False)
    assert only(actions, act.Answer).data["state"] == "RUNNING"
    assert bench.state.pausing == {}


def test_what_stands_still_keeps_its_processors() -> None:
    bench = Bench(processors=1)
    suspended(bench)
    bench.queue("b")
    assert bench.plan() == [] and bench.used == 1


def test_asking_for_what_is_so_already_is_answered_at_once() -> None:
    bench = Bench()
    job = suspended(bench)
    assert only(bench.ask("suspend", str(job.id)), act.Answer).ok


def test_waiting_starting_and_unknown_jobs_are_not_suspended() -> None:
    bench = Bench(processors=1)
    starting = bench.start("a")
    waiting = bench.queue("b")
    said = only(bench.ask("suspend", str(starting.id)), act.Answer)
    assert not said.ok and "just starting" in said.data["error"]
    said = only(bench.ask("suspend", str(waiting.id)), act.Answer)
    assert not said.ok and "does not run" in said.data["error"] and "qm hold" in said.data["hint"]
    assert kinds(bench.ask("resume", "99")) == ["AnswerEnded"]


def test_a_suspend_and_a_resume_at_once_are_each_answered_by_what_happens() -> None:
    bench = Bench()
    job = running(bench)
    bench.ask("suspend", str(job.id), request="s")
    assert only(bench.ask("resume", str(job.id), request="r"), act.Answer).ok
    assert only(paused(bench, job), act.Answer).request == "s"


@pytest.mark.parametrize("retries", [0, 1])
def test_a_job_that_ends_first_answers_whoever_wanted_it_to_stand_still(retries: int) -> None:
    bench = Bench()
    job = running(bench, retries=retries)
    bench.ask("suspend", str(job.id))
    said = only(bench.fail(job), act.Answer)
    assert not said.ok and "does not run any more" in said.data["error"]
    assert bench.state.pausing == {}


def test_a_job_that_is_lost_answers_whoever_wanted_it_to_stand_still() -> None:
    for rerunnable in (False, True):
        bench = Bench()
        job = running(bench, rerunnable=rerunnable)
        bench.ask("suspend", str(job.id))
        assert job.token is not None
        bench.tell(ev.SupervisorGone(job.id, job.token))
        actions = bench.probed(job, claimed_records(job, start=a_start(job)))
        assert not only(actions, act.Answer).ok and bench.state.pausing == {}


def test_a_job_whose_folder_vanishes_answers_whoever_wanted_it_to_stand_still() -> None:
    bench = Bench()
    job = running(bench)
    bench.ask("suspend", str(job.id))
    assert job.token is not None
    actions = bench.tell(ev.Ended(job.id, job.token, an_outcome(), vanished=True))
    assert not only(actions, act.Answer).ok and bench.state.pausing == {}


def test_an_end_while_it_stands_still_is_an_end() -> None:
    bench = Bench()
    job = suspended(bench)
    assert bench.end(job).job.state is State.FINISHED


def test_a_failure_while_it_stands_still_is_tried_again() -> None:
    bench = Bench()
    job = suspended(bench, retries=1)
    requeue = only(bench.fail(job), act.Requeue)
    bench.tell(ev.Requeued(requeue.job.id, "a", None))
    again = bench.run_next()
    assert (again.state, again.attempt) == (State.RUNNING, 2)


def test_a_kill_reaches_a_job_that_stands_still() -> None:
    bench = Bench()
    job = suspended(bench)
    assert only(bench.ask("kill", str(job.id)), act.Stop).job.token == job.token
    finish = bench.end(job, exit_code=None, signal="SIGKILL", reason=None)
    assert finish.job.state is State.FAILED


def test_a_pause_of_an_older_attempt_changes_nothing() -> None:
    bench = Bench()
    job = running(bench)
    assert bench.tell(ev.Paused(job.id, "old", True)) == []
    assert bench.tell(ev.Paused(99, "old", True)) == []


def test_a_job_that_stands_still_is_known_as_such_after_a_restart() -> None:
    bench = Bench()
    job = suspended(bench, nb_proc=2)
    after = Bench(starting=True)
    records = claimed_records(job, start=a_start(job), suspended=True)
    actions = after.probed(replace(job, state=State.QUEUED), records, locked=True)
    assert only(actions, act.Show).job.state is State.SUSPENDED
    after.tell(ev.Found())
    assert after.used == 2
    assert not only(after.ask("resume", str(job.id)), act.Pause).suspended
    paused(after, job, suspended=False)
    assert after.state.runs[job.id].job.state is State.RUNNING


def test_the_planner_is_told_that_the_walltime_ends_so_much_later() -> None:
    bench = Bench()
    job = running(bench, walltime=100.0)
    began = bench.wall
    assert ends_of(bench) == {job.id: pytest.approx(began + 100)}
    bench.ask("suspend", str(job.id))
    bench.wait(10)
    paused(bench, job)
    assert ends_of(bench) == {job.id: None}, "nobody knows when it goes on"
    bench.wait(500)
    bench.ask("resume", str(job.id), request="r2")
    paused(bench, job, suspended=False)
    assert ends_of(bench) == {job.id: pytest.approx(began + 600)}


def test_a_clock_that_is_set_back_meanwhile_makes_no_pause_shorter_than_none() -> None:
    bench = Bench()
    job = suspended(bench, walltime=100.0)
    began = bench.wall
    bench.wall -= 5000
    paused(bench, job, suspended=False)
    assert ends_of(bench) == {job.id: pytest.approx(began + 100)}

"""The core: requests are answered when what they ask has happened, and not before."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from qm.core import actions as act
from qm.core import events as ev
from qm.core.answers import submission_known
from qm.model import Job, Place, Reason, State
from tests.fakes.bench import Bench, kinds, only, records_of


def answers(actions: list[act.Action]) -> dict[str, bool]:
    return {a.request: a.ok for a in actions if isinstance(a, act.Answer)}


def moved(bench: Bench, action: act.Close | act.Finish) -> list[act.Action]:
    return bench.tell(ev.Moved(action.job.id, action.job.state, action.job.name))


def test_a_kill_of_a_waiting_job_is_answered_when_it_lies_in_lost_and_found() -> None:
    bench = Bench()
    job = bench.queue("a")
    close = only(bench.ask("kill", "a"), act.Close)
    assert (close.job.state, close.place) == (State.CANCELLED, Place.WAITING)
    assert "cancelled by anna" in close.log
    assert bench.plan() == []
    (answer,) = moved(bench, close)
    assert isinstance(answer, act.Answer) and answer.ok
    assert answer.data["id"] == job.id and answer.data["state"] == "CANCELLED"


def test_a_held_job_is_killed_like_any_other_that_waits() -> None:
    bench = Bench()
    job = bench.queue("a")
    bench.hold(job, Reason("User", "later"))
    assert only(bench.ask("kill", str(job.id)), act.Close).job.state is State.CANCELLED


def test_a_kill_of_a_running_job_marks_it_and_is_answered_at_its_end() -> None:
    bench = Bench()
    job = bench.start("a")
    stop = only(bench.tell(ev.Asked("r1", "kill", ("a",), "anna", grace=1.5)), act.Stop)
    assert (stop.job.id, stop.grace, stop.request) == (job.id, 1.5, "r1")
    assert stop.reason == Reason("User", "killed by anna")
    finish = bench.end(job, exit_code=None, signal="SIGTERM", reason=stop.reason)
    assert finish.job.state is State.KILLED
    assert answers(moved(bench, finish)) == {"r1": True}


def test_without_a_grace_of_its_own_a_kill_has_the_usual_one() -> None:
    bench = Bench()
    bench.start("a")
    assert only(bench.ask("kill", "a"), act.Stop).grace == bench.state.settings.kill_grace


def test_everybody_who_asked_for_an_end_is_answered() -> None:
    bench = Bench()
    job = bench.start("a")
    bench.ask("kill", "a", request="r1")
    bench.ask("kill", str(job.id), request="r2")
    assert answers(moved(bench, bench.end(job))) == {"r1": True, "r2": True}


@pytest.mark.parametrize("how", ["claimed", "changed", "unclaimable", "held", "full"])
def test_a_kill_during_a_claim_cancels_the_job_however_the_claim_ends(how: str) -> None:
    bench = Bench()
    bench.queue("a")
    claim = bench.claim()
    assert bench.ask("kill", "a") == []
    events: dict[str, ev.Event] = {
        "claimed": ev.Claimed(claim.job, "true", None),
        "changed": ev.Changed(claim.job.id, "a"),
        "unclaimable": ev.Unclaimable(claim.job.id, Reason("Stuck", "x")),
        "full": ev.Unclaimable(claim.job.id, Reason("DiskFull", "x"), full=True),
        "held": ev.Held(claim.job.id, Reason("User", "x")),
    }
    actions = bench.tell(events[how])
    assert "Start" not in kinds(actions)
    close = only(actions, act.Close)
    assert close.place is (Place.RUNNING if how == "claimed" else Place.WAITING)
    assert close.job.state is State.CANCELLED and bench.used == 0
    assert answers(moved(bench, close)) == {"r1": True}


def test_a_kill_of_a_job_whose_folder_vanishes_is_answered() -> None:
    bench = Bench()
    bench.queue("a")
    claim = bench.claim()
    bench.ask("kill", "a")
    assert answers(bench.tell(ev.Vanished(claim.job.id))) == {"r1": True}


def test_a_kill_while_a_job_is_put_back_cancels_it_when_it_is_back() -> None:
    bench = Bench()
    job = bench.start("a")
    assert job.token is not None
    bench.tell(ev.LaunchFailed(job.id, job.token, "no shell"))
    assert bench.ask("kill", str(job.id)) == []
    close = only(bench.tell(ev.Requeued(job.id, "a", None)), act.Close)
    assert (close.job.state, close.place) == (State.CANCELLED, Place.WAITING)
    assert answers(moved(bench, close)) == {"r1": True}


def test_a_kill_while_a_job_is_put_back_reaches_it_if_it_runs_after_all() -> None:
    bench = Bench()
    job = bench.start("a")
    assert job.token is not None
    bench.tell(ev.LaunchFailed(job.id, job.token, "no shell"))
    bench.ask("kill", str(job.id))
    stop = only(bench.tell(ev.StillLocked(job.id)), act.Stop)
    assert stop.request == "r1"
    assert answers(moved(bench, bench.end(job))) == {"r1": True}


def test_a_kill_of_an_ending_job_waits_for_its_move() -> None:
    bench = Bench()
    job = bench.start("a")
    finish = bench.end(job)
    assert bench.ask("kill", str(job.id)) == []
    assert answers(moved(bench, finish)) == {"r1": True}


def test_a_kill_of_a_job_that_is_just_being_accepted_cancels_it() -> None:
    bench = Bench()
    offer = bench.offer("a")
    assert bench.ask("kill", str(offer.job.id)) == []
    actions = bench.tell(ev.Accepted(offer.job.id, None))
    close = only(actions, act.Close)
    assert close.job.state is State.CANCELLED and act.HideArrival("a") in actions
    assert answers(moved(bench, close)) == {"r1": True}


@pytest.mark.parametrize("gone", [True, False])
def test_a_kill_of_a_job_that_is_not_accepted_after_all_is_answered(gone: bool) -> None:
    bench = Bench()
    offer = bench.offer("a")
    bench.ask("kill", str(offer.job.id))
    actions = bench.tell(ev.NotAccepted(offer.job.id, gone, Reason("Stuck", "somebody's")))
    assert answers(actions) == {"r1": gone}


def test_a_kill_of_a_refused_folder_is_answered_when_it_is_moved() -> None:
    bench = Bench()
    bench.tell(ev.Appeared("a"))
    bench.look("a", found=None)
    close = only(bench.wait(31).look("a", found=None), act.Close)
    assert bench.ask("kill", str(close.job.id)) == []
    assert answers(moved(bench, close)) == {"r1": True}


def test_a_kill_of_an_edited_job_cancels_it_unless_it_is_being_looked_at() -> None:
    bench = Bench()
    bench.queue("a")
    claim = bench.claim()
    bench.tell(ev.Changed(claim.job.id, "a"))
    assert answers(bench.ask("kill", "a", request="early")) == {"early": False}
    bench.look_at_fresh("a", identity=claim.job.identity)
    close = only(bench.ask("kill", "a"), act.Close)
    assert answers(moved(bench, close)) == {"r1": True}


def test_a_kill_of_a_drop_that_is_no_job_yet_says_what_to_do() -> None:
    bench = Bench()
    bench.tell(ev.Appeared("a"))
    answer = only(bench.ask("kill", "a"), act.Answer)
    assert not answer.ok and "still arriving" in str(answer.data["error"])


@pytest.mark.parametrize("verb", ["kill", "hold", "release"])
def test_what_is_not_in_memory_is_answered_from_the_index(verb: str) -> None:
    assert Bench().ask(verb, "77") == [act.AnswerEnded("r1", verb, "77")]


def test_an_unknown_verb_and_a_request_without_a_job_are_refused() -> None:
    bench = Bench()
    bench.queue("a")
    assert answers(bench.ask("paint", "a")) == {"r1": False}
    assert answers(bench.ask("kill")) == {"r1": False}


def held(bench: Bench, job: Job) -> act.SetHold:
    return only(bench.ask("hold", str(job.id)), act.SetHold)


def test_a_hold_is_answered_when_its_mark_is_written() -> None:
    bench = Bench()
    job = bench.queue("a")
    mark = held(bench, job)
    assert mark.reason == Reason("User", "held by anna")
    actions = bench.hold(job, mark.reason, "r1")
    assert answers(actions) == {"r1": True}
    assert bench.state.jobs[job.id].state is State.HELD and bench.plan() == []
    release = only(bench.ask("release", "a", request="r2"), act.SetHold)
    assert release.reason is None
    assert answers(bench.hold(job, None, "r2")) == {"r2": True}
    assert bench.claim().job.id == job.id


def test_a_released_job_takes_its_old_place() -> None:
    bench = Bench(processors=1)
    first, second = bench.queue("a"), bench.queue("b")
    bench.hold(first, Reason("User", "x"))
    bench.hold(first, None)
    assert bench.claim().job.id == first.id != second.id


def test_a_job_that_is_not_held_is_not_released_and_one_that_runs_is_not_held() -> None:
    bench = Bench()
    bench.queue("a")
    assert answers(bench.ask("release", "a")) == {"r1": False}
    bench.claim()
    assert answers(bench.ask("hold", "1")) == {"r1": False}


def test_a_hold_that_is_written_before_the_claim_begins_takes_the_job_back() -> None:
    """Asked and claimed at one moment: the claim then finds the mark, or cannot work at all."""
    late: list[ev.Event] = [
        ev.Held(1, Reason("User", "held by anna")),
        ev.Unclaimable(1, Reason("Stuck", "too many open files")),
        ev.Changed(1, "a"),
    ]
    for event in late:
        bench = Bench()
        job = bench.queue("a")
        mark = held(bench, job)
        bench.claim()
        assert answers(bench.hold(job, mark.reason, "r1")) == {"r1": True}
        assert bench.used == 0
        bench.tell(event)
        assert bench.state.jobs[job.id].state is State.HELD and bench.plan() == []


def test_a_claim_that_did_not_see_a_hold_is_taken_back_and_not_started() -> None:
    bench = Bench()
    job = bench.queue("a")
    mark = held(bench, job)
    claim = bench.claim()
    bench.hold(job, mark.reason, "r1")
    actions = bench.tell(ev.Claimed(claim.job, "true", None))
    assert only(actions, act.Requeue).hold == mark.reason and "Start" not in kinds(actions)
    bench.tell(ev.Requeued(job.id, "a", mark.reason))
    assert bench.state.jobs[job.id].state is State.HELD


def test_a_hold_of_a_job_that_started_meanwhile_is_told_so() -> None:
    bench = Bench()
    job = bench.start("a")
    assert answers(bench.hold(job, Reason("User", "x"), "r1")) == {"r1": False}
    assert bench.hold(job, Reason("User", "x")) == []


def test_only_ended_jobs_are_removed() -> None:
    bench = Bench()
    waits = bench.queue("a")
    assert answers(bench.ask("rm", "9", "a")) == {"r1": False}
    claim = bench.claim()
    bench.tell(ev.Claimed(claim.job, "true", None))
    answer = only(bench.ask("rm", str(waits.id)), act.Answer)
    assert "qm kill 1" in str(answer.data["error"])
    assert bench.ask("rm", "9", "8") == [act.Remove("r1", ("9", "8"))]


def test_a_job_is_found_by_id_by_name_and_the_newest_of_a_name_where_it_runs() -> None:
    bench = Bench()
    first = bench.start("a")
    second = bench.start("a")
    assert only(bench.ask("kill", "a"), act.Stop).job.id == second.id
    assert only(bench.ask("kill", str(first.id)), act.Stop).job.id == first.id
    third = bench.queue("a")
    assert only(bench.ask("kill", "a"), act.Close).job.id == third.id


def test_a_folder_may_be_called_like_the_id_of_another_job() -> None:
    bench = Bench()
    bench.queue("2")
    second = bench.queue("b")
    assert only(bench.ask("kill", "2"), act.Close).job.id == second.id


def test_two_who_wait_for_one_submission_are_both_answered() -> None:
    bench = Bench()
    for request in ("r1", "r2"):
        assert bench.tell(ev.Asked(request, "accepted", ("t", "u"), "anna")) == []
    told: list[act.Action] = []
    for number, token in enumerate(("t", "u")):
        job = replace(bench.queue(f"job{number}"), submit_token=token)
        told += submission_known(bench.state, job)
    assert [a.request for a in told if isinstance(a, act.Answer)] == ["r1", "r2"]
    assert bench.state.awaiting == {}


def test_a_hold_whose_mark_cannot_be_written_is_answered_and_changes_nothing() -> None:
    bench = Bench()
    job = bench.queue("a")
    action = only(bench.ask("hold", "a"), act.SetHold)
    said = only(bench.tell(ev.NotHeld(job.id, action.reason, "r1", "no space left")), act.Answer)
    assert not said.ok and "no space" in said.data["error"]
    assert bench.claim().job.id == job.id


def test_a_hold_that_the_claim_overtook_is_answered() -> None:
    bench = Bench()
    job = bench.queue("a")
    action = only(bench.ask("hold", "a"), act.SetHold)
    bench.claim()
    said = only(bench.tell(ev.NotHeld(job.id, action.reason, "r1", "not there")), act.Answer)
    assert not said.ok and "does not wait any more" in said.data["error"]


def test_a_release_whose_mark_cannot_be_removed_is_answered_and_keeps_it_held() -> None:
    bench = Bench()
    job = bench.queue("a", hold=True)
    bench.ask("release", "a")
    assert not only(bench.tell(ev.NotHeld(job.id, None, "r1", "read-only")), act.Answer).ok
    assert bench.state.jobs[job.id].state is State.HELD


def test_a_look_from_before_a_release_does_not_hold_the_job_again() -> None:
    bench = Bench()
    job = bench.queue("a", hold=True)
    mark = bench.state.jobs[job.id].reason
    bench.ask("release", "a")
    bench.hold(job, None, "r1")
    older: dict[str, Any] = {"identity": job.identity, "records": records_of(job, hold=mark)}
    assert kinds(bench.look("a", **older)) == ["Inspect"]
    bench.look("a", identity=job.identity, records=records_of(job))
    assert bench.claim().job.id == job.id

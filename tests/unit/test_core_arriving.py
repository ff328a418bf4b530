"""The core: from the first sight of a folder to a job that waits, or a refusal."""

from __future__ import annotations

from dataclasses import replace

import pytest

from qm.core import actions as act
from qm.core import events as ev
from qm.core.claiming import MOST_RECENT
from qm.identity import Identity
from qm.inspection import Inspection, Kind
from qm.jobdir import Records
from qm.model import Job, Outcome, Place, Reason, State
from qm.records import Claim, End
from tests.fakes.bench import Bench, a_start, an_outcome, kinds, only, records_of, usable
from tests.fakes.jobs import a_job, a_look

SUBMIT = {"token": "s1", "identity": [1, 2, 3], "hold": False}


def sealed(**submit: object) -> Records:
    return Records(Identity(1, 2, 3), submit={**SUBMIT, **submit})


def refuse(bench: Bench, name: str) -> act.Close:
    """A drop without an info file, until it is refused."""
    bench.tell(ev.Appeared(name))
    bench.look(name, found=None)
    return only(bench.wait(31).look(name, found=None), act.Close)


def test_a_moved_in_folder_becomes_a_job_with_an_id_that_was_saved_first() -> None:
    bench = Bench()
    bench.tell(ev.Appeared("fit"))
    actions = bench.look("fit", found=usable(nb_proc=2, e_mail="a@example.org"))
    assert kinds(actions) == ["SaveState", "Accept"]
    assert actions[0] == act.SaveState(2)
    offer = only(actions, act.Accept)
    assert offer.fresh and offer.hold is None
    assert (offer.job.id, offer.job.name, offer.job.owner) == (1, "fit", "a@example.org")
    actions = bench.tell(ev.Accepted(1, None))
    assert kinds(actions) == ["HideArrival", "Show"]
    assert bench.state.jobs[1].state is State.QUEUED


def test_a_folder_that_settles_is_shown_with_its_reason_once_and_looked_at_in_time() -> None:
    bench = Bench()
    bench.tell(ev.Appeared("copy"))
    shown = only(bench.look_at_fresh("copy"), act.ShowArrival)
    assert shown.reason.word == "Settling"
    wake = bench.core.next_wake()
    assert wake is not None and bench.mono < wake <= bench.mono + 2.0
    assert bench.tick(1.0) == []
    assert bench.tick(0.95) == [act.Inspect("copy", known=True)]
    assert bench.core.next_wake() is None


def test_a_second_event_while_it_is_looked_at_leads_to_one_more_look() -> None:
    bench = Bench()
    bench.tell(ev.Appeared("a"))
    assert bench.tell(ev.Appeared("a")) == []
    assert bench.tell(ev.Gone("a")) == []
    assert bench.look("a") == [act.Inspect("a", known=True)]
    assert kinds(bench.look("a")) == ["SaveState", "Accept"]


def test_a_drop_renamed_from_a_dot_name_is_accepted_at_once() -> None:
    bench = Bench()
    bench.tell(ev.Appeared("a", committed=True))
    assert kinds(bench.look_at_fresh("a")) == ["SaveState", "Accept"]


@pytest.mark.parametrize(
    ("how", "word"), [("info", "says hold"), ("submission", "submitted on hold"), ("mark", "later")]
)
def test_a_job_that_is_to_be_held_waits_held(how: str, word: str) -> None:
    bench = Bench()
    bench.tell(ev.Appeared("a"))
    if how == "info":
        actions = bench.look("a", found=usable(hold=True))
    elif how == "submission":
        actions = bench.look("a", records=sealed(hold=True))
    else:
        actions = bench.look("a", records=replace(sealed(), hold=Reason("User", "later")))
    offer = only(actions, act.Accept)
    assert offer.hold is not None and word in offer.hold.text
    shown = only(bench.tell(ev.Accepted(1, offer.hold)), act.Show)
    assert (shown.job.state, shown.job.reason) == (State.HELD, offer.hold)
    assert bench.plan() == []


def test_hold_of_the_info_file_outlives_a_first_record_that_could_not_be_written() -> None:
    bench = Bench()
    offer = bench.offer("a", hold=True)
    bench.tell(ev.NotAccepted(1, False, Reason("DiskFull", "no space")))
    bench.tick(61)
    actions = bench.look("a", identity=offer.job.identity, found=usable(hold=True))
    assert kinds(actions) == ["SaveState", "Accept"]
    again = only(actions, act.Accept)
    assert again.job.id == 1 and again.hold is not None


def test_a_hold_mark_that_a_drop_brings_along_does_not_count() -> None:
    bench = Bench()
    bench.tell(ev.Appeared("a"))
    records = Records(Identity(1, 2, 3), hold=Reason("User", "of old"))
    offer = only(bench.look("a", records=records), act.Accept)
    assert offer.fresh and offer.hold is None


def test_a_submission_is_sealed_keeps_its_records_and_is_answered_when_accepted() -> None:
    bench = Bench()
    assert bench.ask("accepted", "s1") == []
    bench.tell(ev.Appeared("a"))
    offer = only(bench.look_at_fresh("a", records=sealed()), act.Accept)
    assert not offer.fresh and offer.job.submit_token == "s1"
    answer = only(bench.tell(ev.Accepted(1, None)), act.Answer)
    assert answer.ok and answer.data["submissions"]["s1"]["id"] == 1
    # Asked later, it is known.
    assert only(bench.ask("accepted", "s1", request="r2"), act.Answer).ok


def test_a_request_for_several_submissions_is_answered_once_all_are_known() -> None:
    bench = Bench()
    bench.ask("accepted", "s1", "s2")
    for number, token in enumerate(("s1", "s2"), 1):
        bench.tell(ev.Appeared(token))
        bench.look(token, records=sealed(token=token))
        actions = bench.tell(ev.Accepted(number, None))
        assert ("Answer" in kinds(actions)) == (token == "s2")


@pytest.mark.parametrize(
    "submit",
    [
        {"identity": [1, 2, 4]},
        {"identity": 5},
        {"identity": None},
        {"token": None},
        {"token": ["s1"]},
    ],
)
def test_a_submission_record_that_was_copied_or_made_by_hand_is_brought_along_junk(
    submit: dict[str, object],
) -> None:
    bench = Bench()
    bench.tell(ev.Appeared("a"))
    assert kinds(bench.look_at_fresh("a", records=sealed(**submit))) == ["ShowArrival"]
    offer = only(bench.wait(2).look("a", records=sealed(**submit)), act.Accept)
    assert offer.fresh and offer.job.submit_token is None


def test_an_ended_job_that_a_person_put_back_is_a_new_job_and_its_old_row_goes() -> None:
    bench = Bench()
    bench.state.next_id = 20
    old = a_job(7, attempt=1, identity=Identity(1, 2, 3))
    for records in (
        Records(old.identity, old, Claim("b", claimed=True), exit=an_outcome()),
        Records(old.identity, old, end=End(1, State.CANCELLED, an_outcome())),
    ):
        bench.tell(ev.Appeared("again"))
        actions = bench.look("again", records=records)
        assert kinds(actions) == ["SaveState", "Accept"]
        offer = only(actions, act.Accept)
        assert offer.replaces == 7
        assert offer.fresh and offer.job.id >= 20 and offer.job.attempt == 0
        bench.tell(ev.NotAccepted(offer.job.id, True, Reason("Gone", "")))


def test_a_cancelled_job_whose_move_is_held_up_is_no_job_that_was_put_back() -> None:
    """A viewer holds the folder on Windows; meanwhile a person renames it."""
    bench = Bench()
    job = bench.queue("a")
    close = only(bench.ask("kill", "a"), act.Close)
    bench.tell(ev.Unmovable(job.id, "a viewer"))
    bench.tell(ev.Appeared("b"))
    ended = records_of(replace(job, name="b"), end=close.end)
    actions = bench.look("b", identity=job.identity, records=ended)
    assert actions == [act.HideArrival("b")]
    assert bench.tick(1) == [close]


def test_a_copy_of_a_job_beside_itself_is_a_new_job() -> None:
    bench = Bench()
    job = bench.queue("a")
    bench.tell(ev.Appeared("a copy"))
    copied = Records(Identity(1, 2, 3), job, Claim("b", claimed=False))
    offer = only(bench.look("a copy", records=copied), act.Accept)
    assert offer.fresh and offer.job.id == 2


def test_a_missing_info_file_is_refused_after_its_grace_with_a_log_and_an_id() -> None:
    bench = Bench()
    close = refuse(bench, "bad")
    assert (close.job.state, close.end.state, close.place) == (
        State.REJECTED,
        State.REJECTED,
        Place.WAITING,
    )
    assert close.fresh and close.target is None and close.job.id == 1
    assert close.log.startswith("Job refused by QM at: ") and "info file" in close.log
    actions = bench.tell(ev.Moved(1, State.REJECTED, "bad"))
    assert actions == [act.HideArrival("bad")]
    assert (bench.state.arrivals, bench.state.ending, bench.state.accepting) == ({}, {}, {})


def test_a_rest_that_comes_under_the_name_of_a_started_job_is_late_not_bad() -> None:
    bench = Bench()
    job = bench.start("fit")
    close = refuse(bench, "fit")
    reason = close.job.reason
    assert reason is not None and reason.word == "Late"
    assert f"job {job.id} of this name had started already" in reason.text
    assert close.target == "fit.late"


def test_of_very_many_starts_only_the_latest_are_remembered() -> None:
    """Jobs of a moment each, for days: their names are not kept."""
    bench = Bench()
    claims = bench.state.recent_claims
    claims.update((f"earlier{number}", (1000.0, number)) for number in range(MOST_RECENT))
    job = bench.start("fit")
    assert len(claims) == MOST_RECENT
    assert "earlier0" not in claims and "earlier1" in claims and claims["fit"][1] == job.id


def test_ten_minutes_after_the_start_it_is_a_drop_without_an_info_file_again() -> None:
    bench = Bench()
    bench.start("fit")
    bench.wait(600)
    close = refuse(bench, "fit")
    assert close.target is None and close.job.reason is not None
    assert close.job.reason.word == "NoInfo"


def test_a_refused_folder_that_cannot_be_moved_is_looked_at_again_and_keeps_its_id() -> None:
    bench = Bench()
    refuse(bench, "bad")
    shown = only(bench.tell(ev.Unmovable(1, "somebody's")), act.ShowArrival)
    assert shown.reason == Reason("Stuck", "somebody's")
    assert bench.tick(59) == [] and kinds(bench.tick(1.5)) == ["Inspect"]
    # Meanwhile it was mended.
    offer = only(bench.look("bad"), act.Accept)
    assert (offer.job.id, offer.job.state) == (1, State.QUEUED)
    bench.tell(ev.Accepted(1, None))
    assert bench.claim().job.id == 1


def test_a_folder_that_goes_away_while_it_settles_is_forgotten() -> None:
    bench = Bench()
    bench.tell(ev.Appeared("a"))
    bench.look_at_fresh("a")
    assert bench.tell(ev.Gone("a")) == [act.Inspect("a", known=True)]
    assert bench.gone("a") == [act.HideArrival("a")]
    assert bench.tick(60) == [] and bench.state.arrivals == {}


def test_what_comes_under_a_name_that_just_left_is_looked_at() -> None:
    bench = Bench()
    bench.tell(ev.Appeared("a"))
    bench.tell(ev.Appeared("a"))
    assert bench.gone("a") == [act.HideArrival("a"), act.Inspect("a", known=True)]
    # The same for one that left while its record was written, and for one that was refused.
    offer = only(bench.look("a"), act.Accept)
    bench.tell(ev.Appeared("a"))
    actions = bench.tell(ev.NotAccepted(offer.job.id, True, Reason("Gone", "")))
    assert actions == [act.HideArrival("a"), act.Inspect("a", known=True)]
    bench.gone("a")
    close = refuse(bench, "a")
    bench.tell(ev.Appeared("a"))
    actions = bench.tell(ev.Moved(close.job.id, State.REJECTED, "a"))
    assert actions == [act.HideArrival("a"), act.Inspect("a", known=True)]


@pytest.mark.parametrize(("word", "seconds"), [("DiskFull", 5.0), ("Stuck", 60.0)])
def test_a_record_that_cannot_be_written_is_tried_again_after_a_while(
    word: str, seconds: float
) -> None:
    bench = Bench()
    offer = bench.offer("a")
    shown = only(bench.tell(ev.NotAccepted(1, False, Reason(word, "none"))), act.ShowArrival)
    assert shown.reason.word == word
    assert bench.tick(seconds - 0.1) == [] and kinds(bench.tick(0.2)) == ["Inspect"]
    actions = bench.look("a", identity=offer.job.identity)
    assert kinds(actions) == ["SaveState", "Accept"]
    assert only(actions, act.Accept).job.id == 1


def test_another_folder_under_the_name_of_a_drop_that_has_its_id_is_another_job() -> None:
    bench = Bench()
    bench.offer("a")
    bench.tell(ev.NotAccepted(1, False, Reason("DiskFull", "none")))
    bench.tick(61)
    other = Identity(9, 99, 9)
    assert kinds(bench.look("a", identity=other)) == ["HideArrival", "Inspect"]
    assert only(bench.look("a", identity=other), act.Accept).job.id == 2


def test_a_look_from_before_its_acceptance_does_not_accept_it_twice() -> None:
    bench = Bench()
    offer = bench.offer("a")
    assert bench.look("a", identity=offer.job.identity) == []
    actions = bench.tell(ev.Accepted(1, None))
    assert kinds(actions) == ["HideArrival", "Show", "Inspect"]


# A start: what lies in QM_qJobs is adopted.


def adopt(bench: Bench, job: Job, **changes: object) -> list[act.Action]:
    bench.tell(ev.Appeared(job.name))
    return bench.tell(
        ev.Inspected(
            Inspection(job.name, Kind.FOLDER, job.identity, records=records_of(job, **changes))
        )
    )


def test_an_accepted_job_is_adopted_with_its_id_and_its_order() -> None:
    bench = Bench(starting=True)
    new = bench.queue("new")
    old = a_job(41, arrival=5)
    assert kinds(adopt(bench, old)) == ["HideArrival", "Show"]
    assert bench.state.jobs[41] == old and bench.state.next_id == 42
    bench.tell(ev.Found())
    assert [claim.job.id for claim in bench.plan()] == [41, new.id]
    assert bench.queue("newer").id == 42


def test_orders_of_arrival_grow_after_an_adopted_one_from_the_future() -> None:
    bench = Bench()
    adopt(bench, a_job(3, arrival=10**18))
    assert bench.queue("next").arrival > 10**18


def test_a_held_job_is_adopted_held() -> None:
    bench = Bench()
    adopt(bench, a_job(3), hold=Reason("User", "later"))
    assert bench.state.jobs[3].state is State.HELD and bench.plan() == []


def test_a_claimed_job_in_the_queue_is_probed_where_it_lies() -> None:
    bench = Bench()
    job = a_job(3, attempt=1, token="t")
    actions = adopt(bench, job, claim=Claim("b", claimed=True))
    assert actions[1:] == [act.Probe(job, Place.WAITING)]
    assert bench.state.next_id == 4


def test_a_running_job_that_a_person_moved_into_the_queue_runs_on() -> None:
    bench = Bench()
    job = bench.start("a")
    actions = adopt(bench, job, claim=Claim("b", claimed=True), start=a_start(job))
    assert kinds(actions) == ["HideArrival"] and job.id in bench.state.runs


def test_a_waiting_job_of_another_name_was_renamed() -> None:
    bench = Bench()
    job = bench.queue("a")
    moved = replace(job, name="b")
    actions = adopt(bench, moved)
    assert only(actions, act.Show).job.name == "b"
    assert bench.state.jobs[job.id].arrival == job.arrival


def test_a_restored_folder_is_adopted_once_and_gets_its_new_identity_written() -> None:
    bench = Bench(adopt=True, starting=True)
    job = a_job(3)
    for name, inode in (("a", 71), ("copy of a", 72)):
        bench.tell(ev.Appeared(name))
        records = Records(Identity(1, inode, 7), replace(job, name=name), Claim("b", False))
        seen = a_look(name, identity=records.identity, records=records)
        actions = bench.tell(ev.Inspected(seen))
        offer = only(actions, act.Accept)
        assert offer.job.identity.inode == inode
        assert (offer.job.id, offer.fresh) == ((3, False) if name == "a" else (4, True))
    assert bench.state.jobs[3].name == "a"


def test_after_the_start_of_a_restored_queue_a_copy_with_records_is_a_new_drop() -> None:
    bench = Bench(adopt=True)
    bench.tell(ev.Appeared("a"))
    records = Records(Identity(1, 71, 7), a_job(3), Claim("b", claimed=False))
    assert only(bench.look("a", records=records), act.Accept).fresh


# Names come and go.


def test_a_waiting_job_keeps_its_place_when_it_is_renamed() -> None:
    bench = Bench(processors=1)
    first = bench.queue("a")
    bench.queue("b")
    actions = bench.tell(ev.Renamed("a", "z"))
    assert kinds(actions) == ["Show", "Inspect"]
    claim = bench.claim()
    assert (claim.job.id, claim.job.name) == (first.id, "z")


def test_a_settling_drop_keeps_its_place_when_it_is_renamed() -> None:
    bench = Bench(processors=1)
    bench.tell(ev.Appeared("a"))
    bench.look_at_fresh("a")
    bench.queue("b")
    assert bench.tell(ev.Renamed("a", "z")) == [
        act.HideArrival("a"),
        act.Inspect("z", known=True),
    ]
    offer = only(bench.wait(3).look("z"), act.Accept)
    bench.tell(ev.Accepted(offer.job.id, None))
    assert bench.claim().job.name == "z"


def test_a_waiting_job_may_take_the_name_of_a_drop_that_settled() -> None:
    bench = Bench()
    job = bench.queue("a")
    bench.tell(ev.Appeared("b"))
    actions = bench.tell(ev.Renamed("a", "b"))
    assert kinds(actions) == ["HideArrival", "Show", "Inspect"]
    assert bench.look("b", identity=job.identity) == []
    bench.claim()
    # And a later drop of that name is seen.
    assert bench.tell(ev.Appeared("b")) == [act.Inspect("b", known=True)]


def test_two_waiting_jobs_that_swap_their_names_stay_who_they_are() -> None:
    bench = Bench()
    a, b = bench.queue("a"), bench.queue("b")
    # Listings see: b is another folder, c is new, then c is gone and a is there again.
    bench.tell(ev.Renamed("a", "b"))
    bench.tell(ev.Appeared("b"))
    for name, job in (("b", a), ("a", b)):
        moved = replace(job, name=name)
        bench.look(name, identity=job.identity, records=records_of(moved))
        bench.look(name, identity=job.identity, records=records_of(moved))
        bench.tell(ev.Appeared(name))
        bench.look(name, identity=job.identity, records=records_of(moved))
    assert {job.id: job.name for job in bench.state.jobs.values()} == {a.id: "b", b.id: "a"}


def test_a_waiting_job_is_forgotten_only_when_a_look_finds_it_gone() -> None:
    bench = Bench()
    job = bench.queue("a")
    assert bench.tell(ev.Gone("a")) == [act.Inspect("a", known=True)]
    assert bench.look("a", identity=job.identity) == []
    assert bench.gone("a") == [act.Forget(job)]
    assert bench.plan() == []


def test_another_folder_in_the_place_of_a_waiting_job_is_another_drop() -> None:
    bench = Bench()
    job = bench.queue("a")
    actions = bench.look("a", identity=Identity(1, 1, 1))
    assert actions == [act.Forget(job), act.Inspect("a", known=True)]


def test_a_listing_tells_of_everything_that_was_missed() -> None:
    bench = Bench()
    bench.queue("kept")
    bench.queue("lost")
    bench.tell(ev.Appeared("settling"))
    actions = bench.tell(ev.Present(frozenset({"kept", "settling", "b", "a"})))
    assert actions == [act.Inspect(name, known=True) for name in ("a", "b", "lost")]
    assert bench.state.arrivals["a"].order < bench.state.arrivals["b"].order


def test_a_listing_does_not_take_what_is_on_its_way_for_new() -> None:
    bench = Bench()
    bench.queue("claiming")
    bench.claim()
    cancelled = bench.queue("cancelled")
    bench.ask("kill", str(cancelled.id))
    assert bench.tell(ev.Present(frozenset({"claiming", "cancelled"}))) == []


def test_a_hold_mark_made_or_taken_away_by_hand_is_seen_at_the_next_look() -> None:
    bench = Bench()
    job = bench.queue("a")
    mark = Reason("Held", "by a hold mark")
    bench.look("a", identity=job.identity, records=records_of(job, hold=mark))
    assert bench.state.jobs[job.id].state is State.HELD and bench.plan() == []
    assert act.Inspect("a", known=True) in bench.tell(ev.Present(frozenset({"a"})))
    bench.look("a", identity=job.identity, records=records_of(job))
    assert bench.claim().job.id == job.id


def test_an_acceptance_that_nobody_waits_for_is_ignored() -> None:
    bench = Bench()
    assert bench.tell(ev.Accepted(9, None)) == []
    assert bench.tell(ev.NotAccepted(9, True, Reason("Gone", ""))) == []
    assert bench.tell(ev.Inspected(a_look("unknown"))) == []
    assert bench.tell(ev.Renamed("x", "y")) == [act.Inspect("y", known=True)]


def test_outcomes_of_refusals_have_their_time() -> None:
    close = refuse(Bench(), "bad")
    assert close.job.outcome == Outcome("2026-01-01T00:00:31.000Z", reason=close.job.reason)

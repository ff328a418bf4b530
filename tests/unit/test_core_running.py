"""The core: from a claim to the end, and back into the queue where nothing started."""

from __future__ import annotations

from dataclasses import replace

import pytest

from qm.core import actions as act
from qm.core import events as ev
from qm.model import Job, Place, Reason, State
from tests.fakes.bench import Bench, an_outcome, kinds, only, records_of

FULL = Reason("DiskFull", "QM cannot write: No space left on device")


def launch_fails(bench: Bench, job: Job, *, full: bool = False) -> list[act.Action]:
    assert job.token is not None
    return bench.tell(ev.LaunchFailed(job.id, job.token, "no shell", FULL if full else None))


def started_again(bench: Bench, job: Job) -> Job:
    """Put back, claimed and handed over once more."""
    bench.tell(ev.Requeued(job.id, job.name, None))
    claim = bench.claim()
    bench.tell(ev.Claimed(claim.job, "true", None))
    return bench.state.runs[job.id].job


def test_a_claim_has_a_new_attempt_and_a_new_token_and_takes_the_processors() -> None:
    bench = Bench()
    job = bench.queue("a", nb_proc=3)
    claim = bench.claim()
    assert claim.fingerprint == 1
    assert (claim.job.attempt, claim.job.token) == (1, "token1") and job.attempt == 0
    assert bench.used == 3


def test_nothing_is_started_before_its_claim_is_told() -> None:
    bench = Bench()
    bench.queue("a")
    claim = bench.claim()
    assert bench.plan() == [] and bench.tick(100) == []
    actions = bench.tell(ev.Claimed(replace(claim.job, name="a.2"), "sh x", "a note"))
    assert actions == [
        act.Start(replace(claim.job, name="a.2", state=State.RUNNING), "sh x", "a note"),
        act.Show(replace(claim.job, name="a.2", state=State.RUNNING)),
    ]


def test_a_start_is_shown_and_an_end_frees_the_processors_before_the_folder_moves() -> None:
    bench = Bench(processors=1)
    job = bench.start("a")
    bench.queue("b")
    assert bench.plan() == [] and job.token is not None
    shown = only(bench.tell(ev.Started(job.id, job.token, "now")), act.Show)
    assert shown.job.started == "now"
    finish = bench.end(job, exit_code=3)
    assert (finish.job.state, str(finish.job.reason)) == (State.FAILED, "ExitCode: 3")
    assert (finish.place, finish.job.started) == (Place.RUNNING, "2026-01-01T00:00:01.000Z")
    assert bench.claim().job.name == "b"
    assert bench.tell(ev.Moved(job.id, State.FAILED, "a")) == []
    assert bench.state.ending == {}


def test_events_of_an_older_attempt_or_of_nobody_change_nothing() -> None:
    bench = Bench()
    job = bench.start("a")
    for job_id in (job.id, 99):
        for event in (
            ev.Started(job_id, "old", "x"),
            ev.Ended(job_id, "old", an_outcome()),
            ev.NotStarted(job_id, "old", "x"),
            ev.LaunchFailed(job_id, "old", "x"),
            ev.SupervisorGone(job_id, "old"),
        ):
            assert bench.tell(event) == []
    strangers: list[ev.Event] = [
        ev.Requeued(99, "x", None),
        ev.StillLocked(99),
        ev.Moved(99, State.FAILED, "x"),
        ev.Unmovable(99, "x"),
        ev.Vanished(99),
        ev.Changed(99, "x"),
        ev.Unclaimable(99, FULL),
        ev.Changed(job.id, "x"),
        ev.Unclaimable(job.id, FULL),
        ev.Claimed(replace(job, id=99), "x", None),
    ]
    for stranger in strangers:
        assert bench.tell(stranger) == []
    assert bench.used == 1


# A claim that comes to nothing.


def test_a_job_that_was_edited_settles_again_and_keeps_id_and_place() -> None:
    bench = Bench(processors=1)
    first = bench.queue("a")
    bench.queue("b")
    bench.claim()
    actions = bench.tell(ev.Changed(first.id, "a"))
    assert kinds(actions) == ["Show", "Inspect"]
    shown = only(actions, act.Show).job
    assert shown.reason is not None and shown.reason.word == "Settling"
    # It is looked at as a whole: its own records do not suffice.
    assert only(actions, act.Inspect).known is False
    records = records_of(first)
    offer = only(bench.look("a", identity=first.identity, records=records), act.Accept)
    assert (offer.job.id, offer.fresh) == (first.id, False)
    bench.tell(ev.Accepted(first.id, None))
    assert bench.claim().job.id == first.id


def test_a_job_that_was_edited_and_moved_back_under_another_name_settles_there() -> None:
    bench = Bench()
    job = bench.queue("a")
    bench.claim()
    actions = bench.tell(ev.Changed(job.id, "a.2"))
    assert only(actions, act.Inspect).name == "a.2"
    assert bench.state.arrivals["a.2"].job == replace(job, name="a.2")


def test_an_edited_job_without_a_script_is_refused_with_its_own_records_kept() -> None:
    bench = Bench()
    job = bench.queue("a")
    bench.claim()
    bench.tell(ev.Changed(job.id, "a"))
    bench.look("a", identity=job.identity, found=None)
    actions = bench.wait(31).look("a", identity=job.identity, found=None)
    assert kinds(actions) == ["Close"]
    close = only(actions, act.Close)
    assert (close.job.id, close.fresh) == (job.id, False)


def test_an_edited_job_that_is_taken_away_is_forgotten() -> None:
    bench = Bench()
    job = bench.queue("a")
    bench.claim()
    bench.tell(ev.Changed(job.id, "a"))
    assert kinds(bench.gone("a")) == ["Forget"]


def test_a_folder_that_cannot_be_moved_waits_a_minute_and_says_why() -> None:
    bench = Bench()
    job = bench.queue("a")
    bench.claim()
    shown = only(bench.tell(ev.Unclaimable(job.id, Reason("Stuck", "somebody's"))), act.Show)
    assert shown.job.reason == Reason("Stuck", "somebody's")
    assert bench.used == 0 and bench.plan() == []
    assert bench.tick(59) == [] and bench.tick(2) == [act.Inspect("a", known=False)]


def test_a_full_disk_stops_every_start_for_some_seconds_and_then_is_tried_again() -> None:
    bench = Bench(processors=1)
    first, second = bench.queue("a"), bench.queue("b")
    bench.claim()
    full = bench.tell(ev.Unclaimable(first.id, FULL, full=True))
    assert kinds(full) == ["Show", "ShowObstacle"] and full[-1] == act.ShowObstacle(FULL)
    assert bench.plan() == [] and bench.used == 0
    wake = bench.core.next_wake()
    assert wake == pytest.approx(bench.mono + 5.0)
    assert bench.tick(4.9) == [] and bench.plan() == []
    assert bench.tick(0.2) == [act.ShowObstacle(None)]
    # At its old place, before the other.
    assert bench.claim().job.id == first.id != second.id


def test_a_job_that_is_found_held_at_its_claim_waits_held_at_its_place() -> None:
    bench = Bench(processors=1)
    first, second = bench.queue("a"), bench.queue("b")
    bench.claim()
    shown = bench.hold(first, Reason("User", "later"))[-1]
    assert isinstance(shown, act.Show)
    assert shown.job.state is State.HELD and shown.job.attempt == 0
    assert bench.claim().job.id == second.id
    bench.hold(first, None)
    bench.tell(ev.Vanished(second.id))
    assert bench.claim().job.id == first.id


@pytest.mark.parametrize("moment", ["waiting", "claiming", "running", "requeueing"])
def test_a_job_whose_folder_vanished_is_forgotten_and_its_processors_are_free(moment: str) -> None:
    bench = Bench()
    job = bench.queue("a")
    if moment != "waiting":
        claim = bench.claim()
    if moment in ("running", "requeueing"):
        bench.tell(ev.Claimed(claim.job, "true", None))
    if moment == "requeueing":
        launch_fails(bench, claim.job)
    forget = only(bench.tell(ev.Vanished(job.id)), act.Forget)
    assert forget.job.id == job.id and not forget.record
    assert bench.used == 0 and bench.plan() == []


def test_a_job_whose_folder_was_taken_away_while_it_ran_is_lost_and_recorded() -> None:
    bench = Bench()
    job = bench.start("a")
    assert job.token is not None
    (forget,) = bench.tell(ev.Ended(job.id, job.token, an_outcome(), vanished=True))
    assert isinstance(forget, act.Forget) and forget.record
    assert forget.job.state is State.LOST
    assert forget.job.reason is not None and "code 0" in forget.job.reason.text
    assert bench.used == 0


# Nothing was started.


def test_three_launches_that_fail_hold_the_job_with_the_cause() -> None:
    bench = Bench()
    job = bench.start("a")
    for round_ in range(2):
        requeue = only(launch_fails(bench, job), act.Requeue)
        assert (requeue.hold, requeue.job.launches) == (None, round_ + 1)
        assert bench.used == 0
        job = started_again(bench, job)
    requeue = only(launch_fails(bench, job), act.Requeue)
    assert requeue.hold == Reason("LaunchFailed", "no shell") and requeue.job.launches == 0
    shown = only(bench.tell(ev.Requeued(job.id, "a", requeue.hold)), act.Show)
    assert (shown.job.state, shown.job.reason) == (State.HELD, requeue.hold)
    assert bench.plan() == []
    bench.hold(job, None)
    assert bench.claim().job.attempt == 4


def test_a_launch_that_failed_for_a_full_disk_counts_for_nothing() -> None:
    bench = Bench()
    job = bench.start("a")
    for _ in range(4):
        actions = launch_fails(bench, job, full=True)
        assert kinds(actions) == ["ShowObstacle", "Requeue"]
        assert only(actions, act.Requeue).job.launches == 0
        assert bench.plan() == []
        bench.tick(5.1)
        job = started_again(bench, job)


def test_a_job_that_is_back_waits_at_its_old_place_with_its_old_submission() -> None:
    bench = Bench(processors=1)
    job = bench.start("a")
    bench.queue("b")
    launch_fails(bench, job)
    # A listing saw it come back before this was told.
    bench.tell(ev.Appeared("a.2"))
    actions = bench.tell(ev.Requeued(job.id, "a.2", None))
    assert kinds(actions) == ["HideArrival", "Show"]
    back = bench.state.jobs[job.id]
    assert (back.state, back.token, back.name, back.arrival) == (
        State.QUEUED,
        None,
        "a.2",
        job.arrival,
    )
    assert bench.claim().job.id == job.id


def test_a_job_that_somebody_runs_after_all_is_running_again() -> None:
    bench = Bench()
    job = bench.start("a")
    launch_fails(bench, job)
    assert only(bench.tell(ev.StillLocked(job.id)), act.Show).job.state is State.RUNNING
    assert bench.used == 1
    wake = bench.core.next_wake()
    assert wake is not None and wake <= bench.mono + 1
    assert kinds(bench.tick(1)) == ["Probe"]


def test_a_job_that_the_supervisor_refused_or_left_is_probed() -> None:
    bench = Bench()
    job = bench.start("a")
    assert job.token is not None
    probe = act.Probe(job, Place.RUNNING)
    assert bench.tell(ev.NotStarted(job.id, job.token, "not mine")) == [probe]
    assert bench.tell(ev.SupervisorGone(job.id, job.token)) == [probe]
    assert bench.tick(2.9) == [] and bench.tick(0.2) == [probe]


# The last move.


def test_a_folder_that_somebody_holds_open_is_tried_on_ever_more_slowly_but_always() -> None:
    bench = Bench(processors=1)
    job = bench.start("a")
    finish = bench.end(job)
    bench.queue("b")
    assert bench.claim().job.name == "b"
    pauses = []
    for _ in range(12):
        bench.tell(ev.Unmovable(job.id, "a viewer"))
        wake = bench.core.next_wake()
        assert wake is not None
        pauses.append(wake - bench.mono)
        assert bench.tick(wake - bench.mono) == [finish]
        assert bench.tick(1) == []
    assert pauses == sorted(pauses) and pauses[0] <= 0.5 and pauses[-1] == 30.0
    bench.tell(ev.Moved(job.id, State.FINISHED, "a"))
    assert bench.tick(100) == []


def test_a_job_that_cannot_be_put_back_is_tried_on_as_well() -> None:
    bench = Bench()
    job = bench.start("a")
    requeue = only(launch_fails(bench, job), act.Requeue)
    bench.tell(ev.Unmovable(job.id, "a viewer"))
    assert bench.tick(0.5) == [requeue]


# Which job is next.


def test_jobs_start_by_priority_then_arrival_and_what_does_not_fit_is_skipped() -> None:
    bench = Bench(processors=4)
    wanted = (("low", 1, -5), ("first", 3, 0), ("big", 4, 0), ("second", 1, 0), ("high", 1, 5))
    for name, nb_proc, priority in wanted:
        bench.queue(name, nb_proc=nb_proc, priority=priority)
    assert [claim.job.name for claim in bench.plan()] == ["high", "first"]
    for claim in list(bench.state.runs.values()):
        bench.tell(ev.Vanished(claim.job.id))
    assert [claim.job.name for claim in bench.plan()] == ["big"]
    assert bench.plan() == []


def test_blocking_starts_one_job_at_a_time() -> None:
    bench = Bench(blocking=True)
    bench.queue("a")
    bench.queue("b")
    first = bench.claim()
    assert bench.plan() == []
    bench.tell(ev.Claimed(first.job, "true", None))
    assert bench.plan() == []
    bench.end(first.job)
    assert bench.claim().job.name == "b"


def test_a_job_from_a_larger_machine_takes_all_there_is_and_gives_it_back() -> None:
    bench = Bench(processors=2)
    job = bench.start("a", nb_proc=64)
    assert bench.used == 2
    bench.queue("b")
    assert bench.plan() == []
    bench.end(job)
    assert bench.used == 0 and bench.claim().job.name == "b"


# Obstacles.


def test_while_the_queue_cannot_be_listed_nothing_is_started() -> None:
    bench = Bench()
    bench.queue("a")
    gone = Reason("FolderGone", "QM_qJobs is not there")
    assert bench.tell(ev.Frozen(gone)) == [act.ShowObstacle(gone)]
    assert bench.tell(ev.Frozen(gone)) == [] and bench.plan() == []
    assert bench.tick(3600) == [] and bench.plan() == []
    assert bench.tell(ev.Frozen(None)) == [act.ShowObstacle(None)]
    assert len(bench.plan()) == 1


def test_a_full_disk_does_not_let_jobs_start_from_a_folder_that_is_gone() -> None:
    bench = Bench()
    job = bench.queue("a")
    bench.claim()
    gone = Reason("FolderGone", "unmounted")
    bench.tell(ev.Frozen(gone))
    assert kinds(bench.tell(ev.Unclaimable(job.id, FULL, full=True))) == ["Show"]
    bench.tick(60)
    assert bench.state.obstacle == gone and bench.plan() == []


def test_a_folder_that_is_back_does_not_lift_a_full_disk() -> None:
    bench = Bench()
    job = bench.queue("a")
    bench.claim()
    bench.tell(ev.Unclaimable(job.id, FULL, full=True))
    assert bench.tell(ev.Frozen(None)) == [] and bench.plan() == []
    bench.tick(6)
    assert len(bench.plan()) == 1


def test_a_new_index_is_told_of_everything() -> None:
    bench = Bench(processors=1)
    running, edited, waiting = bench.start("running"), None, None
    bench.tell(ev.Appeared("settling"))
    bench.look_at_fresh("settling")
    bench.end(running)
    edited = bench.queue("edited")
    bench.claim()
    bench.tell(ev.Changed(edited.id, "edited"))
    bench.look_at_fresh("edited", identity=edited.identity)
    running = bench.start("runs on")
    claiming_before = bench.queue("waits")
    waiting = bench.state.jobs[claiming_before.id]
    actions = bench.tell(ev.IndexLost())
    shown = {a.job.name: a.job for a in actions if isinstance(a, act.Show)}
    assert set(shown) == {"runs on", "edited", "waits"}
    assert shown["runs on"].state is State.RUNNING and shown["waits"] == waiting
    assert shown["edited"].reason is not None and shown["edited"].reason.word == "Settling"
    assert only(actions, act.ShowArrival).name == "settling"
    assert actions[-1] == act.ShowObstacle(None)


def test_ids_are_never_given_twice() -> None:
    bench = Bench()
    ids = [bench.queue(f"job{number}").id for number in range(20)]
    assert ids == list(range(1, 21))


def test_a_job_that_its_supervisor_left_alone_is_probed_until_its_files_can_be_read() -> None:
    bench = Bench()
    job = bench.start("a")
    assert job.token is not None
    assert kinds(bench.tell(ev.NotStarted(job.id, job.token, "not mine"))) == ["Probe"]
    assert kinds(bench.tick(4)) == ["Probe"], "the first one could not read anything"

"""Jobs that come after others: bound, kept waiting, started, aborted with the root cause."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from qm.core import actions as act
from qm.core import events as ev
from qm.core.dependents import KnownEnd
from qm.core.queueing import review
from qm.model import Dependency, Job, Place, Reason, State
from tests.fakes.bench import Bench, an_outcome, kinds, only, records_of, usable


def looked_up(bench: Bench, job: Job, **ends: KnownEnd | None) -> list[act.Action]:
    """What the index knows of the jobs before ``job``."""
    return bench.tell(ev.EndsFound(job.id, ends))


def reason(bench: Bench, job: Job) -> str:
    return str(bench.state.jobs[job.id].reason)


def closed(bench: Bench, action: act.Close) -> list[act.Action]:
    job = action.job
    return bench.tell(ev.Moved(job.id, job.state, job.name))


def finish(bench: Bench, job: Job, **outcome: Any) -> list[act.Action]:
    assert job.token is not None
    actions = bench.tell(ev.Ended(job.id, job.token, an_outcome(**outcome)))
    bench.tell(ev.Moved(job.id, State.FINISHED, job.name))
    return actions


def test_a_job_waits_for_the_newest_of_that_name_and_says_so() -> None:
    bench = Bench(processors=1)
    prep = bench.queue("prep")
    child = bench.queue("child", after=("afterok:prep",))
    assert child.depends == (Dependency("afterok", "prep", prep.id),)
    assert reason(bench, child) == f"Dependency: after prep ({prep.id}, QUEUED)"
    running = bench.claim()
    assert running.job.id == prep.id
    bench.tell(ev.Claimed(running.job, "true", None))
    assert reason(bench, child) == f"Dependency: after prep ({prep.id}, RUNNING)"
    finish(bench, running.job)
    assert bench.claim().job.id == child.id


@pytest.mark.parametrize(
    ("condition", "outcome", "starts"),
    [
        ("afterok", {"exit_code": 0}, True),
        ("afterok", {"exit_code": 2}, False),
        ("afterany", {"exit_code": 2}, True),
        ("afterany", {"exit_code": 0}, True),
        ("afternotok", {"exit_code": 2}, True),
        ("afternotok", {"exit_code": 0}, False),
    ],
)
def test_each_condition_asks_for_its_end(
    condition: str, outcome: dict[str, Any], starts: bool
) -> None:
    bench = Bench()
    prep = bench.start("prep")
    child = bench.queue("child", after=(f"{condition}:prep",))
    actions = finish(bench, prep, **outcome)
    if starts:
        assert bench.claim().job.id == child.id
    else:
        gone = only(actions, act.Close)
        assert (gone.job.id, gone.job.state) == (child.id, State.ABORTED)


def test_a_failure_aborts_the_subtree_with_the_root_cause() -> None:
    bench = Bench()
    prep = bench.start("prep")
    mid = bench.queue("mid", after=("afterok:prep",))
    leaf = bench.queue("leaf", after=("afterok:mid",))
    gone = only(finish(bench, prep, exit_code=2), act.Close)
    assert gone.job.id == mid.id
    assert str(gone.job.reason) == (
        f"Dependency: prep ({prep.id}) ended as FAILED (ExitCode: 2); it was to end as FINISHED"
    )
    assert leaf.id in bench.state.jobs, "its parent's end is not on record yet"
    last = only(closed(bench, gone), act.Close)
    assert (last.job.id, last.job.state) == (leaf.id, State.ABORTED)
    assert str(last.job.reason).startswith(
        f"Dependency: mid ({mid.id}) was ABORTED; root cause: prep ({prep.id}) ended as FAILED"
    )
    assert "aborted by QM" in last.log


def test_a_deep_subtree_names_the_first_cause_at_every_depth() -> None:
    bench = Bench()
    first = bench.start("step0")
    for depth in range(1, 30):
        bench.queue(f"step{depth}", after=(f"afterok:step{depth - 1}",))
    actions = finish(bench, first, exit_code=3)
    for _ in range(1, 30):
        gone = only(actions, act.Close)
        assert "step0" in str(gone.job.reason) and "ExitCode: 3" in str(gone.job.reason)
        assert str(gone.job.reason).count("root cause") <= 1
        actions = closed(bench, gone)
    assert not bench.state.jobs


def test_a_cancelled_parent_aborts_its_child() -> None:
    bench = Bench(processors=1)
    bench.start("other")
    prep = bench.queue("prep")
    child = bench.queue("child", after=("afterok:prep",))
    gone = only(bench.ask("kill", str(prep.id)), act.Close)
    assert gone.job.state is State.CANCELLED
    aborted = only(closed(bench, gone), act.Close)
    assert (aborted.job.id, aborted.job.state) == (child.id, State.ABORTED)


def test_a_late_child_of_a_failed_job_is_aborted() -> None:
    bench = Bench()
    child = bench.queue("child", after=("afterok:prep",))
    assert reason(bench, child) == "Dependency: after prep: no such job yet"
    end = KnownEnd(3, "prep", State.LOST, "MachineDown: power")
    gone = only(looked_up(bench, child, prep=end), act.Close)
    assert gone.job.state is State.ABORTED
    assert "prep (3) ended as LOST (MachineDown: power)" in str(gone.job.reason)


def test_a_late_child_of_a_finished_job_starts_and_is_bound_on_disk() -> None:
    bench = Bench()
    child = bench.queue("child", after=("afterok:prep",))
    actions = looked_up(bench, child, prep=KnownEnd(3, "prep", State.FINISHED, None))
    assert only(actions, act.Record).job.depends == (Dependency("afterok", "prep", 3),)
    assert bench.claim().job.id == child.id


def test_accepting_a_child_has_unknown_jobs_looked_up() -> None:
    bench = Bench()
    offer = bench.offer("child", after=("afterok:prep", "afterany:12"))
    actions = bench.tell(ev.Accepted(offer.job.id, None))
    assert only(actions, act.FindEnded).targets == {"prep": None, "12": None}


def test_a_name_that_never_came_waits_and_starts_when_it_has_come() -> None:
    bench = Bench()
    child = bench.queue("child", after=("afterok:prep",))
    looked_up(bench, child, prep=None)
    assert bench.plan() == []
    prep = bench.queue("prep")
    assert bench.state.jobs[child.id].depends == (Dependency("afterok", "prep", prep.id),)
    started = bench.claim()
    bench.tell(ev.Claimed(started.job, "true", None))
    finish(bench, started.job)
    assert bench.claim().job.id == child.id


def test_a_newer_job_of_that_name_takes_the_place_of_the_older() -> None:
    bench = Bench()
    old = bench.start("prep")
    child = bench.queue("child", after=("afterok:prep",))
    offer = bench.offer("prep")
    actions = bench.tell(ev.Accepted(offer.job.id, None))
    assert only(actions, act.Record).job.depends[0].id == offer.job.id
    finish(bench, old)
    assert "no such" not in reason(bench, child) and str(offer.job.id) in reason(bench, child)


def test_by_id_only_that_job_counts() -> None:
    bench = Bench()
    prep = bench.start("prep")
    child = bench.queue("child", after=(f"afterok:{prep.id}",))
    bench.queue("prep")
    assert bench.state.jobs[child.id].depends == (Dependency("afterok", str(prep.id), prep.id),)


def test_a_ring_is_refused_and_named() -> None:
    bench = Bench()
    bench.queue("a", after=("afterok:c",))
    bench.queue("b", after=("afterok:a",))
    bench.tell(ev.Appeared("c"))
    look = bench.look("c", identity=bench.new_identity(), found=usable(after=("afterok:b",)))
    refused = only(look, act.Close)
    assert refused.job.state is State.REJECTED
    assert str(refused.job.reason) == "Dependency: a cycle: c after b after a after c"


def test_a_job_after_itself_is_refused() -> None:
    bench = Bench()
    bench.tell(ev.Appeared("a"))
    look = bench.look("a", identity=bench.new_identity(), found=usable(after=("afterok:a",)))
    assert "a comes after itself" in str(only(look, act.Close).job.reason)


def test_a_refused_drop_ends_under_the_name_that_others_wait_for() -> None:
    """In QM_lost+found its name was taken."""
    bench = Bench()
    child = bench.queue("child", after=("afterok:prep",))
    looked_up(bench, child, prep=None)
    bench.tell(ev.Appeared("prep"))
    look = bench.look("prep", identity=bench.new_identity(), found=usable(after=("afterok:prep",)))
    refused = only(look, act.Close).job
    gone = only(bench.tell(ev.Moved(refused.id, State.REJECTED, "prep.2")), act.Close)
    assert gone.job.id == child.id and gone.job.state is State.ABORTED


def test_what_was_not_found_is_looked_up_again_when_the_index_is_complete() -> None:
    bench = Bench()
    child = bench.queue("child", after=("afterok:prep",))
    looked_up(bench, child, prep=None)
    again = only(bench.tell(ev.IndexComplete()), act.FindEnded)
    assert again == act.FindEnded(child.id, {"prep": None})
    looked_up(bench, child, prep=KnownEnd(3, "prep", State.FINISHED, None))
    assert bench.claim().job.id == child.id


def test_a_job_may_come_after_an_earlier_one_of_its_own_name() -> None:
    bench = Bench()
    earlier = bench.start("step")
    later = bench.queue("step", after=("afterok:step",))
    assert later.depends[0].id == earlier.id


def test_a_held_child_is_aborted_as_well() -> None:
    bench = Bench()
    prep = bench.start("prep")
    child = bench.queue("child", after=("afterok:prep",), hold=True)
    assert bench.state.jobs[child.id].state is State.HELD
    assert only(finish(bench, prep, exit_code=1), act.Close).job.id == child.id


def test_a_released_child_still_waits_for_its_parent() -> None:
    bench = Bench()
    prep = bench.start("prep")
    child = bench.queue("child", after=("afterok:prep",), hold=True)
    bench.hold(child, None)
    assert bench.plan() == []
    finish(bench, prep)
    assert bench.claim().job.id == child.id


def test_a_parent_that_was_taken_away_is_waited_for_by_name() -> None:
    bench = Bench(processors=1)
    bench.start("other")
    bench.queue("prep")
    child = bench.queue("child", after=("afterok:prep",))
    bench.gone("prep")
    assert reason(bench, child) == "Dependency: after prep: no such job yet"


def test_a_parent_that_is_tried_again_has_not_ended() -> None:
    bench = Bench()
    prep = bench.start("prep", retries=1)
    child = bench.queue("child", after=("afterok:prep",))
    assert prep.token is not None
    actions = bench.tell(ev.Ended(prep.id, prep.token, an_outcome(exit_code=1)))
    assert kinds(actions) == ["Requeue"]
    bench.tell(ev.Requeued(prep.id, "prep", None))
    assert child.id in bench.state.jobs
    assert reason(bench, child) == f"Dependency: after prep ({prep.id}, QUEUED)"


def test_jobs_that_were_there_at_the_start_are_bound_once_all_are_known() -> None:
    bench = Bench(starting=True)
    before = Bench()
    prep = before.queue("prep")
    child = before.queue("child", after=("afterok:prep",))
    for job in (child, prep):
        bench.tell(ev.Appeared(job.name))
        found = replace(records_of(job), identity=job.identity)
        bench.look(job.name, identity=job.identity, records=found)
    actions = bench.tell(ev.Found())
    assert "FindEnded" not in kinds(actions), "prep waits, and need not be looked up"
    assert bench.claim().job.name == "prep"


def test_a_finished_parent_of_an_earlier_manager_is_looked_up_after_the_start() -> None:
    bench = Bench(starting=True)
    child = replace(
        Bench().queue("child", after=("afterok:prep",)),
        depends=(Dependency("afterok", "prep", 3),),
    )
    bench.tell(ev.Appeared("child"))
    bench.look("child", identity=child.identity, records=records_of(child))
    actions = bench.tell(ev.Found())
    assert only(actions, act.FindEnded).targets == {"prep": 3}
    looked_up(bench, child, prep=KnownEnd(3, "prep", State.FINISHED, None))
    assert bench.claim().job.id == child.id


def test_a_vanished_parent_aborts_its_child() -> None:
    bench = Bench()
    prep = bench.start("prep")
    bench.queue("child", after=("afterok:prep",))
    assert prep.token is not None
    actions = bench.tell(ev.Ended(prep.id, prep.token, an_outcome(), vanished=True))
    gone = only(actions, act.Close)
    assert gone.job.state is State.ABORTED and "LOST" in str(gone.job.reason)


def test_an_aborted_job_lies_in_lost_and_found() -> None:
    bench = Bench()
    prep = bench.start("prep")
    bench.queue("child", after=("afterok:prep",))
    gone = only(finish(bench, prep, exit_code=1), act.Close)
    assert gone.place is Place.WAITING and gone.job.place is Place.LOST


def test_a_child_that_comes_while_its_parents_end_is_not_on_disk_yet_learns_of_it() -> None:
    """The lookup comes before the line in the history: the job would wait for ever."""
    bench = Bench()
    bench.end(bench.start("prep"))
    child = bench.queue("child", after=("afterok:prep",))
    looked_up(bench, child, prep=None)
    assert bench.claim().job.id == child.id


def test_a_child_that_comes_after_the_id_of_a_job_that_has_just_failed_is_aborted() -> None:
    bench = Bench()
    prep = bench.start("prep")
    bench.fail(prep)
    bench.queue("child", after=(f"afterok:{prep.id}",))
    child = bench.state.jobs[prep.id + 1]
    gone = only(bench.tell(ev.EndsFound(child.id, {str(prep.id): None})), act.Close)
    assert (gone.job.id, gone.job.state) == (child.id, State.ABORTED)


def test_a_child_that_comes_while_its_parent_is_being_cancelled_is_aborted_with_it() -> None:
    bench = Bench(processors=1)
    bench.start("other")
    prep = bench.queue("prep")
    gone = only(bench.ask("kill", str(prep.id)), act.Close)
    child = bench.queue("child", after=("afterok:prep",))
    assert reason(bench, child) == f"Dependency: after prep ({prep.id}, CANCELLED)"
    assert only(closed(bench, gone), act.Close).job.id == child.id


def test_a_child_of_a_job_that_vanished_just_now_learns_of_it() -> None:
    bench = Bench()
    prep = bench.start("prep")
    assert prep.token is not None
    bench.tell(ev.Ended(prep.id, prep.token, an_outcome(), vanished=True))
    child = bench.queue("child", after=("afterok:prep",))
    assert only(looked_up(bench, child, prep=None), act.Close).job.state is State.ABORTED


def test_of_two_ended_jobs_of_a_name_the_newer_one_counts_wherever_it_is_known_from() -> None:
    bench = Bench()
    prep = bench.start("prep")
    bench.fail(prep)
    child = bench.queue("child", after=("afterok:prep",))
    looked_up(bench, child, prep=KnownEnd(child.id + 50, "prep", State.FINISHED, None))
    assert bench.claim().job.id == child.id


def test_a_job_after_an_id_that_is_still_to_come_is_bound_when_it_comes() -> None:
    bench = Bench()
    child = bench.queue("child", after=("afterok:2",))
    looked_up(bench, child, **{"2": None})
    prep = bench.queue("prep")
    assert prep.id == 2
    assert bench.state.jobs[child.id].depends == (Dependency("afterok", "2", 2),)


def test_a_parent_that_was_moved_by_hand_and_put_back_is_found_again() -> None:
    bench = Bench(processors=1)
    bench.start("other")
    prep = bench.queue("prep")
    child = bench.queue("child", after=("afterok:prep",))
    bench.gone("prep")
    assert reason(bench, child) == "Dependency: after prep: no such job yet"
    bench.tell(ev.Strayed(prep, Place.RUNNING))
    bench.probed(prep, records_of(prep))
    bench.tell(ev.Requeued(prep.id, "prep", None))
    assert reason(bench, child) == f"Dependency: after prep ({prep.id}, QUEUED)"


def test_a_claim_that_comes_to_nothing_leaves_the_child_as_free_to_start_as_before() -> None:
    bench = Bench()
    prep = bench.start("prep")
    child = bench.queue("child", after=("afterok:prep",))
    finish(bench, prep)
    claim = bench.claim()
    bench.tell(ev.Unclaimable(claim.job.id, Reason("DiskFull", "no space"), full=True))
    bench.tick(10)
    assert bench.claim().job.id == child.id


def test_a_parent_that_runs_again_is_waited_for_again() -> None:
    bench = Bench(processors=1)
    prep = bench.start("prep")
    finish(bench, prep)
    bench.start("other")
    child = bench.queue("child", after=("afterok:prep",))
    looked_up(bench, child, prep=KnownEnd(prep.id, "prep", State.FINISHED, None))
    assert bench.state.jobs[child.id].reason is None
    bench.tell(ev.Rerun(prep, Place.DONE, "r1"))
    bench.tell(ev.Requeued(prep.id, "prep", None))
    assert reason(bench, child) == f"Dependency: after prep ({prep.id}, QUEUED)"


def test_what_is_remembered_of_ended_jobs_does_not_grow() -> None:
    bench = Bench()
    for number in range(1200):
        bench.end(bench.start(f"a{number}"))
        bench.tell(ev.Moved(number + 1, State.FINISHED, "x"))
    known = bench.state.dependents
    assert len(known._recent) == len(known._recent_names) == 1000
    assert not (known.ends or known.children or known.awaited or known.linked)


def test_a_job_after_ten_thousand_others_names_three_of_them_and_counts_the_rest() -> None:
    bench = Bench()
    child = bench.queue("child", after=tuple(f"afterok:p{n}" for n in range(10_000)))
    assert reason(bench, child).endswith("after p2: no such job yet and 9997 more")


def test_a_ring_of_jobs_that_come_at_once_is_refused_with_the_last_of_them() -> None:
    bench = Bench()
    first = bench.offer("a", after=("afterok:b",))
    bench.tell(ev.Appeared("b"))
    look = bench.look("b", identity=bench.new_identity(), found=usable(after=("afterok:a",)))
    refused = only(look, act.Close)
    assert str(refused.job.reason) == "Dependency: a cycle: b after a after b"
    bench.tell(ev.Accepted(first.job.id, None))
    bench.tell(ev.Moved(refused.job.id, State.REJECTED, "b"))


def test_a_ring_by_ids_is_refused() -> None:
    bench = Bench()
    first = bench.queue("a", after=("afterok:2",))
    bench.tell(ev.Appeared("b"))
    after = (f"afterok:{first.id}",)
    look = bench.look("b", identity=bench.new_identity(), found=usable(after=after))
    assert "cycle" in str(only(look, act.Close).job.reason)


def test_a_job_is_not_set_to_come_after_itself_by_its_id() -> None:
    bench = Bench()
    job = bench.queue("a")
    said = only(bench.ask("set", "a", changes={"after": str(job.id)}), act.Answer)
    assert not said.ok and "a comes after itself" in said.data["error"]


def test_a_child_of_a_name_that_is_refused_when_it_comes_is_aborted() -> None:
    bench = Bench()
    child = bench.queue("child", after=("afterok:prep",))
    bench.tell(ev.Appeared("prep"))
    identity = bench.new_identity()
    bench.look("prep", identity=identity, found=None)
    bench.tick(600)
    refused = only(bench.look("prep", identity=identity, found=None), act.Close)
    gone = only(bench.tell(ev.Moved(refused.job.id, State.REJECTED, "prep")), act.Close)
    assert (gone.job.id, gone.job.state) == (child.id, State.ABORTED)
    assert "prep (2) ended as REJECTED" in str(gone.job.reason)


def test_a_lookup_that_could_not_be_made_is_made_again() -> None:
    bench = Bench()
    child = bench.queue("child", after=("afterok:prep",))
    bench.tell(ev.EndsFound(child.id, {}))
    assert "FindEnded" not in kinds(bench.tick(10))
    assert only(bench.tick(30), act.FindEnded).id == child.id
    looked_up(bench, child, prep=KnownEnd(9, "prep", State.FINISHED, None))
    assert bench.claim().job.id == child.id


def test_a_child_whose_lookup_failed_learns_by_another_childs_lookup_that_it_never_starts() -> None:
    bench = Bench()
    child = bench.queue("child", after=("afterok:77",))
    bench.state.jobs[child.id] = bound = replace(child, depends=(Dependency("afterok", "77", 77),))
    bench.state.dependents.link(bound)
    bench.tell(ev.EndsFound(child.id, {}))
    other = bench.queue("other", after=("afterany:77",))
    looked_up(bench, other, **{"77": KnownEnd(77, "prep", State.CANCELLED, None)})
    gone = only(bench.tick(40), act.Close)
    assert (gone.job.id, gone.job.state) == (child.id, State.ABORTED)


def test_a_lookup_from_before_a_parent_ran_again_aborts_nobody() -> None:
    bench = Bench(processors=1)
    child = bench.queue("child", after=("afterok:prep",))
    prep = replace(Bench().queue("prep"), id=77, identity=bench.new_identity(), attempt=1)
    bench.state.next_id = 78
    bench.tell(ev.Rerun(prep, Place.DONE, "r1"))
    bench.tell(ev.Requeued(77, "prep", None))
    assert looked_up(bench, child, prep=KnownEnd(77, "prep", State.FAILED, "ExitCode: 1")) == []
    assert reason(bench, child) == "Dependency: after prep (77, QUEUED)"


def test_a_job_that_runs_again_after_one_that_waits_for_it_is_aborted_with_the_ring() -> None:
    bench = Bench()
    child = bench.queue("child", after=("afterok:late",))
    late = replace(
        Bench().queue("late", after=("afterany:child",)),
        id=77,
        identity=bench.new_identity(),
        attempt=1,
        depends=(Dependency("afterany", "child", child.id),),
    )
    bench.state.next_id = 78
    bench.tell(ev.Rerun(late, Place.DONE, "r1"))
    gone = only(bench.tell(ev.Requeued(77, "late", None)), act.Close).job
    assert (gone.id, gone.state) == (77, State.ABORTED)
    assert str(gone.reason) == "Dependency: a cycle: late after child after late"


def test_a_job_that_is_renamed_to_a_name_that_another_waits_for_is_the_one_that_is_meant() -> None:
    bench = Bench(processors=1)
    bench.start("other")
    child = bench.queue("child", after=("afterok:prep",))
    prep = bench.queue("pre")
    bench.tell(ev.Renamed("pre", "prep"))
    assert reason(bench, child) == f"Dependency: after prep ({prep.id}, QUEUED)"


def test_a_job_that_would_come_after_itself_by_a_rename_is_not_the_one_that_is_meant() -> None:
    bench = Bench()
    first = bench.queue("a", after=("afterok:prep",))
    second = bench.queue("b", after=("afterok:a",))
    bench.tell(ev.Renamed("b", "prep"))
    assert reason(bench, first) == "Dependency: after prep: no such job yet"
    assert reason(bench, second) == f"Dependency: after a ({first.id}, QUEUED)"


def test_a_folder_that_cannot_be_listed_during_the_start_does_not_hide_who_waits_for_whom() -> None:
    bench = Bench(starting=True)
    before = Bench().queue("child", after=("afterok:prep",))
    bench.adopt_waiting(before)
    gone = Reason("FolderGone", "unmounted")
    bench.tell(ev.Frozen(gone))
    actions = bench.tell(ev.Found())
    assert only(actions, act.FindEnded).id == before.id
    assert only(actions, act.ShowObstacle).reason == gone
    bench.tell(ev.Frozen(None))
    looked_up(bench, before, prep=KnownEnd(9, "prep", State.FINISHED, None))
    assert bench.claim().job.id == before.id


@pytest.mark.parametrize("how", ["set", "edited", "stuck"])
def test_a_ring_with_a_job_that_settles_again_is_seen(how: str) -> None:
    bench = Bench()
    first = bench.queue("a", after=("afternotok:2",))
    second = bench.queue("b", hold=True)
    looked_up(bench, first)
    if how == "set":
        bench.ask("set", "a", changes={"priority": "1"})
    else:
        # It was free to start: what it came after has ended since.
        bench.state.dependents.ends[second.id] = KnownEnd(second.id, "b", State.FAILED, None)
        review(bench.state, first.id, bench.now)
        bench.claim()
        stuck = ev.Unclaimable(first.id, Reason("Stuck", "a viewer"))
        bench.tell(ev.Changed(first.id, "a") if how == "edited" else stuck)
    said = only(bench.ask("set", "b", changes={"after": "1"}, request="r2"), act.Answer)
    assert not said.ok and "cycle" in said.data["error"]

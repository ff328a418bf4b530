"""``qm set``: other options for a waiting job, and an answer whatever happens meanwhile."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from qm.core import actions as act
from qm.core import events as ev
from qm.errors import InfoError
from qm.model import Job, Reason, State
from tests.fakes.bench import Bench, only, records_of, usable
from tests.fakes.jobs import a_scan


def ask_set(bench: Bench, job: Job, request: str = "r1", **changes: str) -> list[act.Action]:
    return bench.ask("set", str(job.id), request=request, changes=changes)


def look_again(bench: Bench, job: Job, **changes: Any) -> list[act.Action]:
    """The look that a change asks for; the records say what they said before it."""
    found = {"identity": job.identity, "records": records_of(job), "found": usable()}
    return bench.look(job.name, **{**found, **changes})


def set_done(bench: Bench, job: Job, **changes: Any) -> list[act.Action]:
    """Up to the written record."""
    accept = only(look_again(bench, job, **changes), act.Accept)
    return bench.tell(ev.Accepted(job.id, accept.hold))


def answer(actions: list[act.Action]) -> act.Answer:
    return only(actions, act.Answer)


def a_busy_bench() -> tuple[Bench, Job]:
    bench = Bench(processors=1)
    bench.start("other")
    return bench, bench.queue("job")


def test_a_change_is_answered_once_it_is_written_and_says_what_is_other() -> None:
    bench, job = a_busy_bench()
    assert only(ask_set(bench, job, priority="5", walltime="2h"), act.Inspect).name == "job"
    accept = only(look_again(bench, job), act.Accept)
    assert accept.job.changes == (("priority", "5"), ("walltime", "2h"))
    assert (accept.job.options.priority, accept.job.options.walltime) == (5, 7200.0)
    said = answer(bench.tell(ev.Accepted(job.id, None)))
    assert said.ok and said.data["changed"]["priority"] == ["0", "5"]
    assert (said.data["id"], said.data["state"]) == (job.id, "QUEUED")
    assert bench.state.setting == {}


def test_a_changed_job_keeps_its_place_and_id_and_counts_with_its_new_priority() -> None:
    bench, job = a_busy_bench()
    later = bench.queue("later")
    ask_set(bench, later, priority="1")
    set_done(bench, later)
    assert bench.state.jobs[later.id].arrival == later.arrival
    bench.end(next(iter(bench.state.runs.values())).job)
    assert bench.claim().job.id == later.id
    assert job.id in bench.state.jobs


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({}, "names no change"),
        ({"nb_proc": "many"}, "nb_proc"),
        ({"hold": "yes"}, "hold is not set like this"),
        ({"colour": "red"}, "colour"),
        ({"after": "job"}, "cycle"),
    ],
)
def test_a_change_that_cannot_be_made_is_answered_at_once_and_changes_nothing(
    changes: dict[str, str], error: str
) -> None:
    bench, job = a_busy_bench()
    said = answer(ask_set(bench, job, **changes))
    assert not said.ok and error in said.data["error"]
    assert bench.state.jobs[job.id] == job and bench.state.setting == {}


def test_a_running_or_unknown_job_is_not_changed() -> None:
    bench, _ = a_busy_bench()
    other = next(iter(bench.state.runs.values())).job
    assert "does not wait" in answer(ask_set(bench, other, priority="1")).data["error"]
    unknown = bench.ask("set", "99", changes={"priority": "1"})
    assert only(unknown, act.AnswerEnded).target == "99"


def test_a_second_change_meanwhile_is_asked_to_try_again() -> None:
    bench, job = a_busy_bench()
    ask_set(bench, job, priority="1")
    said = answer(ask_set(bench, job, "r2", priority="2"))
    assert (said.request, said.ok) == ("r2", False) and "try again" in said.data["error"]
    assert answer(set_done(bench, job)).request == "r1"


@pytest.mark.parametrize("verb", ["hold", "release", "kill"])
def test_other_requests_meanwhile_are_asked_to_try_again(verb: str) -> None:
    bench, job = a_busy_bench()
    ask_set(bench, job, priority="1")
    said = answer(bench.ask(verb, str(job.id), request="r2"))
    assert (said.request, said.ok) == ("r2", False) and "try again" in said.data["error"]


def test_a_job_that_is_edited_meanwhile_settles_and_the_change_is_answered_then() -> None:
    bench, job = a_busy_bench()
    ask_set(bench, job, priority="3")
    actions = bench.look_at_fresh(job.name, identity=job.identity, records=records_of(job))
    assert not [a for a in actions if isinstance(a, act.Answer)]
    bench.tick(5)
    scan = a_scan(fingerprint=2)
    said = answer(set_done(bench, job, scan=scan, found=usable(nb_proc=1, info="other")))
    assert said.ok
    changed = bench.state.jobs[job.id]
    assert (changed.options.info, changed.options.priority) == ("other", 3)


def test_a_job_that_is_killed_while_its_change_settles_answers_both() -> None:
    bench, job = a_busy_bench()
    ask_set(bench, job, priority="3")
    bench.look_at_fresh(job.name, identity=job.identity, records=records_of(job))
    actions = bench.ask("kill", str(job.id), request="r2")
    said = answer(actions)
    assert (said.request, said.ok) == ("r1", False) and "cancelled" in said.data["error"]
    gone = only(actions, act.Close)
    told = answer(bench.tell(ev.Moved(job.id, gone.job.state, "job")))
    assert (told.request, told.ok) == ("r2", True)
    assert bench.state.setting == {}


def test_a_job_that_is_taken_away_meanwhile_is_answered() -> None:
    bench, job = a_busy_bench()
    ask_set(bench, job, priority="3")
    said = answer(bench.gone("job"))
    assert not said.ok and "taken away" in said.data["error"]


def test_a_job_whose_name_another_folder_takes_meanwhile_is_answered() -> None:
    bench, job = a_busy_bench()
    ask_set(bench, job, priority="3")
    said = answer(bench.look("job", identity=bench.new_identity()))
    assert not said.ok and bench.state.setting == {}


def test_a_job_that_is_renamed_while_its_change_is_written_is_answered() -> None:
    bench, job = a_busy_bench()
    ask_set(bench, job, priority="3")
    only(look_again(bench, job), act.Accept)
    bench.tell(ev.Appeared("new"))
    renamed = records_of(replace(job, name="new"))
    actions = bench.look("new", identity=job.identity, records=renamed)
    actions += bench.tell(ev.Accepted(job.id, None))
    assert answer(actions).request == "r1"
    assert bench.state.setting == {}
    assert bench.state.jobs[job.id].name == "new"


def test_a_job_that_is_refused_meanwhile_is_answered() -> None:
    bench, job = a_busy_bench()
    ask_set(bench, job, priority="3")
    wrong = InfoError("proc_config.cfg", 3, "nb_proc is not a number", "a number")
    look_again(bench, job, found=wrong)
    bench.tick(60)
    gone = only(look_again(bench, job, found=wrong), act.Close)
    assert gone.job.state is State.REJECTED
    said = answer(bench.tell(ev.Moved(job.id, State.REJECTED, "job")))
    assert not said.ok and "was refused" in said.data["error"]


def test_a_change_waits_for_space_on_a_full_disk_and_is_answered_then() -> None:
    bench, job = a_busy_bench()
    ask_set(bench, job, priority="3")
    only(look_again(bench, job), act.Accept)
    bench.tell(ev.NotAccepted(job.id, False, Reason("DiskFull", "no space")))
    assert bench.state.setting
    bench.tick(6)
    assert answer(set_done(bench, job)).ok


def test_a_change_is_kept_when_the_info_file_is_edited_later() -> None:
    bench, job = a_busy_bench()
    ask_set(bench, job, priority="3")
    set_done(bench, job)
    bench.end(next(iter(bench.state.runs.values())).job)
    claim = bench.claim()
    bench.tell(ev.Changed(job.id, "job"))
    scan, found = a_scan(fingerprint=2), usable(info="edited", priority=1)
    records = records_of(claim.job)
    look = bench.look("job", identity=job.identity, records=records, scan=scan, found=found)
    accept = only(look, act.Accept)
    assert (accept.job.options.info, accept.job.options.priority) == ("edited", 3)
    assert accept.job.changes == (("priority", "3"),)


def test_a_change_is_kept_over_a_restart() -> None:
    bench, job = a_busy_bench()
    ask_set(bench, job, priority="3")
    set_done(bench, job)
    on_disk = bench.state.jobs[job.id]
    after = Bench(processors=1, starting=True)
    after.adopt_waiting(on_disk)
    after.tell(ev.Found())
    again = after.state.jobs[job.id]
    assert (again.options.priority, again.changes) == (3, (("priority", "3"),))


def test_an_empty_text_takes_a_change_back() -> None:
    bench, job = a_busy_bench()
    ask_set(bench, job, priority="3", info="x")
    set_done(bench, job)
    ask_set(bench, bench.state.jobs[job.id], priority="")
    said = answer(set_done(bench, bench.state.jobs.get(job.id, job), found=usable(priority=1)))
    assert said.data["changed"] == {"priority": ["3", "1"]}
    assert bench.state.jobs[job.id].changes == (("info", "x"),)


def test_a_held_job_is_changed_and_stays_held_as_long_as_its_mark_is_there() -> None:
    bench, job = a_busy_bench()
    mark = Reason("User", "held by anna")
    bench.hold(job, mark)
    ask_set(bench, job, priority="3")
    said = answer(set_done(bench, job, records=records_of(job, hold=mark)))
    assert said.data["state"] == "HELD"
    assert (bench.state.jobs[job.id].state, bench.state.jobs[job.id].reason) == (State.HELD, mark)


def test_a_held_job_whose_mark_is_gone_when_it_is_changed_waits_for_its_turn() -> None:
    bench, job = a_busy_bench()
    bench.hold(job, Reason("User", "held by anna"))
    ask_set(bench, job, priority="3")
    assert answer(set_done(bench, job)).data["state"] == "QUEUED"
    bench.end(next(iter(bench.state.runs.values())).job)
    assert bench.claim().job.id == job.id


def test_a_hold_that_was_asked_for_before_a_change_is_answered_as_done() -> None:
    bench, job = a_busy_bench()
    mark = only(bench.ask("hold", str(job.id), request="h"), act.SetHold).reason
    ask_set(bench, job, priority="3")
    said = answer(bench.hold(job, mark, "h"))
    assert (said.request, said.ok, said.data["state"]) == ("h", True, "HELD")


def test_a_job_that_settles_is_found_by_its_id_among_many_arrivals() -> None:
    bench, job = a_busy_bench()
    for number in range(50):
        bench.tell(ev.Appeared(f"drop{number}"))
    ask_set(bench, job, priority="3")
    arrival = bench.state.arrivals.of_job(job.id)
    assert arrival is not None and arrival.name == "job"
    bench.tell(ev.Renamed("drop3", "drop77"))
    set_done(bench, job)
    assert bench.state.arrivals.of_job(job.id) is None

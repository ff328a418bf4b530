"""What holds for all jobs: drain, limits, hours, the end of QM; and who is told of it."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import pytest

from qm.core import actions as act
from qm.core import events as ev
from qm.hours import parse_hours
from qm.model import Drain, Reason, State, Steering
from qm.planner import Capacity
from tests.fakes.bench import Bench, an_outcome, kinds, only


def obstacle(actions: list[act.Action]) -> Reason | None:
    return only(actions, act.ShowObstacle).reason


def kept(bench: Bench, actions: list[act.Action], problem: str | None = None) -> act.Answer:
    """What is to be kept is on disk, or is not."""
    steer = only(actions, act.Steer)
    return only(bench.tell(ev.Steered(steer, problem)), act.Answer)


# Drain.


def test_a_drain_starts_nothing_new_lets_run_what_runs_and_says_who_and_since_when() -> None:
    bench = Bench()
    running = bench.start("a")
    bench.queue("b")
    actions = bench.ask("drain", on=True)
    reason = obstacle(actions)
    assert reason is not None and reason.word == "Drain" and "set by anna at " in reason.text
    assert bench.plan() == []
    said = kept(bench, actions)
    assert said.ok and said.data["drain"] is True and said.data["who"] == "anna"
    bench.end(running)
    assert bench.plan() == []
    actions = bench.ask("drain", on=False)
    assert obstacle(actions) is None and kept(bench, actions).data["drain"] is False
    assert bench.claim().job.name == "b"


def test_a_drain_is_answered_once_it_is_on_disk_and_told_where_it_cannot_be() -> None:
    bench = Bench()
    actions = bench.ask("drain", on=True)
    assert "Answer" not in kinds(actions)
    said = kept(bench, actions, "it holds until QM ends")
    assert not said.ok and "until QM ends" in said.data["error"]
    assert bench.plan() == [] and bench.state.steering.drain is not None


def test_a_drain_is_kept_over_a_restart() -> None:
    drain = Drain("2026-01-01T00:00:00.000Z", "ben")
    bench = Bench(steering=Steering(drain))
    bench.queue("a")
    assert bench.plan() == []
    said = only(bench.ask("drain"), act.Answer)
    assert said.data == {"drain": True, "since": drain.since, "who": "ben"}
    bench.ask("drain", on=False)
    assert len(bench.plan()) == 1


def test_asking_for_the_drain_that_is_there_already_changes_nothing() -> None:
    bench = Bench()
    assert kinds(bench.ask("drain", on=False)) == ["Answer"]
    bench.ask("drain", on=True)
    assert kinds(bench.ask("drain", on=True, request="r2")) == ["Answer"]


# Limits.


def test_a_lower_limit_than_in_use_lets_run_what_runs_and_starts_nothing_until_there_is_room() -> (
    None
):
    bench = Bench(processors=8)
    first, second = bench.start("a", nb_proc=3), bench.start("b", nb_proc=3)
    bench.queue("c")
    actions = bench.ask("limit", processors=2)
    assert only(actions, act.ShowCapacity).capacity.processors == 2
    said = kept(bench, actions)
    assert said.data["processors"] == 2 and said.data["configured"]["processors"] == 8
    assert bench.plan() == []
    bench.end(first)
    assert bench.plan() == []
    bench.end(second)
    assert bench.claim().job.name == "c"


def test_a_job_that_asks_for_more_than_a_lowered_limit_takes_all_there_is() -> None:
    bench = Bench(processors=8)
    bench.queue("a", nb_proc=6)
    bench.ask("limit", processors=2)
    assert bench.claim().job.name == "a" and bench.used == 2
    bench.queue("b")
    assert bench.plan() == []


def test_a_limit_can_be_higher_than_configured_and_be_taken_back() -> None:
    bench = Bench(processors=1)
    bench.start("a")
    bench.queue("b")
    kept(bench, bench.ask("limit", processors=2))
    bench.run_next()
    bench.queue("c")
    assert kept(bench, bench.ask("limit", processors=None)).data["processors"] == 1
    assert bench.plan() == []


def test_memory_is_limited_as_well_and_told_in_words() -> None:
    bench = Bench(processors=8)
    assert kept(bench, bench.ask("limit", memory=2 << 30)).data["shown_memory"]
    bench.start("a", mem=1 << 30)
    bench.queue("b", mem=3 << 29)
    assert bench.plan() == []
    kept(bench, bench.ask("limit", memory=None))
    assert bench.claim().job.name == "b"


def test_limits_are_kept_over_a_restart() -> None:
    bench = Bench(processors=8, steering=Steering(processors=1))
    bench.start("a")
    bench.queue("b")
    assert bench.plan() == []
    assert only(bench.ask("limit"), act.Answer).data["processors"] == 1


@pytest.mark.parametrize(
    "wanted",
    [
        *({"processors": n} for n in (0, -1, 1.5, True, "2", 10**9)),
        *({"memory": n} for n in (0, -5, False, "1G")),
    ],
)
def test_a_limit_that_makes_no_sense_is_refused(wanted: dict[str, Any]) -> None:
    bench = Bench()
    said = only(bench.ask("limit", **wanted), act.Answer)
    assert not said.ok and bench.state.steering == Steering()


# Active hours.


def local(year: int, month: int, day: int, hour: int, minute: int) -> float:
    """Seconds since the epoch of a moment on the clock on the wall here."""
    return time.mktime((year, month, day, hour, minute, 0, 0, 0, -1))


NIGHT: dict[str, Any] = {"hours": parse_hours("19:00-07:30")}
NOON = local(2026, 1, 6, 12, 0)


def open_at(bench: Bench, moment: float) -> bool:
    bench.wall = moment
    claims = bench.plan()
    for claim in claims:
        bench.tell(ev.Claimed(claim.job, "true", None))
    return bool(claims)


def test_outside_the_active_hours_nothing_starts_and_the_wake_up_is_known() -> None:
    bench = Bench(more=NIGHT, wall=NOON)
    bench.core.plan(bench.now)
    bench.queue("a")
    assert bench.plan() == []
    closed = bench.state.closed
    assert closed is not None and closed.word == "ActiveHours" and "19:00" in closed.text
    wake = bench.core.next_wake()
    assert wake is not None and wake <= bench.mono + 3600
    bench.tick(3600 * 7)
    assert bench.claim().job.name == "a"


def test_what_runs_when_the_hours_end_runs_on() -> None:
    bench = Bench(more=NIGHT, wall=local(2026, 1, 6, 20, 0))
    running = bench.start("a")
    bench.queue("b", nb_proc=4)
    assert not open_at(bench, local(2026, 1, 7, 12, 0))
    bench.end(running)
    assert not open_at(bench, local(2026, 1, 7, 12, 1))
    assert open_at(bench, local(2026, 1, 7, 19, 1))


@pytest.mark.parametrize("days", [-400, -1, 1, 400])
def test_a_clock_that_jumps_is_believed_at_the_next_look(days: int) -> None:
    bench = Bench(more=NIGHT, wall=NOON)
    bench.queue("a")
    bench.plan()
    bench.wall = NOON + days * 86_400 + 10 * 3600
    assert len(bench.plan()) == 1, "it is ten in the evening"
    bench.queue("b")
    bench.wall = NOON + 40 * 86_400
    assert bench.plan() == [], "it is noon"


def test_hours_that_are_read_again_count_at_once() -> None:
    bench = Bench(wall=NOON)
    bench.plan()
    bench.queue("a")
    settings = replace(bench.state.settings, **NIGHT)
    reason = obstacle(bench.tell(ev.Reconfigured(settings)))
    assert reason is not None and bench.plan() == []


# Stop.


def leave(bench: Bench) -> act.Leave | None:
    found = [a for a in bench.core.plan(bench.now) if isinstance(a, act.Leave)]
    return found[0] if found else None


def test_stop_ends_qm_at_once_and_tells_what_runs_on() -> None:
    bench = Bench()
    job = bench.start("a")
    told = only(bench.ask("stop", mode="now"), act.Leave)
    assert (told.request, told.data) == ("r1", {"running": [job.id]})
    assert leave(bench) is None, "told once"


def test_stop_wait_starts_nothing_and_ends_when_everything_has_arrived() -> None:
    bench = Bench()
    job = bench.start("a")
    bench.queue("b")
    reason = obstacle(bench.ask("stop", mode="wait"))
    assert reason is not None and reason.word == "Stopping" and "anna" in reason.text
    assert bench.plan() == []
    bench.end(job)
    assert leave(bench) is None, "its folder is on its way still"
    bench.tell(ev.Moved(job.id, State.FINISHED, "a"))
    assert leave(bench) is not None


def test_stop_wait_does_not_wait_for_further_tries() -> None:
    bench = Bench()
    bench.queue("a", retries=5)
    job = bench.run_next()
    bench.ask("stop", mode="wait")
    bench.fail(job)
    bench.tell(ev.Requeued(job.id, "a", None))
    assert leave(bench) is not None


def test_stop_kill_ends_what_runs_and_what_is_being_claimed() -> None:
    bench = Bench()
    running = bench.start("a")
    bench.queue("b")
    claim = bench.claim()
    actions = bench.ask("stop", mode="kill")
    stop = only(actions, act.Stop)
    assert stop.job.id == running.id and "stopped QM" in stop.reason.text
    gone = only(bench.tell(ev.Claimed(claim.job, "true", None)), act.Close)
    assert gone.job.state is State.CANCELLED
    bench.tell(ev.Moved(gone.job.id, State.CANCELLED, "b"))
    killed = bench.end(running, reason=stop.reason, exit_code=None)
    assert killed.job.state is State.KILLED
    bench.tell(ev.Moved(running.id, State.KILLED, "a"))
    assert leave(bench) is not None


def test_a_stop_that_is_withdrawn_lets_jobs_start_again() -> None:
    bench = Bench()
    bench.start("a")
    bench.queue("b")
    bench.ask("stop", mode="wait")
    assert bench.tell(ev.Withdrawn("another")) == []
    assert obstacle(bench.tell(ev.Withdrawn("r1"))) is None
    assert bench.claim().job.name == "b"


def test_everybody_who_asked_qm_to_end_is_told() -> None:
    bench = Bench()
    job = bench.start("a")
    bench.ask("stop", mode="wait", request="one")
    bench.ask("stop", mode="wait", request="two")
    bench.ask("stop", mode="kill", request="three")
    bench.tell(ev.Withdrawn("two"))
    bench.tell(ev.Ended(job.id, job.token or "", an_outcome()))
    bench.tell(ev.Moved(job.id, State.FINISHED, "a"))
    actions = bench.core.plan(bench.now)
    assert only(actions, act.Answer).request == "one"
    assert only(actions, act.Leave).request == "three"


def test_a_way_to_stop_that_does_not_exist_is_refused() -> None:
    bench = Bench()
    said = only(bench.ask("stop", mode="gently"), act.Answer)
    assert not said.ok and bench.state.leaving is None


# The configuration.


def test_a_new_configuration_changes_what_may_be_used_but_not_what_people_set() -> None:
    bench = Bench(processors=2)
    bench.ask("limit", processors=3)
    more = replace(bench.state.settings, capacity=Capacity(16, memory=1 << 30))
    shown = only(bench.tell(ev.Reconfigured(more)), act.ShowCapacity).capacity
    assert (shown.processors, shown.memory) == (3, 1 << 30)

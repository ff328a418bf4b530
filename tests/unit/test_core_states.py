"""States and transitions: one table, closed, and a forbidden step is refused and survived."""

from __future__ import annotations

import itertools

import pytest

from qm.core import Now, core
from qm.core import actions as act
from qm.core import events as ev
from qm.core.state import CoreState, ForbiddenTransition, changed
from qm.model import (
    ACTIVE_STATES,
    END_STATES,
    LETTER,
    PLACE_OF,
    TRANSITIONS,
    WAITING_STATES,
    Outcome,
    Place,
    Reason,
    State,
)
from tests.fakes.bench import Bench
from tests.fakes.jobs import a_job


def test_every_state_has_a_letter_of_its_own_a_place_and_a_row_of_transitions() -> None:
    for table in (LETTER, PLACE_OF, TRANSITIONS):
        assert set(table) == set(State)
    assert len(set(LETTER.values())) == len(State)
    assert {"".join(LETTER[s] for s in State if PLACE_OF[s] is p) for p in Place} == {
        "NQU",
        "RP",
        "SFK",
        "CAEL",
    }


def test_the_table_can_be_printed_and_leads_from_arriving_to_every_state() -> None:
    lines = [f"{s}: {', '.join(sorted(TRANSITIONS[s])) or 'the end'}" for s in State]
    assert "ARRIVING: HELD, QUEUED, REJECTED" in lines and "LOST: the end" in lines
    reached = {State.ARRIVING}
    while new := {t for s in reached for t in TRANSITIONS[s]} - reached:
        reached |= new
    assert reached == set(State)


def test_states_that_have_ended_are_final_and_the_others_can_end() -> None:
    assert {s for s in State if PLACE_OF[s] in (Place.DONE, Place.LOST)} == END_STATES
    assert not END_STATES & (WAITING_STATES | ACTIVE_STATES | {State.ARRIVING})
    for state in set(State) - END_STATES:
        assert TRANSITIONS[state] & END_STATES


@pytest.mark.parametrize(("before", "after"), list(itertools.permutations(State, 2)))
def test_a_change_is_made_if_the_table_has_it_and_refused_otherwise(
    before: State, after: State
) -> None:
    job, why = a_job(state=before), Reason("Because", "of this")
    if after in TRANSITIONS[before]:
        new = changed(job, after, why)
        assert (new.state, new.reason, new.place) == (after, why, PLACE_OF[after])
    else:
        with pytest.raises(ForbiddenTransition, match=f"job 7 cannot go from {before} to {after}"):
            changed(job, after, why)


def test_a_forbidden_transition_is_recorded_and_the_core_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def forbidden(state: CoreState, event: ev.Tick, now: Now) -> list[act.Action]:
        changed(a_job(state=State.FINISHED), State.RUNNING, None)
        return []

    bench = Bench()
    monkeypatch.setitem(core.HANDLERS, ev.Tick, forbidden)
    assert bench.tell(ev.Tick()) == []
    assert bench.core.refusals == ["job 7 cannot go from FINISHED to RUNNING"]
    assert bench.queue("next").state is State.QUEUED


def test_every_kind_of_event_has_a_handler() -> None:
    assert set(core.HANDLERS) == set(ev.Event.__args__)


def test_a_new_core_starts_nothing_until_everything_was_found() -> None:
    bench = Bench(starting=True)
    bench.queue("a")
    assert bench.plan() == []
    assert bench.tell(ev.Listed()) == [act.EndOfStart()]
    assert bench.tell(ev.Found()) == [act.ShowObstacle(None)]
    assert len(bench.plan()) == 1
    assert bench.tell(ev.Found()) == []


@pytest.mark.parametrize(
    ("outcome", "state", "why"),
    [
        (Outcome("t", exit_code=0), State.FINISHED, None),
        (Outcome("t", exit_code=3), State.FAILED, "ExitCode: 3"),
        (Outcome("t", signal="SIGSEGV"), State.FAILED, "Signal: SIGSEGV"),
        (Outcome("t", exit_code=0, reason=Reason("User", "x")), State.KILLED, "User: x"),
        (
            Outcome("t", signal="SIGKILL", reason=Reason("TimeLimit", "5 s")),
            State.KILLED,
            "TimeLimit: 5 s",
        ),
        (
            Outcome("t", exit_code=127, reason=Reason("Launch", "no sh")),
            State.FAILED,
            "Launch: no sh",
        ),
    ],
)
def test_the_exit_record_decides_the_end_state(
    outcome: Outcome, state: State, why: str | None
) -> None:
    assert outcome.state() is state
    assert (str(outcome.why()) if outcome.why() else None) == why

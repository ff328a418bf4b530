"""What can be done with a job: which key, in which states, and how it is asked and told. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from qm.dashboard.rows import between, clock
from qm.model import ACTIVE_STATES, END_STATES, State
from qm.names import shown
from qm.view import Entry

Act = Callable[[str, str], Mapping[str, Any]]
"""Carries a verb out on an id or name; returns the answer, raises QMError where it is no."""


@dataclass(frozen=True, slots=True)
class Action:
    """A verb, the states in which it makes sense, and its sentences."""

    verb: str
    word: str
    """On the button."""
    states: frozenset[State]
    meant_for: str
    done: str
    consequence: str


KILL = Action(
    "kill",
    "Kill",
    frozenset(State) - END_STATES,
    "jobs that have not ended",
    "Killed",
    "All of its processes are ended.",
)
_CANCELS = "It is cancelled, and does not run."
HOLD = Action(
    "hold",
    "Hold",
    frozenset({State.QUEUED, State.ARRIVING}),
    "jobs that wait",
    "Held",
    "It does not start until it is released.",
)
RELEASE = Action(
    "release",
    "Release",
    frozenset({State.HELD}),
    "held jobs",
    "Released",
    "It starts when it is its turn.",
)
RERUN = Action(
    "rerun",
    "Rerun",
    END_STATES,
    "jobs that have ended",
    "Queued again:",
    "It goes back into the queue; the records and the log of this attempt are kept.",
)
SUSPEND = Action(
    "suspend",
    "Suspend",
    frozenset({State.RUNNING}),
    "running jobs",
    "Suspended",
    "Its processes pause until it is resumed.",
)
RESUME = Action(
    "resume",
    "Resume",
    frozenset({State.SUSPENDED}),
    "suspended jobs",
    "Resumed",
    "Its processes go on.",
)


def fits(action: Action, entry: Entry) -> bool:
    """Whether the job is in a state for this."""
    return State(entry.state) in action.states


def refusal(action: Action, entry: Entry) -> str:
    """Why not, for a job in another state."""
    return f"{_begin(entry.label)} is {entry.state}: {action.verb} is for {action.meant_for}."


def question(action: Action, entry: Entry, now: float) -> str:
    """What is asked before; ``now`` is in seconds since the epoch."""
    active = entry.state in ACTIVE_STATES
    elapsed = between(entry.started, now) if active else None
    since = "" if elapsed is None else f" for {clock(elapsed)}"
    owner = f"; its owner is {shown(entry.owner)}" if entry.owner else ""
    follows = _CANCELS if action is KILL and not active else action.consequence
    return f"{action.word} {entry.label}?\n\nIt is {entry.state}{since}{owner}. {follows}"


def target_of(entry: Entry) -> str:
    """By what the manager is asked: the id, or the name of what is no job yet."""
    return entry.name if entry.id is None else str(entry.id)


def outcome(action: Action, entry: Entry, answer: Mapping[str, Any]) -> tuple[str, bool]:
    """The sentence for an answer, and whether it is what was asked for."""
    state = answer.get("state")
    if action is KILL and state == State.CANCELLED:
        return f"Cancelled {entry.label}", True
    if action is KILL and state != State.KILLED:
        return f"{_begin(entry.label)} had ended already: {state}", False
    return f"{action.done} {entry.label}", True


def _begin(sentence: str) -> str:
    return sentence[:1].upper() + sentence[1:] if sentence.startswith("job ") else sentence

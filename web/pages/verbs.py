"""What can be done with a job on a page: in which states, how it is asked and told. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from qm.model import ACTIVE_STATES, END_STATES, WAITING_STATES, State
from qm.view import Entry
from web.roles import Role
from web.site import Rights


@dataclass(frozen=True, slots=True)
class Verb:
    """A request about one job. ``key`` is its key on the page; empty: none."""

    name: str
    word: str
    """On the button."""
    states: frozenset[State]
    meant_for: str
    consequence: str
    done: str
    """What is told afterwards, before the name of the job."""
    key: str = ""
    question: str = ""
    """Where it is not the word and the name."""
    grave: bool = False
    """Something is lost by it."""


KILL = Verb(
    "kill",
    "Stop",
    ACTIVE_STATES,
    "jobs that run",
    "It is told to end, and ended with all of its processes if it does not within {grace}.",
    "Stopped",
    "s",
    grave=True,
)
CANCEL = Verb(
    "kill",
    "Cancel",
    WAITING_STATES,
    "jobs that wait",
    "It will not run; its folder goes to QM_lost+found.",
    "Cancelled",
    "s",
    grave=True,
)
HOLD = Verb(
    "hold",
    "Hold",
    frozenset({State.QUEUED}),
    "jobs that wait",
    "It does not start until it is released.",
    "Held",
    "h",
)
RELEASE = Verb(
    "release",
    "Release",
    frozenset({State.HELD}),
    "held jobs",
    "It starts when it is its turn.",
    "Released",
    "h",
)
SUSPEND = Verb(
    "suspend",
    "Suspend",
    frozenset({State.RUNNING}),
    "running jobs",
    "Its processes stand still, and keep their processors and memory, until it is resumed.",
    "Suspended",
    "h",
)
RESUME = Verb(
    "resume",
    "Resume",
    frozenset({State.SUSPENDED}),
    "suspended jobs",
    "Its processes go on.",
    "Resumed",
    "h",
)
PRIORITY = Verb(
    "priority",
    "Priority",
    WAITING_STATES,
    "jobs that wait",
    "Jobs with a higher priority start earlier; 0 is usual.",
    "Changed the priority of",
    "p",
    "Which priority for {}?",
)
RERUN = Verb(
    "rerun",
    "Run again",
    END_STATES,
    "jobs that have ended",
    "It goes back into the queue with the files as they are now;"
    " records and log of this run are kept.",
    "Queued again:",
    "r",
    "Run {} again?",
)
REMOVE = Verb(
    "rm",
    "Delete",
    END_STATES,
    "jobs that have ended",
    "Its folder goes to the trash, from which it can be restored.",
    "Deleted",
    "d",
    grave=True,
)
RESTORE = Verb(
    "restore",
    "Undo",
    frozenset(),
    "deleted jobs",
    "Its folder goes back to where it was.",
    "Restored",
)
VERBS = (KILL, CANCEL, HOLD, RELEASE, SUSPEND, RESUME, PRIORITY, RERUN, REMOVE)
NAMES = tuple(dict.fromkeys(verb.name for verb in (*VERBS, RESTORE)))
"""As they stand in addresses."""

_FOR_ROWS: dict[str, tuple[Verb, ...]] = {
    "running": (KILL, SUSPEND, RESUME),
    "waiting": (HOLD, RELEASE, PRIORITY, CANCEL),
    "ended": (RERUN, REMOVE),
}


def verbs_for(entry: Entry) -> tuple[Verb, ...]:
    """What fits the job as it stands, the most likely first; nothing for what is no job yet."""
    if entry.id is None or entry.place is None:
        return ()
    state = State(entry.state)
    if state in ACTIVE_STATES:
        row = "running"
    else:
        row = "waiting" if entry.ended is None else "ended"
    return tuple(verb for verb in _FOR_ROWS[row] if state in verb.states)


def verb_for(name: str, entry: Entry) -> Verb | None:
    """The verb of this name in the words for the job as it stands; None where it does not fit."""
    return next((verb for verb in verbs_for(entry) if verb.name == name), None)


def role_for(name: str, rights: Rights) -> Role:
    """Who may do it."""
    if name == "kill":
        return rights.kill
    return rights.delete if name in ("rm", "restore") else Role.OPERATOR


def refusal(name: str, entry: Entry) -> str:
    """Why a verb does not fit a job in its state."""
    meant = [verb.meant_for for verb in VERBS if verb.name == name]
    label = entry.label[:1].upper() + entry.label[1:] if entry.id is not None else entry.label
    return f"{label} is {entry.state}: this is for {' and '.join(dict.fromkeys(meant))}."


def why_not(rights: Rights, role: Role, *, manager_runs: bool) -> Callable[[str], str]:
    """For the name of a verb: why it cannot be done just now; empty where it can."""

    def why(name: str) -> str:
        if role < role_for(name, rights):
            return "Only an operator may do this: log in first"
        return "" if manager_runs else "QM is not running"

    return why


def question(verb: Verb, label: str) -> str:
    """What is asked before."""
    return (verb.question or f"{verb.word} {{}}?").format(label)


def told(verb: Verb, answer: Mapping[str, Any], label: str) -> str:
    """The sentence for what a manager answered."""
    state = answer.get("state")
    if verb.name == "kill" and state == State.CANCELLED:
        return f"Cancelled {label}."
    if verb.name == "kill" and state not in (None, State.KILLED):
        return f"{label[:1].upper()}{label[1:]} had ended already: {state}."
    return f"{verb.done} {label}."

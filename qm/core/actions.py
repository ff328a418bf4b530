"""What to do: each one effect that a crash leaves done or not done."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from qm.model import Job, Place, Reason
from qm.records import End


@dataclass(frozen=True, slots=True)
class Inspect:
    """Look at an entry of QM_qJobs. ``known``: an accepted job's records suffice."""

    name: str
    known: bool = False


@dataclass(frozen=True, slots=True)
class EndOfStart:
    """Tell when everything that was to be inspected so far has been."""


@dataclass(frozen=True, slots=True)
class SaveState:
    """Write the next free id to state.json before any record that uses one below it."""

    next_id: int


@dataclass(frozen=True, slots=True)
class Accept:
    """Write the job's first record (again, where it was edited). ``fresh``: set aside
    what it brought along; ``hold``: the mark to set."""

    job: Job
    fresh: bool
    hold: Reason | None


@dataclass(frozen=True, slots=True)
class Claim:
    """Move it to QM_Jobs and write the claim, durably. ``job`` has the new attempt and token;
    ``fingerprint`` is what was accepted (None: not known any more)."""

    job: Job
    fingerprint: int | None


@dataclass(frozen=True, slots=True)
class Start:
    """Hand a claimed job to the execution system."""

    job: Job
    command: str
    note: str | None


@dataclass(frozen=True, slots=True)
class Stop:
    """Mark the running attempt to be stopped, and wake its supervisor."""

    job: Job
    place: Place
    reason: Reason
    grace: float
    request: str


@dataclass(frozen=True, slots=True)
class Finish:
    """The attempt has an exit record: history, index, and the move to QM_dJobs."""

    job: Job
    place: Place


@dataclass(frozen=True, slots=True)
class Close:
    """End without an exit record: intent, end.json, history, index, move, intent away.

    ``log`` is what process.log says of it; ``end_tree``: first end every
    process that carries the token; ``target``: the name in QM_lost+found.
    """

    job: Job
    place: Place
    end: End
    log: str
    end_tree: bool = False
    fresh: bool = False
    target: str | None = None
    request: str | None = None


@dataclass(frozen=True, slots=True)
class Requeue:
    """Fence the attempt, archive it, and put the job back into QM_qJobs."""

    job: Job
    place: Place
    hold: Reason | None = None
    end_tree: bool = False


@dataclass(frozen=True, slots=True)
class Probe:
    """Try the lock and read the records of a claimed job."""

    job: Job
    place: Place


@dataclass(frozen=True, slots=True)
class Watch:
    """Tell when this process, a supervisor that is not ours, has ended."""

    job: Job
    pid: int
    started: float | None


@dataclass(frozen=True, slots=True)
class SetHold:
    """Set or take away the hold mark of a waiting job."""

    job: Job
    reason: Reason | None
    request: str | None


@dataclass(frozen=True, slots=True)
class Show:
    """Bring the index up to date with this job."""

    job: Job


@dataclass(frozen=True, slots=True)
class Forget:
    """A person deleted it: out of the index. ``record``: its end goes to the history."""

    job: Job
    record: bool = False


@dataclass(frozen=True, slots=True)
class ShowArrival:
    """Show an entry of QM_qJobs that is no job yet, and what it waits for."""

    name: str
    reason: Reason
    since: str


@dataclass(frozen=True, slots=True)
class HideArrival:
    """It is no arrival any more."""

    name: str


@dataclass(frozen=True, slots=True)
class ShowObstacle:
    """What stops everything, or None."""

    reason: Reason | None


@dataclass(frozen=True, slots=True)
class Answer:
    """Answer a request: it has happened, or it will not."""

    request: str
    ok: bool
    data: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Remove:
    """Move ended jobs to the trash, found by the index; answers by itself."""

    request: str
    targets: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AnswerEnded:
    """The target is none of the jobs in memory: say what the index knows of it."""

    request: str
    verb: str
    target: str


Action = (
    Inspect
    | EndOfStart
    | SaveState
    | Accept
    | Claim
    | Start
    | Stop
    | Finish
    | Close
    | Requeue
    | Probe
    | Watch
    | SetHold
    | Show
    | Forget
    | ShowArrival
    | HideArrival
    | ShowObstacle
    | Answer
    | Remove
    | AnswerEnded
)

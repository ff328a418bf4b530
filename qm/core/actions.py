"""What to do: each one effect that a crash leaves done or not done."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from qm.model import Job, Place, Reason, Steering
from qm.planner import Capacity
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
    what it brought along; ``hold``: the mark to set; ``replaces``: the id of the ended job whose
    folder it was, which a person has put back."""

    job: Job
    fresh: bool
    hold: Reason | None
    replaces: int | None = None


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

    ``log`` is what process.log says of it, if anything new; ``end_tree``: first end every
    process that carries the token; ``target``: the name in QM_lost+found; ``replaces``: as of
    :class:`Accept`.
    """

    job: Job
    place: Place
    end: End
    log: str
    end_tree: bool = False
    fresh: bool = False
    target: str | None = None
    request: str | None = None
    replaces: int | None = None


@dataclass(frozen=True, slots=True)
class Requeue:
    """Fence the attempt, archive it, and put the job back into QM_qJobs.

    ``ended``: the attempt has failed and is tried again: its end goes to the history.
    """

    job: Job
    place: Place
    hold: Reason | None = None
    end_tree: bool = False
    ended: Job | None = None


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
class Pause:
    """Mark the running attempt to stand still or to go on, and wake its supervisor."""

    job: Job
    place: Place
    suspended: bool


@dataclass(frozen=True, slots=True)
class Record:
    """Write a waiting job's record again: it is bound to other jobs now."""

    job: Job


@dataclass(frozen=True, slots=True)
class FindEnded:
    """Look up ended jobs that a waiting one comes after: ids or names, with the id where
    that is known already."""

    id: int
    targets: Mapping[str, int | None]


@dataclass(frozen=True, slots=True)
class Steer:
    """Keep what a person set for all jobs; then answer with ``data``."""

    steering: Steering
    request: str
    data: dict[str, Any]


@dataclass(frozen=True, slots=True)
class FindToRerun:
    """Find an ended job that is to run again; answers by itself where there is none.

    ``hold``: why it is to wait until somebody releases it.
    """

    request: str
    target: str
    hold: Reason | None = None


@dataclass(frozen=True, slots=True)
class Restore:
    """Move a job from the trash to where it was; answers by itself."""

    request: str
    target: str


@dataclass(frozen=True, slots=True)
class Reload:
    """Read the configuration again; answers by itself."""

    request: str


@dataclass(frozen=True, slots=True)
class Leave:
    """Answer the request, and end the manager."""

    request: str
    data: dict[str, Any]


@dataclass(frozen=True, slots=True)
class TellBrake:
    """Tell the owner that a script's jobs are on hold, since they all fail."""

    job: Job
    failed: tuple[int, ...]
    held: tuple[int, ...]
    reason: Reason


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
class ShowCapacity:
    """What may be used in all, for the lists."""

    capacity: Capacity


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
    | Pause
    | Record
    | FindEnded
    | Steer
    | FindToRerun
    | Restore
    | Reload
    | Leave
    | TellBrake
    | Show
    | Forget
    | ShowArrival
    | HideArrival
    | ShowObstacle
    | ShowCapacity
    | Answer
    | Remove
    | AnswerEnded
)

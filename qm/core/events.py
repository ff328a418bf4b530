"""What happened: everything that the core is told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from qm.core.actions import Steer
from qm.core.dependents import KnownEnd
from qm.core.settings import Settings
from qm.inspection import Inspection
from qm.jobdir import Records
from qm.model import Job, Outcome, Place, Reason, State


@dataclass(frozen=True, slots=True)
class Appeared:
    """A name is (or may be) in QM_qJobs that was not there, or not as this folder.

    ``committed``: it was renamed there from a dot-name.
    """

    name: str
    committed: bool = False


@dataclass(frozen=True, slots=True)
class Gone:
    """A name is no longer in QM_qJobs, or may not be."""

    name: str


@dataclass(frozen=True, slots=True)
class Present:
    """All the names in QM_qJobs: told every few seconds, in case a difference was missed."""

    names: frozenset[str]


@dataclass(frozen=True, slots=True)
class Renamed:
    """A folder in QM_qJobs has a new name."""

    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Inspected:
    """A look at an entry of QM_qJobs is done."""

    inspection: Inspection


@dataclass(frozen=True, slots=True)
class Accepted:
    """The job's first record is written; ``hold`` is the hold mark that lies there."""

    id: int
    hold: Reason | None


@dataclass(frozen=True, slots=True)
class NotAccepted:
    """The job's first record could not be written; ``gone``: its folder is not there."""

    id: int
    gone: bool
    reason: Reason


@dataclass(frozen=True, slots=True)
class Claimed:
    """The folder is in QM_Jobs and its claim is on disk."""

    job: Job
    command: str
    note: str | None


@dataclass(frozen=True, slots=True)
class Changed:
    """The folder differs from what was accepted: it is back in QM_qJobs and settles again."""

    id: int
    name: str


@dataclass(frozen=True, slots=True)
class Unclaimable:
    """It could not be moved; it is in QM_qJobs still. ``full``: nothing else could be
    either, for the machine lacks something."""

    id: int
    reason: Reason
    full: bool = False


@dataclass(frozen=True, slots=True)
class Held:
    """The hold mark was set (a reason) or taken away (None), or was found before a claim."""

    id: int
    reason: Reason | None
    request: str | None = None


@dataclass(frozen=True, slots=True)
class NotHeld:
    """The hold mark could not be written, or not be taken away (``reason`` None)."""

    id: int
    reason: Reason | None
    request: str | None
    why: str


@dataclass(frozen=True, slots=True)
class Vanished:
    """A waiting or claimed job's folder is nowhere to be found."""

    id: int


@dataclass(frozen=True, slots=True)
class Started:
    """The script runs."""

    id: int
    token: str
    started: str


@dataclass(frozen=True, slots=True)
class Ended:
    """The exit record is written, or would be: ``vanished``, its folder is gone."""

    id: int
    token: str
    outcome: Outcome
    vanished: bool = False


@dataclass(frozen=True, slots=True)
class Paused:
    """Every process of the attempt stands still, or all go on."""

    id: int
    token: str
    suspended: bool


@dataclass(frozen=True, slots=True)
class NotPaused:
    """Nobody could be told that the attempt is to stand still, or to go on."""

    id: int
    suspended: bool
    why: str


@dataclass(frozen=True, slots=True)
class EndsFound:
    """The ended jobs that a waiting one comes after, by what it calls them; None: no such job.

    Without any ``ends`` nothing could be looked up.
    """

    id: int
    ends: Mapping[str, KnownEnd | None]


@dataclass(frozen=True, slots=True)
class Rerun:
    """An ended job lies in ``place`` and is to run again."""

    job: Job
    place: Place
    request: str
    hold: Reason | None = None


@dataclass(frozen=True, slots=True)
class Reconfigured:
    """The configuration was read again."""

    settings: Settings


@dataclass(frozen=True, slots=True)
class NotStarted:
    """The supervisor found that the job is not its to run."""

    id: int
    token: str
    why: str


@dataclass(frozen=True, slots=True)
class LaunchFailed:
    """Nothing was started, and why. ``fault``: what the machine lacks, where that is why."""

    id: int
    token: str
    why: str
    fault: Reason | None = None


@dataclass(frozen=True, slots=True)
class SupervisorGone:
    """The process beside the job is not there any more."""

    id: int
    token: str


@dataclass(frozen=True, slots=True)
class Probed:
    """What the files and the lock of a claimed job say. ``place`` and ``name``: where it lies."""

    job: Job
    place: Place
    records: Records
    locked: bool


@dataclass(frozen=True, slots=True)
class Strayed:
    """A job that has not ended lies among the ended ones, or unclaimed in QM_Jobs."""

    job: Job
    place: Place


@dataclass(frozen=True, slots=True)
class Requeued:
    """The job is back in QM_qJobs, under this name."""

    id: int
    name: str
    hold: Reason | None


@dataclass(frozen=True, slots=True)
class StillLocked:
    """It was to be taken back, but somebody holds its lock: it runs after all."""

    id: int


@dataclass(frozen=True, slots=True)
class Moved:
    """An ended job lies in its last place, or is ``gone``."""

    id: int
    state: State
    name: str
    gone: bool = False
    request: str | None = None


@dataclass(frozen=True, slots=True)
class Unmovable:
    """An ended (or taken back) job's folder cannot be moved now: a viewer may hold it."""

    id: int
    why: str


@dataclass(frozen=True, slots=True)
class Listed:
    """The first listing of the start is told completely."""


@dataclass(frozen=True, slots=True)
class Found:
    """Everything that the first listing told has been looked at: the start is over."""


@dataclass(frozen=True, slots=True)
class IndexLost:
    """The index was deleted and made anew: show everything again."""


@dataclass(frozen=True, slots=True)
class IndexComplete:
    """The index was held against the folders: ended jobs that were not found may be found now."""


@dataclass(frozen=True, slots=True)
class Frozen:
    """QM_qJobs cannot be listed, or (None) can be again: until then nothing is decided."""

    reason: Reason | None


@dataclass(frozen=True, slots=True)
class Asked:
    """A request of the command line. ``targets`` are ids and names as the person typed them."""

    request: str
    verb: str
    targets: tuple[str, ...]
    who: str
    grace: float | None = None
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """Whoever asked has taken the request back (or was answered)."""

    request: str


@dataclass(frozen=True, slots=True)
class Steered:
    """What holds for all jobs is on disk, or (``problem``) is not."""

    action: Steer
    problem: str | None


@dataclass(frozen=True, slots=True)
class Tick:
    """Time has passed."""


Event = (
    Appeared
    | Gone
    | Present
    | Renamed
    | Inspected
    | Accepted
    | NotAccepted
    | Claimed
    | Changed
    | Unclaimable
    | Held
    | NotHeld
    | Vanished
    | Started
    | Ended
    | Paused
    | NotPaused
    | EndsFound
    | Rerun
    | Reconfigured
    | Withdrawn
    | Steered
    | NotStarted
    | LaunchFailed
    | SupervisorGone
    | Probed
    | Strayed
    | Requeued
    | StillLocked
    | Moved
    | Unmovable
    | Listed
    | Found
    | IndexLost
    | IndexComplete
    | Frozen
    | Asked
    | Tick
)

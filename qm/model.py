"""What a job is: states, their order, reasons, options. Frozen data, no I/O."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class State(StrEnum):
    """Where a job stands. The value is what people and records see."""

    ARRIVING = "ARRIVING"
    QUEUED = "QUEUED"
    HELD = "HELD"
    RUNNING = "RUNNING"
    SUSPENDED = "SUSPENDED"
    FINISHED = "FINISHED"
    FAILED = "FAILED"
    KILLED = "KILLED"
    CANCELLED = "CANCELLED"
    ABORTED = "ABORTED"
    REJECTED = "REJECTED"
    LOST = "LOST"


class Place(StrEnum):
    """The four folders; the value is the folder's name below QM_FOLDER."""

    WAITING = "QM_qJobs"
    RUNNING = "QM_Jobs"
    DONE = "QM_dJobs"
    LOST = "QM_lost+found"


LETTER = {
    State.ARRIVING: "N",
    State.QUEUED: "Q",
    State.HELD: "U",
    State.RUNNING: "R",
    State.SUSPENDED: "P",
    State.FINISHED: "S",
    State.FAILED: "F",
    State.KILLED: "K",
    State.CANCELLED: "C",
    State.ABORTED: "A",
    State.REJECTED: "E",
    State.LOST: "L",
}

PLACE_OF = {
    State.ARRIVING: Place.WAITING,
    State.QUEUED: Place.WAITING,
    State.HELD: Place.WAITING,
    State.RUNNING: Place.RUNNING,
    State.SUSPENDED: Place.RUNNING,
    State.FINISHED: Place.DONE,
    State.FAILED: Place.DONE,
    State.KILLED: Place.DONE,
    State.CANCELLED: Place.LOST,
    State.ABORTED: Place.LOST,
    State.REJECTED: Place.LOST,
    State.LOST: Place.LOST,
}

TRANSITIONS: dict[State, frozenset[State]] = {
    State.ARRIVING: frozenset({State.QUEUED, State.HELD, State.REJECTED}),
    State.QUEUED: frozenset(
        {
            State.HELD,
            State.RUNNING,
            State.CANCELLED,
            State.ABORTED,
            State.REJECTED,
            State.LOST,
            State.FAILED,
        }
    ),
    State.HELD: frozenset({State.QUEUED, State.CANCELLED, State.ABORTED, State.REJECTED}),
    State.RUNNING: frozenset(
        {
            State.SUSPENDED,
            State.QUEUED,
            State.HELD,
            State.FINISHED,
            State.FAILED,
            State.KILLED,
            State.LOST,
            State.CANCELLED,
        }
    ),
    State.SUSPENDED: frozenset(
        {State.RUNNING, State.QUEUED, State.FINISHED, State.FAILED, State.KILLED, State.LOST}
    ),
    State.FINISHED: frozenset(),
    State.FAILED: frozenset(),
    State.KILLED: frozenset(),
    State.CANCELLED: frozenset(),
    State.ABORTED: frozenset(),
    State.REJECTED: frozenset(),
    State.LOST: frozenset(),
}

END_STATES = frozenset(state for state, following in TRANSITIONS.items() if not following)
WAITING_STATES = frozenset({State.QUEUED, State.HELD})
ACTIVE_STATES = frozenset({State.RUNNING, State.SUSPENDED})


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a job is where it is: a fixed word and a text with numbers."""

    word: str
    text: str

    def __str__(self) -> str:
        return f"{self.word}: {self.text}"

    @classmethod
    def parse(cls, line: str) -> Reason:
        """Read ``Word: text`` as :meth:`__str__` writes it."""
        word, _, text = line.partition(": ")
        return cls(word, text)


@dataclass(frozen=True, slots=True)
class JobOptions:
    """What the info file asks for, checked, in plain units."""

    script: str
    """The command line, given to the shell in the job folder."""
    nb_proc: int = 1
    mem: int | None = None
    """Memory in bytes."""
    nb_gpu: int = 0
    walltime: float | None = None
    """Time limit in seconds."""
    priority: int = 0
    size: str | None = None
    e_mail: str | None = None
    info: str | None = None
    after: tuple[str, ...] = ()
    """Normalised dependencies: ``afterok:prep``, ``afterany:12``, ``afternotok:x``."""
    hold: bool = False
    begin: str | None = None
    """UTC time, ``YYYY-MM-DDTHH:MM:SS.mmmZ``."""
    retries: int = 0
    rerunnable: bool = False
    env: tuple[tuple[str, str], ...] = ()
    cwd: str | None = None
    stdout: str | None = None
    stderr: str | None = None
    notify_url: str | None = None
    system: str | None = None
    settle: float | None = None
    """Seconds of quiet before the drop counts as complete; only ever more than the option's."""
    dialect: str = "qm"
    """``slurm`` or ``pbs`` where the script carries such directives and expects their variables."""


@dataclass(frozen=True, slots=True)
class JobInfo:
    """An info file that was read: its name, what it asks for, and what is worth a warning."""

    file: str
    options: JobOptions
    warnings: tuple[str, ...] = field(default=())

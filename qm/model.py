"""What a job is: states, their order, reasons, options. Frozen data, no I/O."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from qm.identity import Identity


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
    signal: tuple[str, float] | None = None
    """The signal that warns the script, without SIG, and how many seconds before the walltime."""
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
    retry_delay: float = 0.0
    """Seconds between a failure and the next try."""
    retry_on: tuple[int, ...] = ()
    """Exit codes that are worth another try; empty: every failure."""
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


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an attempt ended, as its exit or end record says."""

    ended: str
    """UTC time."""
    started: str | None = None
    exit_code: int | None = None
    signal: str | None = None
    reason: Reason | None = None
    cpu_seconds: float = 0.0
    peak_memory: int = 0
    """Bytes, of the whole tree of processes."""

    def state(self) -> State:
        """The end state of an attempt that has an exit record."""
        if self.reason is not None and self.reason.word in KILL_WORDS:
            return State.KILLED
        return State.FINISHED if self.exit_code == 0 else State.FAILED

    def why(self) -> Reason | None:
        """The recorded reason, else the signal or the exit code; None for a success."""
        if self.reason is not None:
            return self.reason
        if self.signal is not None:
            return Reason("Signal", self.signal)
        return Reason("ExitCode", str(self.exit_code)) if self.exit_code else None


KILL_WORDS = frozenset({"User", "TimeLimit", "MemoryLimit"})


NOT_PUT_BACK = -1


@dataclass(frozen=True, slots=True)
class Dependency:
    """One job that must end first, and how."""

    condition: str
    """``afterok``, ``afterany`` or ``afternotok``."""
    target: str
    """The id or the name, as the info file has it."""
    id: int | None = None
    """The job that is meant; None while no such job is known."""


@dataclass(frozen=True, slots=True)
class Drain:
    """Nothing new is started until a person says so."""

    since: str
    """UTC time."""
    who: str


@dataclass(frozen=True, slots=True)
class Steering:
    """What people set while QM runs; it is kept over a restart."""

    drain: Drain | None = None
    processors: int | None = None
    """None: as configured."""
    memory: int | None = None
    """Bytes; None: as configured."""


@dataclass(frozen=True, slots=True)
class Job:
    """An accepted job, from its id on. An arriving drop is no job yet."""

    id: int
    name: str
    """The folder's name, which a person may change."""
    identity: Identity
    options: JobOptions
    info_file: str
    owner: str
    arrival: int
    """Order of arrival: first seen earlier means smaller, over restarts as well."""
    submitted: str
    """UTC time when it was first seen."""
    state: State = State.QUEUED
    reason: Reason | None = None
    attempt: int = 0
    """0 until the first claim."""
    token: str | None = None
    """Of the current attempt."""
    launches: int = 0
    """Launches in a row that failed before the script started."""
    notes: tuple[str, ...] = ()
    """What the head of process.log tells: a lowered nb_proc, an odd address."""
    submit_token: str | None = None
    """Given by ``qm submit``, to ask for the job by before its id is known."""
    changes: tuple[tuple[str, str], ...] = ()
    """Keys and values that a person set beside the info file, as text; they win over it."""
    depends: tuple[Dependency, ...] = ()
    """``options.after``, bound to jobs."""
    failures: int = 0
    """Failed attempts that were tried again."""
    not_before: str | None = None
    """UTC time of the next try."""
    put_back: int = NOT_PUT_BACK
    """The attempt that was last put back into the queue: its end counts no more."""
    rerun_by: str | None = None
    """The request by which it runs again. Where a crash came before its answer, it comes again."""
    cpus: tuple[int, ...] = ()
    """Processors that the current attempt is pinned to; empty: to none."""
    gpus: tuple[int, ...] = ()
    """Indices of the GPUs that the current attempt has."""
    started: str | None = None
    outcome: Outcome | None = None

    @property
    def place(self) -> Place:
        """The folder that a job of this state belongs in."""
        return PLACE_OF[self.state]

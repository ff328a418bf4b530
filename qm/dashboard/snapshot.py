"""What the dashboard shows, as it was at one moment. Frozen data, no I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from qm.progress import Progress
from qm.view import Entry


@dataclass(frozen=True, slots=True)
class Manager:
    """The manager that serves the folder: since when (seconds since the epoch), and its lock."""

    since: float | None
    holder: str
    """Host and process id, as its lock says."""
    obstacle: str | None
    """Why nothing is started, ``Word: text``; None where nothing is in the way."""


@dataclass(frozen=True, slots=True)
class Gauge:
    """How much of something is in use; ``total`` is None where nobody knows."""

    used: float
    total: float | None


@dataclass(frozen=True, slots=True)
class Machine:
    """What is in use: processors and GPUs by jobs, the rest by everything on this machine."""

    processors: Gauge
    gpus: Gauge | None
    """None where there are none."""
    cpu_percent: float | None
    memory: Gauge | None
    """Bytes."""
    load: float | None
    """Of the last minute; None where the system counts none."""


@dataclass(frozen=True, slots=True)
class Activity:
    """What a running job does; None where that is not known."""

    progress: Progress | None = None
    cpu_percent: float | None = None
    """100 is one processor."""
    memory: int | None = None
    """Bytes, of all its processes."""


IDLE = Activity()


@dataclass(frozen=True, slots=True)
class LogTail:
    """The end of one job's log, as lines that cannot move the cursor."""

    key: str
    """Of the job's row."""
    lines: tuple[str, ...]
    before: int
    """Bytes of the log before these lines."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything that was seen in one look at ``now``, in seconds since the epoch."""

    now: float
    root: str
    exists: bool
    manager: Manager | None
    """None where none runs."""
    machine: Machine
    running: tuple[Entry, ...]
    waiting: tuple[Entry, ...]
    """The first ones, in the order in which they start."""
    more_waiting: int
    recent: tuple[Entry, ...]
    """Ended, the last one first."""
    activity: Mapping[str, Activity]
    """Of running jobs, by the key of their row."""
    part: str = ""
    """Only jobs with this in their names were looked at; empty: all."""


def key_of(entry: Entry) -> str:
    """What tells one row from the others: the id, or the name of what is no job yet."""
    return f"+{entry.name}" if entry.id is None else str(entry.id)

"""What the core is told at its start, and the time that it is told with each event."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from qm.drops import Rules
from qm.hours import Hours
from qm.jobinfo.limits import Limits
from qm.planner import Capacity


class Now(NamedTuple):
    """The moment of an event."""

    mono: float
    """Monotonic seconds: for durations."""
    wall: float
    """Seconds since the epoch: for people."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Limits and times, in seconds, that decisions go by."""

    capacity: Capacity
    """As configured; people may set other limits while QM runs."""
    boot: str
    host: str
    rules: Rules = field(default_factory=Rules)
    kill_grace: float = 10.0
    adopt_records: bool = False
    """QM_FOLDER was moved or restored as a whole: records count though identities differ."""
    limits: Limits = field(default_factory=lambda: Limits(max_processors=100_000))
    """What a changed option is held against."""
    reserve_after: float | None = 600.0
    hours: Hours = field(default_factory=Hours)
    """When jobs may be started."""
    brake: int = 5
    """Quick failures in a row that put a script's other jobs on hold; 0: never."""
    brake_within: float = 10.0
    cpus: tuple[int, ...] = ()
    """Processors to pin jobs to; none: jobs are not pinned."""
    gpus: tuple[int, ...] = ()
    """Indices of the GPUs."""

"""What the core is told at its start, and the time that it is told with each event."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from qm.drops import Rules
from qm.policy import Capacity


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
    boot: str
    host: str
    rules: Rules = field(default_factory=Rules)
    kill_grace: float = 10.0
    adopt_records: bool = False
    """QM_FOLDER was moved or restored as a whole: records count though identities differ."""

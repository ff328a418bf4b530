"""The memory of a job that has a limit: looked at often."""

from __future__ import annotations

import time
from typing import Protocol

_EVERY = 0.2
_SHARE = 0.1
"""The part of the supervisor's time that looks may take at most …"""
_LONGEST_PAUSE = 1.0
"""… unless they come less often than this."""


class Measured(Protocol):
    """What can be looked at."""

    def sample(self, limit: int | None = None) -> int:
        """Bytes in use now, told exactly where it may be more than ``limit``."""


class MemoryWatch:
    """Knows when to look at the memory of a job next, and whether it is more than ``limit``."""

    def __init__(self, script: Measured, limit: int, now: float) -> None:
        self._script = script
        self._limit = limit
        self.next_look = now + _EVERY
        """On the monotonic clock."""

    def look(self, now: float) -> tuple[str, str] | None:
        """Look, if it is time; a reason to end the job where it uses more than its limit."""
        if now < self.next_look:
            return None
        began = time.monotonic()
        used = self._script.sample(self._limit)
        after = time.monotonic()
        # Shared pages of large processes take long to count.
        pause = min((after - began) / _SHARE, _LONGEST_PAUSE)
        self.next_look = after + max(pause, _EVERY)
        if used <= self._limit:
            return None
        from qm.quantities import format_size

        return "MemoryLimit", f"used {format_size(used)}, asked for {format_size(self._limit)}"

"""What a job uses over time: looked at now and then, kept as a table beside its records."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from qm.osops import FolderHandle, TreeUse

if TYPE_CHECKING:
    from qm.usagefile import Sample

_SPACING = 1.0
"""Seconds of a sample at first; twice that each time there are as many as are kept."""
_LONGEST_PAUSE = 5.0
"""Seconds between two looks at most: the highest use of memory shall not be missed."""
_SHARE = 0.005
"""The part of the supervisor's time that looks take, unless they come less often than that."""
_WORTH_A_FILE = 5.0
"""Seconds: a job that is over before leaves no table, and costs no write."""
_TOO_SHORT = 0.2


class Measured(Protocol):
    """What can be looked at."""

    def usage(self, limit: int | None = None) -> TreeUse:
        """What it uses now; its memory told exactly where it may be more than ``limit``."""


class UsageRecorder:
    """Looks at one job, and writes what it saw.

    A fault here is none of the job's: whatever fails is tried again at the next
    look, from what is remembered.
    """

    def __init__(
        self,
        script: Measured,
        records: FolderHandle,
        limit: int | None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Begin; ``limit`` is that of its memory, in bytes."""
        self._script = script
        self._records = records
        self._limit = limit
        self._clock = clock
        now = clock()
        self._began = self._since = self._written = now
        self._spacing = _SPACING
        self._samples: list[Sample] = []
        self._cpu_seconds = 0.0
        self._memory = self._processes = self._last_memory = 0
        self.next_look = now + _SPACING
        """On the monotonic clock. Most jobs are over by the first one."""

    def look(self, now: float) -> None:
        """Look, if it is time."""
        if now < self.next_look:
            return
        self.next_look = now + _LONGEST_PAUSE
        try:
            took = self._look(now)
        except Exception:
            return
        pause = max(self._since + self._spacing - now, took / _SHARE)
        self.next_look = now + min(pause, _LONGEST_PAUSE)

    def finish(self, now: float) -> None:
        """The job has ended: what it used since the last sample."""
        if now - self._began < _WORTH_A_FILE:
            return
        try:
            if now - self._since >= _TOO_SHORT:
                self._close(now, self._script.usage().cpu_seconds)
            self._write()
        except Exception:
            return

    def _look(self, now: float) -> float:
        """Returns how many seconds it took to count."""
        began = self._clock()
        use = self._script.usage(self._limit)
        took = self._clock() - began
        self._last_memory = use.memory
        self._memory = max(self._memory, use.memory)
        self._processes = max(self._processes, use.processes)
        if now - self._since >= self._spacing:
            self._close(now, use.cpu_seconds)
            if now - self._written >= _WORTH_A_FILE:
                self._written = now
                self._write()
        return took

    def _close(self, now: float, cpu_seconds: float) -> None:
        """The sample ends here, and the next one begins."""
        from qm.usagefile import MOST, Sample, halved

        spent = max(0.0, cpu_seconds - self._cpu_seconds)
        cores = spent / (now - self._since)
        memory = self._memory or self._last_memory
        self._samples.append(Sample(now - self._began, cores, memory, self._processes))
        self._since, self._cpu_seconds = now, cpu_seconds
        self._memory = self._processes = 0
        if len(self._samples) >= MOST:
            self._samples = halved(self._samples)
            self._spacing *= 2

    def _write(self) -> None:
        from qm.usagefile import USAGE, encode_usage

        with contextlib.suppress(OSError):
            # On a full disk all of it is written once there is room again.
            self._records.write(USAGE, encode_usage(self._samples))

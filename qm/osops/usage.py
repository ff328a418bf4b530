"""What a job and the machine use just now, for displays."""

from __future__ import annotations

import os
import sys
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from qm.osops.tree import TOKEN_VARIABLE

if TYPE_CHECKING:
    import psutil

_SHORTEST = 0.1
"""Seconds between two looks at the processors, of which the use is the difference."""


@dataclass(frozen=True, slots=True)
class Usage:
    """What the processes of a job use together."""

    processes: int
    cpu_seconds: float
    """Of the processes that are there, and of the children that they have collected."""
    memory: int
    """Resident bytes; pages that several of them share count for each."""


@dataclass(frozen=True, slots=True)
class MachineUsage:
    """What is in use of this machine, by whomever."""

    cpu_percent: float
    """0 to 100: of all processors together, since the look before."""
    memory_used: int
    memory_total: int
    """Bytes."""
    load: float | None
    """Processes that run or wait to, on average of the last minute; None on Windows."""


def tree_usage(supervisor: int, token: str) -> Usage | None:
    """What the job with this token uses now, that runs below process ``supervisor``.

    None where no process below it carries the token: the job has ended, and
    the supervisor, or its process id, is another's by now. Where orphans are
    not handed to the supervisor (macOS, Windows) they do not count.
    """
    if sys.platform == "linux":
        from qm.osops.posix_procfs import use_below

        found = use_below(supervisor, TOKEN_VARIABLE, token)
        return None if found is None else Usage(*found)
    return _usage_by_psutil(supervisor, token)


def machine_usage() -> MachineUsage:
    """What is in use of this machine; the first call in a process takes a tenth of a second."""
    import psutil

    memory = psutil.virtual_memory()
    return MachineUsage(
        cpu_percent=_processors.busy_percent(),
        memory_used=memory.total - memory.available,
        memory_total=memory.total,
        load=_load(),
    )


def _load() -> float | None:
    if sys.platform == "win32":
        return None
    return os.getloadavg()[0]


def _usage_by_psutil(supervisor: int, token: str) -> Usage | None:
    import psutil

    try:
        tree = psutil.Process(supervisor).children(recursive=True)
    except psutil.Error:
        return None
    count, cpu, memory, ours = 0, 0.0, 0, False
    for process in tree:
        try:
            with process.oneshot():
                times, resident = process.cpu_times(), process.memory_info().rss
        except psutil.Error:
            continue
        count += 1
        cpu += times.user + times.system + times.children_user + times.children_system
        memory += resident
        ours = ours or _carries(process, token)
    return Usage(count, cpu, memory) if ours else None


def _carries(process: psutil.Process, token: str) -> bool:
    import psutil

    try:
        return process.environ().get(TOKEN_VARIABLE) == token
    except (psutil.Error, OSError):
        return False


class _Processors:
    """The use of all processors between two looks, whichever threads look."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._before: tuple[float, float] | None = None
        self._looked = 0.0
        self._percent = 0.0

    def busy_percent(self) -> float:
        with self._guard:
            if self._before is None:
                self._before, self._looked = _idle_and_total(), time.monotonic()
                time.sleep(_SHORTEST)
            if time.monotonic() - self._looked >= _SHORTEST:
                self._look(self._before)
            return self._percent

    def _look(self, before: tuple[float, float]) -> None:
        idle, total = self._before = _idle_and_total()
        self._looked = time.monotonic()
        passed = total - before[1]
        if passed > 0:
            self._percent = min(100.0, max(0.0, 100 * (1 - (idle - before[0]) / passed)))


def _idle_and_total() -> tuple[float, float]:
    """Processor seconds since the boot: idle ones, and all."""
    import psutil

    times = psutil.cpu_times()
    idle = times.idle + getattr(times, "iowait", 0.0)
    # Linux counts the time of guests in that of users already.
    guests = getattr(times, "guest", 0.0) + getattr(times, "guest_nice", 0.0)
    return idle, sum(times) - guests


_processors = _Processors()

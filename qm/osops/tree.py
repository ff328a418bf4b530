"""Processes known by their job's token: whoever carries it belongs to the job."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterable
from typing import NamedTuple

if sys.platform == "linux":
    from qm.osops import posix_procfs

TOKEN_VARIABLE = "QM_JOB_TOKEN"
_ROUND = 0.05
_CLEAN_LOOKS = 4
_STARTING = 0.08
"""Seconds between two looks that find none: together more than a start takes, load included."""


class TreeUse(NamedTuple):
    """What the processes of a job use together, as its supervisor sees it."""

    processes: int
    cpu_seconds: float
    """Of all that the job has started so far, those that have ended included; it never falls."""
    memory: int
    """Resident bytes."""


def carriers(token: str) -> list[int]:
    """Pids of all processes whose environment holds this job's token.

    Processes of other users cannot be read; a job's processes are QM's own.
    """
    if sys.platform == "linux":
        return posix_procfs.carriers(TOKEN_VARIABLE, token)
    import psutil

    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(TOKEN_VARIABLE) == token:
                found.append(process.pid)
        except (psutil.Error, OSError):
            continue
    return found


def descendants(pid: int) -> list[int]:
    """Pids of the children of ``pid``, of their children, and so on; parents come first."""
    if sys.platform == "linux":
        return posix_procfs.descendants(pid)
    import psutil

    try:
        return [child.pid for child in psutil.Process(pid).children(recursive=True)]
    except psutil.Error:
        return []


def end_processes(pids: Iterable[int], *, force: bool) -> None:
    """Ask (or with ``force``: make) these processes to end; those gone already are no fault."""
    if sys.platform != "win32":
        signal_processes(pids, signal.SIGKILL if force else signal.SIGTERM)
        return
    import psutil

    for pid in pids:
        try:
            psutil.Process(pid).kill()
        except psutil.Error:
            continue


def signal_processes(pids: Iterable[int], number: int) -> None:
    """Send a signal to each (POSIX only); those gone already, or another user's, are no fault."""
    for pid in pids:
        try:
            os.kill(pid, number)
        except OSError:
            continue


def end_carriers(token: str, *, patience: float) -> list[int]:
    """End every process that carries ``token``; return those alive after ``patience`` seconds.

    A carrier may fork while it is being ended, and a process that was being
    started when its supervisor was killed carries the token only a moment
    later. So this looks again until some looks in a row, over that moment,
    find none.
    """
    until = time.monotonic() + patience
    clean = 0
    while True:
        alive = carriers(token)
        if alive:
            clean = 0
            end_processes(alive, force=True)
        else:
            clean += 1
        if clean == _CLEAN_LOOKS or time.monotonic() >= until:
            return alive
        time.sleep(_ROUND if alive else _STARTING)


def memory_of(pids: Iterable[int]) -> int:
    """Bytes of memory of these processes together, at a quick look.

    Resident bytes, shared pages counted for each. On Windows no more than the
    private bytes of each process: mapped files and libraries are no process's
    own there, while of the private bytes much may never have been touched.
    """
    if sys.platform == "linux":
        return sum(map(posix_procfs.resident, pids))
    import psutil

    total = 0
    for pid in pids:
        try:
            memory = psutil.Process(pid).memory_info()
        except psutil.Error:
            continue
        if sys.platform == "win32":
            total += min(memory.rss, memory.private)
        else:
            total += memory.rss
    return total


def cpu_seconds_of(pids: Iterable[int]) -> dict[int, float]:
    """Processor seconds of each of these processes itself, without its children."""
    import psutil

    found = {}
    for pid in pids:
        try:
            times = psutil.Process(pid).cpu_times()
        except psutil.Error:
            continue
        found[pid] = float(times.user + times.system)
    return found


def is_halted(pid: int) -> bool:
    """True if the process runs no instruction: it is stopped, has ended, or is not there."""
    if sys.platform == "linux":
        status = posix_procfs.status_of(pid)
        return status is None or status.state in "TtZXx"
    import psutil

    try:
        return psutil.Process(pid).status() in {psutil.STATUS_STOPPED, psutil.STATUS_ZOMBIE}
    except psutil.Error:
        return True


def started_at(pid: int) -> float | None:
    """When process ``pid`` started, in seconds since the epoch; None where there is none."""
    import psutil

    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return None
        return float(process.create_time())
    except psutil.Error:
        return None

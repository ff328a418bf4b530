"""Processes known by their job's token: whoever carries it belongs to the job."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable

TOKEN_VARIABLE = "QM_JOB_TOKEN"
_ROUND = 0.05


def carriers(token: str) -> list[int]:
    """Pids of all processes whose environment holds this job's token.

    Processes of other users cannot be read; a job's processes are QM's own.
    """
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
    """Pids of the children of ``pid``, of their children, and so on."""
    import psutil

    try:
        return [child.pid for child in psutil.Process(pid).children(recursive=True)]
    except psutil.Error:
        return []


def end_processes(pids: Iterable[int], *, force: bool) -> None:
    """Ask (or with ``force``: make) these processes to end; those gone already are no fault."""
    import psutil

    for pid in pids:
        with contextlib.suppress(psutil.Error):
            process = psutil.Process(pid)
            if force:
                process.kill()
            else:
                process.terminate()


def end_carriers(token: str, *, patience: float) -> list[int]:
    """End every process that carries ``token``; return those alive after ``patience`` seconds.

    A carrier may fork while it is being ended, so this looks again until two
    looks in a row find none.
    """
    until = time.monotonic() + patience
    clean = 0
    alive: list[int] = []
    while clean < 2 and time.monotonic() < until:
        alive = carriers(token)
        if alive:
            clean = 0
            end_processes(alive, force=True)
            time.sleep(_ROUND)
        else:
            clean += 1
    return alive


def memory_and_cpu(pids: Iterable[int]) -> tuple[int, float]:
    """Resident bytes and cpu seconds of these processes together."""
    import psutil

    memory, cpu = 0, 0.0
    for pid in pids:
        with contextlib.suppress(psutil.Error):
            process = psutil.Process(pid)
            memory += process.memory_info().rss
            times = process.cpu_times()
            cpu += times.user + times.system
    return memory, cpu


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

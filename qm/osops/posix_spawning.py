"""Starting a process that inherits fewer processors and a lower priority than ours."""

from __future__ import annotations

import sys

assert sys.platform != "win32"

import os
from collections.abc import Callable, Sequence


def spawn_lowered(spawn: Callable[[], int], cpus: Sequence[int] | None, nice: int) -> int:
    """Call ``spawn``, so that the process whose id it returns, and all it starts, is lowered.

    This process stays as it is: it must react when the machine is loaded, and
    a nice value that it had raised it could not take back. Errors of ``spawn``
    are passed on; a lowering that the system refuses is left out.
    """
    if not cpus and not nice:
        return spawn()
    if sys.platform == "linux":
        return _spawn_in_thread(spawn, cpus, nice)
    pid = spawn()
    if nice:
        # Twice: a child born during the first round may have its parent's old value.
        for _ in range(2):
            _lower_group(pid, nice)
    return pid


def _spawn_in_thread(spawn: Callable[[], int], cpus: Sequence[int] | None, nice: int) -> int:
    """On Linux a thread has its own affinity and nice value, and hands them to what it starts."""
    import threading

    pids: list[int] = []
    errors: list[OSError] = []

    def lowered() -> None:
        _lower_this_thread(cpus, nice)
        try:
            pids.append(spawn())
        except OSError as error:
            errors.append(error)

    thread = threading.Thread(target=lowered)
    thread.start()
    thread.join()
    for error in errors:
        raise error
    return pids[0]


def _lower_this_thread(cpus: Sequence[int] | None, nice: int) -> None:
    if sys.platform != "linux":
        return
    if cpus:
        try:
            os.sched_setaffinity(0, cpus)
        except (OSError, ValueError, OverflowError):
            pass  # Processors that are gone, or that a container does not let us have.
    if nice:
        try:
            present = os.getpriority(os.PRIO_PROCESS, 0)
            os.setpriority(os.PRIO_PROCESS, 0, max(present, nice))
        except OSError:
            pass


def _lower_group(pid: int, nice: int) -> None:
    try:
        present = os.getpriority(os.PRIO_PROCESS, pid)
        os.setpriority(os.PRIO_PGRP, pid, max(present, nice))
    except OSError:
        pass

"""Processes as Linux tells of them in /proc (man 5 proc), read without another library.

A supervisor looks at its job four times a second: psutil would cost it more
time to load than most looks take, and half as much memory again. Whatever is
gone meanwhile, or another user's, counts as nothing.
"""

from __future__ import annotations

import sys

assert sys.platform != "win32"

import os
from collections.abc import Callable, Iterable
from typing import NamedTuple

PROC = "/proc"
_PARENT, _SESSION, _UTIME, _AFTER_CSTIME = 1, 3, 11, 15
"""Places in /proc/PID/stat behind the name; the state has place 0."""


class Status(NamedTuple):
    """What /proc/PID/stat says of a process."""

    state: str
    """A letter: R runs, S sleeps, D waits for a disk, T is stopped, Z has ended."""
    parent: int
    session: int
    cpu_seconds: float
    """Of the process, and of those of its children that it has collected."""


def status_of(pid: int) -> Status | None:
    """State, parent, session and processor time; None where there is no such process."""
    text = _read(pid, "stat")
    if not text:
        return None
    # The name, in parentheses, may hold spaces and parentheses itself.
    fields = text[text.rfind(b")") + 2 :].split()
    ticks = sum(map(int, fields[_UTIME:_AFTER_CSTIME]))
    return Status(
        fields[0].decode("ascii"),
        int(fields[_PARENT]),
        int(fields[_SESSION]),
        ticks / os.sysconf("SC_CLK_TCK"),
    )


def descendants(pid: int) -> list[int]:
    """Children of ``pid``, their children, and so on; parents come first."""
    parents = _parents()
    if not all(parent in parents for parent in parents.values() if parent):
        # One ended while we read: what it left has another parent by now.
        parents = _parents()
    children: dict[int, list[int]] = {}
    for child, parent in parents.items():
        children.setdefault(parent, []).append(child)
    return _below(pid, lambda one: children.get(one, ()))


def quick_descendants(pid: int) -> list[int]:
    """As :func:`descendants`, at a cost in which the rest of the machine has no part.

    Where a process ends at that very moment some may be missing. Kernels that
    do not list children (CONFIG_PROC_CHILDREN) are asked the long way.
    """
    if not os.path.exists(f"{PROC}/{pid}/task/{pid}/children"):
        return descendants(pid)
    return _below(pid, _listed_children)


def resident(pid: int) -> int:
    """Bytes of its memory that are in the machine's; shared pages count in full."""
    fields = _read(pid, "statm").split()
    return int(fields[1]) * os.sysconf("SC_PAGE_SIZE") if fields else 0


def proportional(pid: int) -> int:
    """Bytes as :func:`resident`, each page divided by the number of processes that share it.

    The kernel walks the whole of the process's memory for it: some
    milliseconds for each gigabyte. Without its answer the resident bytes count.
    """
    for line in _read(pid, "smaps_rollup").splitlines():
        if line.startswith(b"Pss:"):
            return int(line.split()[1]) * 1024
    return resident(pid)


def handles(pid: int, number: int) -> bool:
    """True if ``pid`` catches signal ``number``, or blocks it (to wait for it)."""
    masks = 0
    for line in _read(pid, "status").splitlines():
        if line.startswith((b"SigCgt:", b"SigBlk:")):
            masks |= int(line.split()[1], 16)
    return bool(masks >> (number - 1) & 1)


def carries(pid: int, variable: str, value: str) -> bool:
    """True if the environment that ``pid`` was started with says ``variable=value``."""
    return f"{variable}={value}".encode() in _read(pid, "environ").split(b"\0")


def carriers(variable: str, value: str) -> list[int]:
    """All processes that :func:`carries` is true for."""
    return [pid for pid in _all_pids() if carries(pid, variable, value)]


def use_below(pid: int, variable: str, value: str) -> tuple[int, float, int] | None:
    """Number, cpu seconds and resident bytes of the processes below ``pid``.

    None where none of them :func:`carries` ``variable=value``.
    """
    pids = quick_descendants(pid)
    if not any(carries(one, variable, value) for one in pids):
        return None
    found = [(one, status_of(one)) for one in pids]
    alive = [(one, status) for one, status in found if status and status.state != "Z"]
    cpu_seconds = sum(status.cpu_seconds for _, status in alive)
    return len(alive), cpu_seconds, sum(resident(one) for one, _ in alive)


def lower_session(pid: int, nice: int) -> bool:
    """Give the session of ``pid`` as a whole a nice value; False where that did not work.

    Linux weighs sessions against each other before it looks at the nice values
    of their processes (autogroup, man 7 sched). Kernels without it say no, and
    so do all to a user who has asked a moment ago.
    """
    try:
        with open(f"{PROC}/{pid}/autogroup", "wb", buffering=0) as file:
            file.write(b"%d" % nice)
    except OSError:
        return False
    return True


def _all_pids() -> list[int]:
    return [int(name) for name in os.listdir(PROC) if name.isdigit()]


def _parents() -> dict[int, int]:
    """The parent of every process that can be seen."""
    statuses = ((pid, status_of(pid)) for pid in _all_pids())
    return {pid: status.parent for pid, status in statuses if status is not None}


def _listed_children(pid: int) -> list[int]:
    found: list[int] = []
    try:
        threads = os.listdir(f"{PROC}/{pid}/task")
    except OSError:
        return found
    for thread in threads:
        found += map(int, _read(pid, f"task/{thread}/children").split())
    return found


def _below(pid: int, children: Callable[[int], Iterable[int]]) -> list[int]:
    found: list[int] = []
    seen = {pid}
    generation = [pid]
    while generation:
        born = [child for parent in generation for child in children(parent)]
        generation = [child for child in dict.fromkeys(born) if child not in seen]
        seen.update(generation)
        found += generation
    return found


def _read(pid: int, name: str) -> bytes:
    try:
        with open(f"{PROC}/{pid}/{name}", "rb", buffering=0) as file:
            return file.readall()
    except OSError:
        return b""

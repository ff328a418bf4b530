"""What QM's processes hold: memory, open files, threads."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

import psutil

from bench.queue import Queue
from bench.trend import Tolerance

MIB = 1 << 20
_COUNTS_OF_HANDLES = ("num_fds", "num_handles")
"""What psutil calls them here and on Windows."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One of the figures of a process, and what is no growth of it."""

    name: str
    unit: str
    tolerance: Tolerance


FIGURES = (
    Figure("resident memory", "MiB", Tolerance(1.0, 0.03)),
    Figure("open handles", "handles", Tolerance(2.0)),
    Figure("threads", "threads", Tolerance(2.0)),
)


@dataclass(frozen=True, slots=True)
class Vitals:
    """At one moment; of several processes, the highest of each."""

    figures: tuple[float, ...]
    """In the order of FIGURES."""
    cpu: float
    """Seconds of processor time so far, of all of them."""
    pids: frozenset[int]


def look(queue: Queue) -> dict[str, Vitals]:
    """The vitals of the manager, its supervisors and its page, by these names.

    A kind of which no process runs just now is left out.
    """
    found = {}
    for kind, processes in queue.processes().items():
        alive = [vitals for one in processes if (vitals := _of(one)) is not None]
        if alive:
            found[kind] = _highest(alive)
    return found


def _of(process: psutil.Process) -> Vitals | None:
    """None where it has just ended."""
    with suppress(psutil.NoSuchProcess), process.oneshot():
        used = process.cpu_times()
        memory = process.memory_info().rss / MIB
        figures = (memory, float(_handles(process)), float(process.num_threads()))
        return Vitals(figures, used.user + used.system, frozenset({process.pid}))
    return None


def _handles(process: psutil.Process) -> int:
    name = next(name for name in _COUNTS_OF_HANDLES if hasattr(process, name))
    return int(getattr(process, name)())


def _highest(some: list[Vitals]) -> Vitals:
    figures = tuple(max(column) for column in zip(*(one.figures for one in some), strict=True))
    pids = frozenset().union(*(one.pids for one in some))
    return Vitals(figures, sum(one.cpu for one in some), pids)

"""The processors of this machine, in the order in which jobs are given them."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping

_SIBLINGS = "/sys/devices/system/cpu/cpu{}/topology/thread_siblings_list"


def machine_cpus() -> list[int]:
    """The processors that this process may use, as the system numbers them.

    The first of each core come before their siblings (hyperthreads), where the
    system tells which share a core: jobs that are given processors from the
    front get whole cores as long as there are any.
    """
    if sys.platform == "linux":
        allowed = sorted(os.sched_getaffinity(0))
        return cores_first(allowed, {cpu: _siblings(cpu) for cpu in allowed})
    if sys.platform == "win32":
        import psutil

        allowed = sorted(psutil.Process().cpu_affinity())
        cores = psutil.cpu_count(logical=False)
        return cores_first(allowed, _pairs(allowed, cores, psutil.cpu_count()))
    return list(range(os.cpu_count() or 1))


def cores_first(cpus: Iterable[int], siblings: Mapping[int, frozenset[int]]) -> list[int]:
    """``cpus`` ordered by their rank among the ``siblings`` of their core, then by number."""
    cpus = list(cpus)

    def rank(cpu: int) -> int:
        return sum(other < cpu for other in siblings.get(cpu, ()) if other in cpus)

    return sorted(cpus, key=lambda cpu: (rank(cpu), cpu))


def parse_cpu_list(text: str) -> frozenset[int]:
    """``0-2,8`` as {0, 1, 2, 8}: the list format of man 7 cpuset. ValueError for others."""
    found: set[int] = set()
    for part in text.strip().split(","):
        first, _, last = part.partition("-")
        found.update(range(int(first), int(last or first) + 1))
    return frozenset(found)


def _siblings(cpu: int) -> frozenset[int]:
    try:
        with open(_SIBLINGS.format(cpu), encoding="ascii") as file:
            return parse_cpu_list(file.read())
    except (OSError, ValueError):
        return frozenset({cpu})


def _pairs(
    cpus: Iterable[int], cores: int | None, threads: int | None
) -> dict[int, frozenset[int]]:
    """Siblings on Windows, which numbers those of a core in a row.

    With cores of two kinds, some of one thread, nobody tells us which belong together.
    """
    if cores is None or threads != 2 * cores:
        return {}
    return {cpu: frozenset({cpu & ~1, cpu | 1}) for cpu in cpus}

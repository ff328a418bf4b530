"""How much to measure."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

SETTLE = 2.0
"""Seconds that QM lets a drop rest, as it comes; a folder prepared earlier starts at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Sizes of all benchmarks; times are in seconds."""

    where: Path
    """An empty folder for everything that the benchmarks make."""
    jobs: int = 1000
    """No-op jobs of one drain."""
    slots: int = 2
    repeat: int = 3
    drops: int = 100
    """Single drops, one after the other, for a latency."""
    sizes: tuple[int, ...] = (0, 1_000, 10_000)
    """Jobs waiting (and ended, where that matters): how a figure grows."""
    idle_for: float = 20.0
    count_syncs: bool = True
    synced_jobs: int = 100
    """Jobs of the slow run under strace that counts syncs."""
    minutes: float = 10.0
    """Of steady load."""
    ended: int = 10_000
    """Jobs that have ended before it, and folders of ended jobs that stay; 0: all of them stay."""
    bulk: int = 100_000
    """Jobs waiting, and as many ended, of the largest queue."""
    bulk_restarts: int = 1


def plan_of(
    where: Path,
    *,
    quick: bool = False,
    jobs: int | None = None,
    slots: int = 2,
    repeat: int | None = None,
    count_syncs: bool = True,
    minutes: float | None = None,
    ended: int | None = None,
    bulk: int | None = None,
) -> Plan:
    """The full plan, or with ``quick`` one that only shows that everything works."""
    if quick:
        return Plan(
            where=where,
            jobs=jobs or 30,
            slots=slots,
            repeat=repeat or 1,
            drops=5,
            sizes=(0, 60),
            idle_for=2.0,
            count_syncs=count_syncs,
            synced_jobs=6,
            minutes=minutes or 0.05,
            ended=60 if ended is None else ended,
            bulk=bulk or 60,
            bulk_restarts=repeat or 1,
        )
    return Plan(
        where=where,
        jobs=jobs or 1000,
        slots=slots,
        repeat=repeat or 3,
        count_syncs=count_syncs,
        minutes=minutes or 10.0,
        ended=10_000 if ended is None else ended,
        bulk=bulk or 100_000,
        bulk_restarts=repeat or 1,
    )

"""How much of the page to measure."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from bench.plan import Plan

MIB = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class WebPlan:
    """Sizes of all figures of the page; times are in seconds."""

    where: Path
    """An empty folder for everything that is made."""
    ended: int = 100_000
    waiting: int = 150
    requests: int = 200
    """Of one page, one after the other."""
    changed: int = 12
    """Of these, after a change of the queue: nothing that was kept can be told again."""
    visits: int = 5
    """By a browser."""
    changes: int = 30
    """Jobs that start and end while a browser looks."""
    polls: int = 5
    """The same where the browser cannot follow the events."""
    browsers: int = 50
    listen_for: float = 20.0
    log_bytes: int = 1024 * MIB
    rounds: int = 5
    """Of what is done with a large log."""
    idle_for: float = 20.0


def web_plan(plan: Plan) -> WebPlan:
    """The sizes for a plan of all benchmarks; a small one only shows that everything works."""
    if max(plan.sizes) >= 10_000:
        return WebPlan(where=plan.where)
    return WebPlan(
        where=plan.where,
        ended=600,
        waiting=20,
        requests=10,
        changed=2,
        visits=1,
        changes=2,
        polls=1,
        browsers=14,
        listen_for=3.0,
        log_bytes=2 * MIB,
        rounds=2,
        idle_for=6.0,
    )

"""What QM costs while nothing happens."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import psutil

from bench.gate import Pipe
from bench.plan import Plan
from bench.queue import Queue, Usage, cpu_seconds, queue_in
from bench.report import Section
from bench.series import Series, shown
from bench.tables import Table
from bench.waiting import wait_for, wait_seconds

DEFINITION = """
CPU time of the manager and of all its supervisors while nothing happens, as a share of one
processor, and resident memory at the end of that time (of the largest supervisor). With jobs
waiting: they are accepted, and jobs that sleep hold all slots. The time begins when acceptance
is over and the manager has come to rest.
"""

_CALM_WINDOW = 0.5
_CALM_LIMIT = 30.0


@dataclass(frozen=True, slots=True)
class Target:
    """What idling may cost: percent of one processor, megabytes."""

    cpu: float
    manager: float
    supervisor: float = 15.0


EMPTY = Target(cpu=0.3, manager=45.0)
FULL = Target(cpu=1.0, manager=80.0)
FULL_FROM = 10_000
"""Jobs waiting from which on FULL is the target."""


def measure(plan: Plan) -> Section:
    """With each number of jobs waiting."""
    series: list[Series] = []
    rows = []
    for size in plan.sizes:
        figures = _idle(plan, size)
        target = FULL if size >= FULL_FROM else EMPTY
        series += figures
        rows.append((f"{size:,} waiting", *_cells(figures, target)))
    heads = (
        "",
        "CPU %",
        "target",
        "of it manager",
        "manager MB",
        "target",
        "supervisor MB",
        "target",
    )
    table = Table(f"Idle for {plan.idle_for:g} s, {plan.slots} slots", heads, tuple(rows))
    return Section("idle", DEFINITION, (table,), tuple(series))


def _cells(figures: list[Series], target: Target) -> tuple[str, ...]:
    cpu, manager_cpu, manager, supervisor = figures
    return (
        *against(cpu, target.cpu),
        shown(manager_cpu.median),
        *against(manager, target.manager),
        *against(supervisor, target.supervisor),
    )


def against(figure: Series, limit: float) -> tuple[str, str]:
    """The cells of a figure: its median, and whether it is below ``limit``."""
    # Where CPU times come in hundredths of a second, more digits than these are noise.
    verdict = "met" if round(figure.median, 2) < limit else "MISSED"
    return shown(figure.median), f"< {limit:g} {verdict}"


def _idle(plan: Plan, size: int) -> list[Series]:
    folder = plan.where / f"idle{size}"
    with queue_in(folder, plan.slots) as queue, Pipe(folder) as gate:
        queue.start()
        _fill(queue, gate, plan.slots, size)
        figures = at_rest(queue, f"{size:,} waiting", plan.idle_for)
        queue.stop()
    return figures


def at_rest(
    queue: Queue, name: str, idle_for: float, calm_within: float = _CALM_LIMIT
) -> list[Series]:
    """Wait until the manager has come to rest, and see what it costs for ``idle_for`` seconds:
    CPU of all, CPU of the manager, memory of the manager, memory of the largest supervisor.
    TookTooLongError where it does not come to rest in time.
    """
    _wait_calm(queue, calm_within)
    before, began = _worked(queue), time.perf_counter()
    wait_seconds(idle_for)
    worked = {kind: now - before[kind] for kind, now in _worked(queue).items()}
    seconds = time.perf_counter() - began
    manager = worked["manager"] / seconds * 100
    both = manager + worked["supervisor"] / seconds * 100
    after = queue.usage()
    return [
        Series(f"{name}, CPU of manager and supervisors", "%", (both,)),
        Series(f"{name}, CPU of the manager", "%", (manager,)),
        Series(f"{name}, manager memory", "MB", (after.manager_memory / 1e6,)),
        Series(f"{name}, supervisor memory", "MB", (after.supervisor_memory / 1e6,)),
    ]


def _worked(queue: Queue) -> dict[str, float]:
    """Seconds of processor time of all threads of each kind of process, so far."""
    return {kind: sum(map(_seconds_of, found)) for kind, found in queue.processes().items()}


def _seconds_of(process: psutil.Process) -> float:
    """To the nanosecond where the scheduler tells. The usual times are counted in ticks: of what
    wakes for a moment now and then, these meet too much or nothing.
    """
    try:
        threads = list(Path(f"/proc/{process.pid}/task").iterdir())
        return sum(int((one / "schedstat").read_text().split()[0]) for one in threads) / 1e9
    except (OSError, ValueError, IndexError):
        return cpu_seconds(process)


def _fill(queue: Queue, gate: Pipe, slots: int, size: int) -> None:
    if not size:
        return
    holders = queue.stage("gate", slots, gate.hold_script)
    waiting = queue.stage("job", size, "true")
    queue.wait_rested()
    queue.move_in(holders)
    queue.wait_running(holders)
    queue.move_in(waiting)
    queue.wait_accepted(waiting)


def _cpu(usage: Usage) -> float:
    return usage.manager_cpu + usage.supervisor_cpu


def _wait_calm(queue: Queue, limit: float) -> None:
    """Until manager and supervisors use little for a while: what came is digested."""

    def calm() -> bool:
        before = _cpu(queue.usage())
        wait_seconds(_CALM_WINDOW)
        return _cpu(queue.usage()) - before < 0.02

    wait_for("the manager comes to rest", calm, limit)

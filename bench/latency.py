"""How long it takes from a rename into QM_qJobs to the script's first instruction."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

from bench.gate import Pipe
from bench.plan import Plan
from bench.queue import Queue, queue_in
from bench.report import Section
from bench.series import Series, ratios, shown
from bench.tables import Table

DEFINITION = """
From just before rename(2) of a complete folder, older than Settle, into QM_qJobs, to the
script's first instruction, one drop at a time, with a slot free and the last job done. The
script's first instruction writes to a named pipe on which the benchmark waits: both ends are
read from one monotonic clock, and the figure is too large by the waking of the reader.

sh alone: the same script started by Python's subprocess, in turn with the drops.

With jobs waiting: one slot is held, and the jobs that wait need all slots, so that none of them
can start; a drop needs one slot and is the next to start.
"""

HEAR_LIMIT = 30.0


def measure(plan: Plan) -> Section:
    """Drops with each number of jobs waiting."""
    series: list[Series] = []
    rows = []
    for size in plan.sizes:
        drops, alone = _drops(plan, plan.where / f"latency{size}", size)
        ratio = ratios(f"{drops.name}, x sh alone", drops.values, alone.values)
        series += [drops, alone, ratio]
        rows += [_row(drops, shown(ratio.median)), _row(alone, "")]
    heads = ("", "median ms", "p95 ms", "max ms", "min ms", "x sh alone")
    table = Table(f"{plan.drops} drops each", heads, tuple(rows))
    return Section("latency", DEFINITION, (table,), tuple(series))


def _row(one: Series, ratio: str) -> tuple[str, ...]:
    figures = (one.median, one.percentile(95), one.high, one.low)
    return (one.name, *(shown(figure) for figure in figures), ratio)


def _drops(plan: Plan, folder: Path, size: int) -> tuple[Series, Series]:
    slots = max(plan.slots, 2)
    dropped, started = [], []
    with queue_in(folder, slots) as queue, Pipe(folder) as gate, Pipe(folder) as call:
        queue.start()
        _fill(queue, gate, slots, size)
        folders = queue.stage("drop", plan.drops, call.call_script, priority=1)
        queue.wait_rested()
        for one in folders:
            dropped.append(_drop(queue, one, call))
            started.append(_start(call))
        queue.stop()
    name = f"mv to start, {size:,} waiting"
    return (
        Series(name, "ms", tuple(dropped)),
        Series(f"sh alone, {size:,} waiting", "ms", tuple(started)),
    )


def _fill(queue: Queue, gate: Pipe, slots: int, size: int) -> None:
    if not size:
        return
    holders = queue.stage("gate", 1, gate.hold_script)
    waiting = queue.stage("wide", size, "true", nb_proc=slots)
    queue.wait_rested()
    queue.move_in(holders)
    queue.wait_running(holders)
    queue.move_in(waiting)
    queue.wait_accepted(waiting)


def _drop(queue: Queue, folder: Path, call: Pipe) -> float:
    target = queue.root / "QM_qJobs" / folder.name
    began = time.perf_counter()
    os.rename(folder, target)
    call.hear(HEAR_LIMIT)
    taken = time.perf_counter() - began
    queue.wait_done([folder])
    return taken * 1000


def _start(call: Pipe) -> float:
    began = time.perf_counter()
    process = subprocess.Popen(["sh", "-c", call.call_script])
    call.hear(HEAR_LIMIT)
    taken = time.perf_counter() - began
    process.wait()
    return taken * 1000

"""How long it takes from `qm submit` to the script's first instruction."""

from __future__ import annotations

import time
from pathlib import Path

from bench.gate import Pipe
from bench.latency import HEAR_LIMIT
from bench.plan import Plan
from bench.queue import Queue, queue_in
from bench.report import Section
from bench.series import Series, interleave, shown
from bench.tables import Table

DEFINITION = """
From just before the start of `qm submit FOLDER` to the script's first instruction (told by a
named pipe, one monotonic clock), one at a time, with a slot free and the last job done.

qm --version: the same command line that only starts Python and says its version, in turn with
the submissions. Without the start: submit to start less the `qm --version` of the same turn.

submit returns: until `qm submit` has ended; it says the job's id when the manager has accepted.

Many at once: one `qm submit --hold` with a small folder for each job, from its start to its end,
with a manager that accepts them meanwhile; the same with no manager: staged, synced and committed.
"""


def measure(plan: Plan) -> Section:
    """Submissions, each beside a start of the command alone."""
    with queue_in(plan.where / "submit", plan.slots) as queue, Pipe(plan.where) as call:
        queue.start()
        (source,) = queue.stage("submitted", 1, call.call_script)
        count = max(plan.drops // 4, 3)
        turns = interleave(
            {"submit": lambda: _submit(queue, source, call), "alone": lambda: _alone(queue)}, count
        )
        queue.stop()
    started = [start for start, _ in turns["submit"]]
    alone = [start for start, _ in turns["alone"]]
    pairs = zip(started, alone, strict=True)
    series = (
        _ms("submit to start", started),
        _ms("qm --version", alone),
        _ms("submit to start, without the start", [s - a for s, a in pairs]),
        _ms("submit returns", [returned for _, returned in turns["submit"]]),
    )
    rows = tuple(_row(one) for one in series)
    heads = ("", "median ms", "p95 ms", "max ms", "min ms")
    single = Table(f"{count} submissions", heads, rows)
    many = _many(plan)
    lines = tuple((one.name, one.spread(), shown(plan.jobs / one.median)) for one in many)
    bulk = Table(f"{plan.jobs} folders with one command", ("", "seconds", "folders/s"), lines)
    return Section("submit", DEFINITION, (single, bulk), (*series, *many))


def _many(plan: Plan) -> tuple[Series, ...]:
    """Seconds to submit many folders with one command, round by round."""
    taken: dict[str, list[float]] = {"many at once": [], "many, no manager": []}
    for number in range(plan.repeat):
        for name, seconds in taken.items():
            folder = plan.where / f"{name.replace(' ', '-')}-{number}"
            with queue_in(folder, plan.slots) as queue:
                folders = queue.stage("many", plan.jobs, "true")
                if name == "many at once":
                    queue.start()
                seconds.append(queue.run("submit", "--hold", *map(str, folders)))
                queue.stop()
    return tuple(Series(name, "s", tuple(seconds)) for name, seconds in taken.items())


def _row(one: Series) -> tuple[str, ...]:
    figures = (one.median, one.percentile(95), one.high, one.low)
    return (one.name, *(shown(figure) for figure in figures))


def _ms(name: str, seconds: list[float]) -> Series:
    return Series(name, "ms", tuple(value * 1000 for value in seconds))


def _submit(queue: Queue, source: Path, call: Pipe) -> tuple[float, float]:
    """Seconds to the first instruction, and to the end of the command."""
    began = time.perf_counter()
    command = queue.begin("submit", str(source))
    call.hear(HEAR_LIMIT)
    started = time.perf_counter() - began
    queue.finish(command)
    returned = time.perf_counter() - began
    queue.wait_idle()
    return started, returned


def _alone(queue: Queue) -> tuple[float, float]:
    taken = queue.run("--version")
    return taken, taken

"""How long a start and a restart take with many jobs waiting and as many ended."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from bench.ended import make_ended
from bench.gate import Pipe
from bench.plan import Plan
from bench.queue import DONE, LIMIT, Queue, queue_in
from bench.report import Section
from bench.series import Series, interleave
from bench.tables import Table
from bench.waiting import wait_for
from qm.index import remove_index

DEFINITION = """
N jobs wait and N have ended (their folders and records are made, not run). Seconds from the
start of `qm serve`: until it says that it serves; until the first instruction of the first job;
until the index is complete: it knows all that has ended (looked at once the first job has
started).

first: QM has never seen any of it; all N drops are new.

restart: N accepted jobs wait; the index is there, or was deleted. The two alternate.

qm list: the command from its start to its end, with the manager running, with the jobs of the
last day (`qm list`) and with all of them (`qm list --all`), beside `qm --version`, which only
starts Python.
"""

_HOLDER, _OTHER = 10, 0


@dataclass(frozen=True, slots=True)
class Started:
    """Seconds from the start of the command."""

    serves: float
    first_job: float
    index: float


class Restarts:
    """One queue that is stopped and started again and again."""

    def __init__(self, plan: Plan, folder: Path, queue: Queue, size: int) -> None:
        self._plan = plan
        self._folder = folder
        self._queue = queue
        self._size = size
        self._round = 0
        self._gate = Pipe(folder)
        self._call = Pipe(folder)
        self._holders: list[Path] = []

    def first(self) -> Started:
        """The first start."""
        make_ended(self._queue.root, self._size)
        script = self._call.call_script
        others = self._queue.stage("other", self._size, script, priority=_OTHER)
        self._stage_holders()
        self._queue.wait_rested()
        self._queue.move_in([*self._holders, *others])
        started = self._start()
        self._queue.wait_accepted(others)
        self._queue.wait_running(self._holders)
        return started

    def restart(self, *, keep_index: bool) -> Started:
        """Stop, let the jobs that run end, and start again."""
        queue, last_gate, last_holders = self._queue, self._gate, self._holders
        self._gate = Pipe(self._folder)
        self._stage_holders()
        queue.wait_rested()
        queue.move_in(self._holders)
        queue.wait_accepted(self._holders)
        # A manager that does not know a drop from its acceptance asks for a rest of its own.
        queue.wait_rested()
        queue.stop()
        last_gate.let_go(len(last_holders))
        queue.wait_ended(last_holders)
        last_gate.close()
        self._call.clear()
        if not keep_index:
            remove_index(str(queue.root / ".qm" / "index.sqlite3"))
        started = self._start()
        queue.wait_running(self._holders)
        return started

    def close(self) -> None:
        """Stop; then the jobs that hold the slots may end."""
        self._queue.stop()
        self._gate.close()
        self._call.close()

    def _stage_holders(self) -> None:
        """Jobs that start first, call, and hold the slots, so that the others wait on."""
        self._round += 1
        script = f"{self._call.call_script}; {self._gate.hold_script}"
        name, slots = f"gate{self._round}-", self._plan.slots
        self._holders = self._queue.stage(name, slots, script, priority=_HOLDER)

    def _start(self) -> Started:
        began = time.perf_counter()
        serves = self._queue.start()
        self._call.hear(LIMIT)
        first_job = time.perf_counter() - began
        wait_for("the index is complete", self._index_complete, LIMIT, step=0.05)
        return Started(serves, first_job, time.perf_counter() - began)

    def _index_complete(self) -> bool:
        """True if at least the jobs that had ended before are known."""
        path = self._queue.root / ".qm" / "index.sqlite3"
        query = "SELECT count(*) FROM jobs WHERE place=? AND ended IS NOT NULL"
        try:
            with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as index:
                (count,) = index.execute(query, (DONE,)).fetchone()
        except sqlite3.Error:
            return False
        return bool(count >= self._size)


def measure(plan: Plan) -> Section:
    """All sizes."""
    series: list[Series] = []
    starts, lists = [], []
    for size in plan.sizes:
        found, listed = _measure(plan, size)
        for name, runs in found.items():
            row = _started_series(f"{name}, {size:,} + {size:,}", runs)
            series += row
            starts.append((f"{name}, {size:,} + {size:,}", *(one.spread() for one in row)))
        for name, seconds in listed.items():
            one = Series(f"{name}, {size:,} + {size:,}", "s", tuple(seconds))
            series.append(one)
            lists.append((one.name, one.spread()))
    heads = ("waiting + ended", "serves s", "first job s", "index complete s")
    tables = (
        Table(f"Start and restart, rounds: {plan.repeat}", heads, tuple(starts)),
        Table(f"Listing, rounds: {plan.repeat}", ("waiting + ended", "s"), tuple(lists)),
    )
    return Section("startup", DEFINITION, tables, tuple(series))


def _measure(plan: Plan, size: int) -> tuple[dict[str, list[Started]], dict[str, list[float]]]:
    folder = plan.where / f"startup{size}"
    with queue_in(folder, plan.slots) as queue:
        restarts = Restarts(plan, folder, queue, size)
        try:
            found = {"first": [restarts.first()]}
            again: dict[str, Callable[[], Started]] = {
                "restart with index": lambda: restarts.restart(keep_index=True),
                "restart without index": lambda: restarts.restart(keep_index=False),
            }
            found |= interleave(again, plan.repeat)
            commands: dict[str, Callable[[], float]] = {
                "qm list": lambda: queue.run("list"),
                "qm list --all": lambda: queue.run("list", "--all"),
                "qm --version": lambda: queue.run("--version"),
            }
            return found, interleave(commands, plan.repeat)
        finally:
            restarts.close()


def _started_series(name: str, runs: list[Started]) -> list[Series]:
    return [
        Series(f"{name}: serves", "s", tuple(run.serves for run in runs)),
        Series(f"{name}: first job", "s", tuple(run.first_job for run in runs)),
        Series(f"{name}: index complete", "s", tuple(run.index for run in runs)),
    ]

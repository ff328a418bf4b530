"""How long a start and a restart take with many jobs waiting and as many ended."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Mapping, Sequence
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
started). Manager MB: its resident memory once all drops are accepted and the index is complete.

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
    memory: float
    """Resident megabytes of the manager, once all this is done."""


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
        times = self._start()
        self._queue.wait_accepted(others)
        return self._at_rest(times)

    def all_of_them(self, rounds: int) -> dict[str, list[Started]]:
        """The first start, then so many rounds of restarts."""
        found = {"first": [self.first()]}
        again: dict[str, Callable[[], Started]] = {
            "restart with index": lambda: self.restart(keep_index=True),
            "restart without index": lambda: self.restart(keep_index=False),
        }
        return found | interleave(again, rounds)

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
        return self._at_rest(self._start())

    @property
    def gate(self) -> Pipe:
        """What the jobs that hold the slots wait for."""
        return self._gate

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

    def _start(self) -> tuple[float, float, float]:
        """The times of a start."""
        began = time.perf_counter()
        serves = self._queue.start()
        self._call.hear(LIMIT)
        first_job = time.perf_counter() - began
        wait_for("the index is complete", self._index_complete, LIMIT, step=0.05)
        return serves, first_job, time.perf_counter() - began

    def _at_rest(self, times: tuple[float, float, float]) -> Started:
        self._queue.wait_running(self._holders)
        return Started(*times, self._queue.usage().manager_memory / 1e6)

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
    started: dict[str, list[Started]] = {}
    listed: dict[str, list[float]] = {}
    for size in plan.sizes:
        folder = plan.where / f"startup{size}"
        with queue_in(folder, plan.slots) as queue:
            restarts = Restarts(plan, folder, queue, size)
            try:
                runs = restarts.all_of_them(plan.repeat)
                started |= {f"{name}, {size:,} + {size:,}": got for name, got in runs.items()}
                took = listings(queue, plan.repeat)
                listed |= {f"{name}, {size:,} + {size:,}": got for name, got in took.items()}
            finally:
                restarts.close()
    starting, starts = started_table(started, plan.repeat)
    listing, lists = listed_table(listed, plan.repeat)
    return Section("startup", DEFINITION, (starting, listing), (*starts, *lists))


def listings(queue: Queue, rounds: int) -> dict[str, list[float]]:
    """Seconds of each listing command."""
    commands: dict[str, Callable[[], float]] = {
        "qm list": lambda: queue.run("list"),
        "qm list --all": lambda: queue.run("list", "--all"),
        "qm --version": lambda: queue.run("--version"),
    }
    return interleave(commands, rounds)


def started_table(runs: Mapping[str, Sequence[Started]], rounds: int) -> tuple[Table, list[Series]]:
    """A row for each kind of start, and its figures."""
    series: list[Series] = []
    rows = []
    for name, got in runs.items():
        row = _started_series(name, got)
        rows.append((name, *(one.spread() for one in row)))
        series += row
    heads = ("waiting + ended", "serves s", "first job s", "index complete s", "manager MB")
    return Table(f"Start and restart, rounds: {rounds}", heads, tuple(rows)), series


def listed_table(runs: Mapping[str, Sequence[float]], rounds: int) -> tuple[Table, list[Series]]:
    """A row for each command, and its figures."""
    series = [Series(name, "s", tuple(seconds)) for name, seconds in runs.items()]
    rows = tuple((one.name, one.spread()) for one in series)
    return Table(f"Listing, rounds: {rounds}", ("waiting + ended", "s"), rows), series


def _started_series(name: str, runs: Sequence[Started]) -> list[Series]:
    return [
        Series(f"{name}: serves", "s", tuple(run.serves for run in runs)),
        Series(f"{name}: first job", "s", tuple(run.first_job for run in runs)),
        Series(f"{name}: index complete", "s", tuple(run.index for run in runs)),
        Series(f"{name}: manager memory", "MB", tuple(run.memory for run in runs)),
    ]

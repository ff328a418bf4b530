"""How long `qm list` and its like take with many jobs, and what `qm wait` costs."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import psutil

from bench.filled import filled
from bench.plan import Plan
from bench.report import Section
from bench.series import Series, interleave, shown
from bench.tables import Table
from bench.waiting import wait_seconds
from qm.folders.layout import Layout
from qm.index import Index, reading
from qm.model import State

DEFINITION = """
Seconds from the start of a command to its end, with an index and a history that were filled
without running jobs, and a lock that stands for the manager. Two jobs run; so many wait, and so
many have ended over so many days. `qm --version` is the start of the command alone.

list: piped, everything that waits, runs or ended within 24 hours. list, terminal: the same on a
terminal of 100 columns, which shows at most 200 that wait and 200 that have ended. The others are
piped.

wait: the share of one processor that `qm wait` takes for all that are open, while nothing
happens, and while one of the jobs changes every tenth of a second.
"""

_ON_A_TERMINAL = """
import os, pty, sys
os.environ.update(COLUMNS="100", TERM="xterm")
pty.spawn(sys.argv[1:], lambda terminal: os.read(terminal, 65536))
"""
_COMMANDS = {
    "list": ["list"],
    "list --json": ["list", "--json"],
    "list --state F --limit 20": ["list", "--all", "--state", "F", "--limit", "20"],
    "history --limit 20": ["history", "--limit", "20"],
    "stats": ["stats"],
}
_STARTED = 2.0
"""Seconds in which a command has long been started and read everything once."""


def measure(plan: Plan) -> Section:
    """Each command with each size, in turn; then waiting."""
    full = max(plan.sizes) >= 10_000
    sizes = [(0, 0, 1.0), (10_000, 10_000, 1.0), (0, 100_000, 30.0)] if full else [(30, 30, 1.0)]
    rounds = 9 if full else plan.repeat
    series: list[Series] = []
    tables = []
    for number, (waiting, ended, days) in enumerate(sizes):
        with filled(plan.where / f"looking-{number}", waiting, ended, days) as (layout, _):
            found = _time_commands(layout, rounds)
        title = f"{waiting:,} waiting, {ended:,} ended over {days:g} d: seconds, {rounds} rounds"
        rows = tuple((one.name, *_figures(one)) for one in found)
        tables.append(Table(title, ("", "median", "lowest", "highest"), rows))
        series += [Series(f"{one.name}, {waiting}+{ended}", "s", one.values) for one in found]
    waits = _time_waits(plan, 1000 if full else 30)
    shares = tuple((one.name, shown(one.median)) for one in waits)
    tables.append(Table("qm wait", ("", "% of one processor"), shares))
    return Section("looking", DEFINITION, tuple(tables), (*series, *waits))


def _figures(one: Series) -> tuple[str, str, str]:
    return shown(one.median), shown(one.low), shown(one.high)


def _time_commands(layout: Layout, rounds: int) -> list[Series]:
    commands: dict[str, Callable[[], float]] = {"qm --version": partial(_run, layout, "--version")}
    for name, arguments in _COMMANDS.items():
        commands[name] = partial(_run, layout, *arguments)
        if name == "list":
            commands["list, terminal"] = partial(_run, layout, "list", terminal=True)
    taken = interleave(commands, rounds)
    return [Series(name, "s", tuple(values)) for name, values in taken.items()]


def _command(layout: Layout, *arguments: str) -> list[str]:
    return [sys.executable, "-m", "qm", "--folder", layout.root, *arguments]


def _run(layout: Layout, *arguments: str, terminal: bool = False) -> float:
    before = [sys.executable, "-c", _ON_A_TERMINAL] if terminal else []
    command = [*before, *_command(layout, *arguments)]
    began = time.perf_counter()
    subprocess.run(command, stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL, check=True)
    return time.perf_counter() - began


def _time_waits(plan: Plan, jobs: int) -> tuple[Series, ...]:
    root: Path = plan.where / "looking-wait"
    with filled(root, jobs, 0, 1.0) as (layout, index):
        waiting = subprocess.Popen(_command(layout, "wait"), stderr=subprocess.DEVNULL)
        try:
            process = psutil.Process(waiting.pid)
            wait_seconds(_STARTED)
            quiet = _share(process, lambda: wait_seconds(plan.idle_for / 2))
            busy = _share(process, lambda: _change(index, layout, plan.idle_for / 2))
        finally:
            waiting.terminate()
            waiting.wait()
    return (
        Series(f"{jobs:,} jobs, nothing happens", "%", (quiet,)),
        Series(f"{jobs:,} jobs, ten changes a second", "%", (busy,)),
    )


def _share(process: psutil.Process, pass_time: Callable[[], None]) -> float:
    before, began = sum(process.cpu_times()[:2]), time.perf_counter()
    pass_time()
    spent = sum(process.cpu_times()[:2]) - before
    return 100 * spent / (time.perf_counter() - began)


def _change(index: Index, layout: Layout, seconds: float) -> None:
    """Let a job start, or wait again, ten times a second."""
    with reading(layout.index_file) as reader:
        row = reader.waiting_and_running()[-1]
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        state = State.QUEUED if row.state == State.RUNNING else State.RUNNING
        row = row._replace(state=state.value)
        index.put(row)
        index.flush()
        wait_seconds(0.1)

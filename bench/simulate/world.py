"""A machine with QM on it: managers come and go, scripts run, people act, the power fails."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any

from bench.simulate.beneath import HOST, beneath
from bench.simulate.kept_index import Shelf
from bench.simulate.kernel import NEVER, SECOND, Kernel, Kind, Process
from bench.simulate.scripts import Machine
from bench.simulate.system_calls import SystemCalls
from qm.config import Config
from qm.errors import QMError
from qm.folders.layout import Layout
from qm.model import Place

ROOT = "/qm"
_CONFIG = Config(
    folder=Path(ROOT),
    max_nb_processors=3,
    max_memory=1 << 30,
    nb_gpus=0,
    settle=1.0,
    refuse_after=4.0,
    empty_after=10.0,
    kill_grace=1.5,
    brake=0,
    enforce=frozenset(),
    poll=4.0,
    rescan=10.0,
)


class World:
    """One machine, from its first start to the end of a history."""

    def __init__(self, calls: SystemCalls, kernel: Kernel, machine: Machine, shelf: Shelf) -> None:
        self.calls = calls
        self.kernel = kernel
        self.machine = machine
        self.shelf = shelf
        self.disk = kernel.disk
        self.layout = Layout(ROOT)
        self.manager: Process | None = None
        self.crashes = 0
        self.cuts = 0
        self.layout.create()
        calls.mkdir("/desk")
        self.disk.settle()
        kernel.on_death = self._count_death

    def _count_death(self, process: Process) -> None:
        if process is self.manager:
            self.manager = None
            self.crashes += 1

    def start(self) -> None:
        """Start a manager where none runs."""
        if self.manager is not None:
            return
        process = self.manager = self.kernel.new_process(Kind.MANAGER)

        def serve() -> None:
            try:
                sys.modules["qm.daemon"].serve(_CONFIG, web=False)
            except QMError as error:
                self.kernel.complaints.append(f"the manager does not start: {error.message}")
            self.kernel.kill(process)

        self.kernel.spawn(process, serve, "manager")

    def kill_manager(self) -> None:
        """Kill it where it stands."""
        if self.manager is not None:
            self.kernel.kill(self.manager)
            self.kernel.bury()

    def run(self, seconds: float, turns: int = 1_000_000) -> bool:
        """Let everybody work for so long, or so many turns; False where turns were too few."""
        kernel = self.kernel
        until = kernel.ns + int(seconds * SECOND)
        for _ in range(turns):
            if kernel.power_is_cut:
                self.cut_power()
            if kernel.turn():
                continue
            if kernel.power_is_cut:
                continue
            moment = kernel.next_moment()
            if moment > until or moment >= NEVER:
                kernel.ns = max(kernel.ns, until)
                return True
            kernel.ns = max(kernel.ns, moment)
        return False

    def cut_power(self) -> None:
        """Everything ends, and what was not synced may be undone."""
        self.cuts += 1
        self.manager = None
        self.machine.power_cut()
        self.kernel.cut_power()
        self.shelf.cut(self.kernel.random)

    def names(self, place: Place) -> list[str]:
        """What lies in one of the four folders, in order."""
        try:
            return sorted(self.disk.find(self.layout.place(place)).entries)
        except OSError:
            return []


@contextmanager
def a_world(random: Random) -> Iterator[World]:
    """A machine on which nothing has happened yet; it ends with the context."""
    kernel = Kernel(random)
    machine, shelf = Machine(kernel), Shelf()
    handler = _Complaints(kernel)
    logger = logging.getLogger("qm")
    before = logger.level, logger.propagate, logger.disabled
    logger.setLevel(logging.ERROR)
    logger.propagate = False
    logger.addHandler(handler)
    try:
        with beneath(kernel, machine, shelf) as calls:
            world = World(calls, kernel, machine, shelf)
            yield world
            kernel.spare()
            for process in {one.process: None for one in kernel.strands}:
                if process.alive:
                    kernel.kill(process)
            kernel.bury()
    finally:
        logger.removeHandler(handler)
        logger.level, logger.propagate, logger.disabled = before


class _Complaints(logging.Handler):
    """What QM reports as its own fault."""

    def __init__(self, kernel: Kernel) -> None:
        super().__init__(logging.ERROR)
        self._kernel = kernel

    def emit(self, record: logging.LogRecord) -> None:
        text = record.getMessage()
        if record.exc_info and record.exc_info[1] is not None:
            error: Any = record.exc_info[1]
            text += f": {error!r}"
        self._kernel.complaints.append(text)


__all__ = ["HOST", "ROOT", "World", "a_world"]

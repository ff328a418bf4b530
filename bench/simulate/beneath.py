"""Puts the simulation beneath QM: the modules that its code calls the system by are others.

Each module of QM keeps its code; what it imported as ``os``, ``time``, ``threading``, … is replaced
while the context is entered, and so are the few functions that ask for real processes.
"""

from __future__ import annotations

import importlib
import os
import queue
import secrets
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from types import ModuleType
from typing import Any

from bench.simulate.kept_index import KeptIndex, Shelf, shelf_reading
from bench.simulate.kernel import Kernel, Process
from bench.simulate.primitives import Event, Queues, Secrets, Threading, Threads, Times
from bench.simulate.scripts import (
    Machine,
    SupervisorProcess,
    orders,
    script_process,
    wait_for_process,
)
from bench.simulate.system_calls import SystemCalls
from bench.simulate.whole_files import WholeFiles
from qm.folders.selftest import SelfTest

HOST = "here"
_NEEDED = (
    "qm.daemon", "qm.supervisor.__main__", "qm.control.requests", "qm.effects.bringback",
    "qm.jobinfo.xml", "qm.osops.posix_files",
)  # fmt: skip


class Silent:
    """Stands in for the notifier, the file watchers and the web page: nobody is told."""

    def __init__(self, *arguments: object, **more: object) -> None:
        """Whatever it is made with."""

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *arguments, **more: None


class Watchers:
    """The file events: whoever watches a folder is told of most names that come."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self._of: dict[str, tuple[Process, Callable[[Any], None]]] = {}
        kernel.disk.arrived = self._arrived

    def watch_class(self) -> type:
        """The class that stands in for `qm.watch.Watch`."""
        watchers = self

        class SimulatedWatch:
            trouble = None
            works = wanted = False

            def __init__(self, path: str, changed: Callable[[Any], None]) -> None:
                self._path, self._changed = path, changed

            def start(self) -> None:
                self.works = self.wanted = True
                watchers._of[self._path] = watchers._kernel.current, self._changed

            def supervise(self) -> None:
                """It works on."""

            def stop(self) -> None:
                self.works = self.wanted = False

        return SimulatedWatch

    def _arrived(self, folder: Any, name: str, before: str) -> None:
        for path, (process, changed) in self._of.items():
            if not process.alive or self._kernel.random.random() < 0.1:
                continue
            try:
                watched = self._kernel.disk.find(path) is folder
            except OSError:
                continue
            if watched:
                from qm.watch import Hint

                changed(Hint(name, bool(before)))


_STOOD_IN_FOR = (os, time, threading, queue, secrets)


@cache
def _imports() -> list[tuple[ModuleType, str, ModuleType]]:
    """Where QM's modules hold one of the modules that are replaced: in which, as what, which."""
    for name in _NEEDED:
        importlib.import_module(name)
    return [
        (module, name, value)
        for key, module in sorted(sys.modules.items())
        if key.split(".")[0] == "qm"
        for name, value in vars(module).items()
        if isinstance(value, ModuleType) and value in _STOOD_IN_FOR
    ]


class _Patches:
    """Attributes of modules that are other for a while."""

    def __init__(self) -> None:
        self._before: list[tuple[ModuleType, str, Any, bool]] = []

    def set(self, module: ModuleType, name: str, value: Any) -> None:
        there = name in vars(module)
        self._before.append((module, name, vars(module).get(name), there))
        setattr(module, name, value)

    def undo(self) -> None:
        for module, name, value, there in reversed(self._before):
            if there:
                setattr(module, name, value)
            else:
                delattr(module, name)


@contextmanager
def beneath(kernel: Kernel, machine: Machine, shelf: Shelf) -> Iterator[SystemCalls]:
    """QM's code works on the simulated machine until the context ends."""
    calls = SystemCalls(kernel)
    modules: dict[ModuleType, Any] = {
        os: calls,
        time: Times(kernel),
        threading: Threading(kernel),
        queue: Queues(kernel),
        secrets: Secrets(),
    }
    patches = _Patches()
    try:
        for module, name, value in _imports():
            patches.set(module, name, modules[value])
        _replace_functions(patches, kernel, machine, shelf, calls)
        with Threads(kernel):
            yield calls
    finally:
        patches.undo()


def _replace_functions(
    patches: _Patches, kernel: Kernel, machine: Machine, shelf: Shelf, calls: SystemCalls
) -> None:
    files, watch = WholeFiles(calls), Watchers(kernel).watch_class()

    def started_at(pid: int) -> float | None:
        return float(pid) if _process(kernel, pid) else None

    def wait_for_end(pid: int) -> None:
        process = _process(kernel, pid)
        if process is not None:
            wait_for_process(kernel, process)

    def spawn() -> SupervisorProcess:
        kernel.call(True)
        return SupervisorProcess(kernel, sys.modules["qm.supervisor.__main__"].main)

    def statx(fd: int | None, path: str) -> int:
        return calls.node(path if fd is None else fd).birth

    replaced: dict[str, dict[str, Any]] = {
        "qm.osops.posix_files": {"fcntl": _Fcntl(calls), "_birth_ns": statx},
        "qm.osops.posix_scan": {"_open_for_writing": lambda fd, name: False},
        "qm.history": {"open": files.open, "mmap": files},
        "qm.effects.accept": {"owner_name": lambda status: "anna"},
        "qm.folders.inspect": {"owner_name": lambda status: "anna"},
        "qm.effects.finish": {"end_carriers": machine.end_carriers},
        "qm.effects.lookup": {"reading": shelf_reading(shelf)},
        "qm.effects.reconcile": {"reading": shelf_reading(shelf)},
        "qm.reactor.effects": {"end_carriers": machine.end_carriers},
        "qm.reactor.reactor": {"started_at": started_at, "wait_for_end": wait_for_end},
        # The index is asked less often whether it is lost: that costs most turns of a rest.
        "qm.reactor.looking": {"Watch": watch, "_LOST_EVERY": 5.0},
        "qm.reactor.answering": {"Watch": watch},
        "qm.systems.local": {"started_at": started_at, "_spawn": spawn},
        "qm.supervisor.run": {"ScriptProcess": script_process(machine)},
        "qm.supervisor.__main__": {"Orders": orders(kernel), "stand_alone": lambda: None},
        "qm.daemon": {
            "Index": lambda path: KeptIndex(shelf, Event(kernel)),
            "Notifier": Silent,
            "boot_id": lambda: f"boot {kernel.boot}",
            "socket": _Socket(),
            "self_test": lambda layout: SelfTest(True, False, ()),
            "raise_file_limit": lambda: None,
            "make_python_shim": lambda folder: None,
        },
    }  # fmt: skip
    for module, names in replaced.items():
        for name, value in names.items():
            patches.set(sys.modules[module], name, value)


def _process(kernel: Kernel, pid: int) -> Process | None:
    return next(
        (one.process for one in kernel.strands if one.process.pid == pid and one.process.alive),
        None,
    )


class _Fcntl:
    LOCK_EX = LOCK_NB = 0

    def __init__(self, calls: SystemCalls) -> None:
        self.flock = calls.flock


class _Socket:
    def gethostname(self) -> str:
        return HOST

"""How the machine and QM's folders stand, read every few seconds however many ask."""

from __future__ import annotations

import contextlib
import importlib.metadata
import os
import platform
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from qm import __version__
from qm.checkup.complaints import standing_orders, undelivered, unenforced
from qm.checkup.finding import WARNING, Finding
from qm.config import Config
from qm.folders.layout import Layout
from qm.logfile import log_file, read_since
from qm.model import Place
from qm.names import shown
from qm.notify.journal import read_events
from qm.trash import size_while
from qm.view import View
from qm.view.standing import standing
from web.pages.standing import Machine, Meters, StandingReader
from web.warnings import Failure, Warned, failures_in, warnings_in

LIBRARIES = ("bottle", "waitress", "click", "psutil", "watchdog", "rich", "defusedxml")
_KEEP = 5.0
_TRASH_PATIENCE = 0.2
"""Seconds that may be spent on the size of the trash."""


@dataclass(frozen=True, slots=True)
class Folder:
    """One of the four; ``entries`` is None where it cannot be listed."""

    name: str
    path: str
    entries: int | None


@dataclass(frozen=True, slots=True)
class Trash:
    """What was removed. ``whole``: ``size``, in bytes, is that of all of it, not of a part."""

    entries: int | None
    size: int
    whole: bool


@dataclass(frozen=True, slots=True)
class System:
    """One look at everything."""

    standing: dict[str, Any]
    """As ``qm status --json`` has it, without the jobs."""
    machine: Machine
    folders: tuple[Folder, ...]
    trash: Trash
    history: int | None
    """Bytes; None where there is none."""
    index: int | None
    warnings: tuple[Warned, ...]
    failures: tuple[Failure, ...]
    findings: tuple[Finding, ...]
    """What `qm doctor` warns of, as far as that is found quickly."""


@dataclass
class SystemReader:
    """Looks at most every five seconds. For any thread."""

    layout: Layout
    config: Config
    clock: Callable[[], float] = time.monotonic
    _guard: threading.Lock = field(default_factory=threading.Lock)
    _standing: StandingReader = field(init=False)
    _meters: Meters = field(init=False)
    _known: System | None = None
    _at: float = 0.0

    def __post_init__(self) -> None:
        self._standing = StandingReader(self.layout)
        self._meters = Meters(self.layout)

    def read(self) -> System:
        """What there is, at most five seconds old."""
        with self._guard:
            if self._known is None or self.clock() - self._at >= _KEEP:
                self._known = self._look()
                self._at = self.clock()
            return self._known

    def _look(self) -> System:
        layout, found = self.layout, self._standing.read()
        return System(
            standing=standing(layout, self.config, View(found.running, found.manager_runs)),
            machine=self._meters.machine(),
            folders=tuple(
                Folder(place.value, shown(layout.place(place)), count_entries(layout.place(place)))
                for place in Place
            ),
            trash=trash_of(layout.trash, self.clock),
            history=_size(layout.history_file),
            index=_size(layout.index_file),
            warnings=tuple(warnings_in(read_since(log_file(layout.own), 0))),
            failures=tuple(failures_in(_events(layout.events_file))),
            findings=tuple(findings_in(self.config, layout)),
        )


def findings_in(config: Config, layout: Layout) -> list[Finding]:
    """What is odd in orders, notices and limits; the rest of `qm doctor` reads every job."""
    found: list[Finding] = []
    for look in (standing_orders, undelivered, unenforced):
        # Without a folder, or where it cannot be read, the page says so elsewhere.
        with contextlib.suppress(OSError):
            found += look(config, layout)
    return [finding for finding in found if finding.grade == WARNING]


def count_entries(folder: str) -> int | None:
    """How many entries lie in a folder, hidden ones left out; None where it cannot be listed."""
    try:
        with os.scandir(folder) as entries:
            return sum(not entry.name.startswith(".") for entry in entries)
    except OSError:
        return None


def trash_of(folder: str, clock: Callable[[], float]) -> Trash:
    """The trash; its size as far as it is found in a fifth of a second."""
    entries = count_entries(folder)
    until = clock() + _TRASH_PATIENCE
    size, whole = size_while(folder, lambda: clock() < until) if entries else (0, True)
    return Trash(entries, size, whole)


@cache
def versions() -> tuple[tuple[str, str], ...]:
    """Of QM, Python and the system, and of the libraries that are installed."""
    found = [("QM", __version__), ("Python", platform.python_version())]
    for name in LIBRARIES:
        try:
            found.append((name, importlib.metadata.version(name)))
        except importlib.metadata.PackageNotFoundError:
            found.append((name, "not installed"))
    return (*found, ("System", platform.platform()))


def _events(path: str) -> list[dict[str, Any]]:
    try:
        return read_events(path)
    except OSError:
        return []


def _size(path: str) -> int | None:
    try:
        return os.path.getsize(path)
    except OSError:
        return None

"""The jobs of the folder and its manager, read as often as it costs little."""

from __future__ import annotations

import json
import os
import sqlite3
import time
from dataclasses import dataclass
from typing import Any

from qm.control.managerlock import manager_runs, manager_says
from qm.dashboard.snapshot import Manager
from qm.folders.layout import Layout
from qm.index import IndexReader, reading
from qm.model import ACTIVE_STATES, State
from qm.view import Entry, Query, load
from qm.view.entries import order_of_start

WAITING = 200
"""How many of the waiting jobs are shown."""
RECENT = 50
"""How many of the ended jobs are shown."""
_SPARE = 10.0
"""Reading the jobs takes at most one part in this of the time."""
_LONGEST_PAUSE = 30.0
_STALE = 10.0


@dataclass(frozen=True, slots=True)
class Jobs:
    """All that runs, what starts next and what ended last; the manager and what it may use."""

    manager: Manager | None
    processors: int | None
    gpus: int | None
    running: tuple[Entry, ...]
    waiting: tuple[Entry, ...]
    more_waiting: int
    """Those that start after the ones in ``waiting``."""
    recent: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class _Facts:
    started: float | None = None
    processors: int | None = None
    gpus: int | None = None
    obstacle: str | None = None


class JobsReader:
    """Reads again what has changed. For one thread."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._read: Jobs | None = None
        self._wanted = ""
        self._stamp: object = None
        self._not_before = self._stale_at = 0.0

    def read(self, part: str = "") -> Jobs:
        """The jobs with this part in their names, whatever its case."""
        runs = manager_runs(self._layout)
        stamp = self._stamp_now() if runs else None
        mono = time.monotonic()
        known = self._read
        if known is not None and part == self._wanted and runs == (known.manager is not None):
            unchanged = stamp is not None and stamp == self._stamp and mono < self._stale_at
            if unchanged or mono < self._not_before:
                return known
        self._read = self._load(runs, part)
        self._wanted, self._stamp = part, stamp
        done = time.monotonic()
        self._not_before = done + min(_SPARE * (done - mono), _LONGEST_PAUSE)
        self._stale_at = done + _STALE
        return self._read

    def hurry(self) -> None:
        """Read what has changed the next time, whatever it costs."""
        self._not_before = 0.0

    def _stamp_now(self) -> tuple[tuple[int, int, int] | None, ...]:
        """Changes with each transaction of the manager."""
        return tuple(_stamp_of(self._layout.index_file + suffix) for suffix in ("", "-wal"))

    def _load(self, runs: bool, part: str) -> Jobs:
        facts = _facts_in(self._layout) if runs else _Facts()
        manager = None
        if runs:
            manager = Manager(facts.started, manager_says(self._layout), facts.obstacle)
        view = load(self._layout, None, Query(names=_containing(part), brief=WAITING))
        ended = [entry for entry in view.entries if entry.ended is not None]
        still_open = [entry for entry in view.entries if entry.ended is None]
        active = [entry for entry in still_open if entry.state in ACTIVE_STATES]
        waiting = [entry for entry in still_open if entry.state not in ACTIVE_STATES]
        return Jobs(
            manager=manager,
            processors=facts.processors,
            gpus=facts.gpus,
            running=tuple(sorted(active, key=lambda entry: (entry.started or "", entry.id or 0))),
            waiting=tuple(sorted(waiting, key=_start_order)),
            more_waiting=view.more_waiting,
            recent=tuple(sorted(ended, key=_end_order, reverse=True)[:RECENT]),
        )


def _start_order(entry: Entry) -> tuple[object, ...]:
    """Those that may start before held ones."""
    return entry.id is None, entry.state != State.QUEUED, order_of_start(entry)


def _end_order(entry: Entry) -> tuple[str, int]:
    return entry.ended or "", entry.id or 0


def _containing(part: str) -> tuple[str, ...]:
    """The pattern of names with this part; none for an empty one."""
    letters = (
        f"[{letter.lower()}{letter.upper()}]" if letter.isalpha() else f"[{letter}]"
        for letter in part
    )
    return (f"*{''.join(letters)}*",) if part else ()


def _facts_in(layout: Layout) -> _Facts:
    try:
        with reading(layout.index_file) as index:
            return _facts(index)
    except sqlite3.Error:
        return _Facts()  # The manager makes it anew.


def _facts(index: IndexReader) -> _Facts:
    manager, capacity = _object(index.fact("manager")), _object(index.fact("capacity"))
    return _Facts(
        started=_number(manager.get("started")),
        processors=_count(capacity.get("processors")),
        gpus=_count(capacity.get("gpus")),
        obstacle=index.fact("obstacle") or None,
    )


def _object(text: str | None) -> dict[str, Any]:
    try:
        value = json.loads(text or "{}")
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None


def _count(value: object) -> int | None:
    return value if isinstance(value, int) else None


def _stamp_of(path: str) -> tuple[int, int, int] | None:
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns

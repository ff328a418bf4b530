"""The jobs of the folder and its manager, read as often as it costs little."""

from __future__ import annotations

import json
import os
import sqlite3
import time
from dataclasses import dataclass
from typing import Any

from qm.control.client import manager_runs, manager_says
from qm.dashboard.snapshot import Manager
from qm.folders.layout import Layout
from qm.index import IndexReader, reading
from qm.model import ACTIVE_STATES, State
from qm.times import utc_text
from qm.view import Entry, load
from qm.view.entries import entry_of

RECENT = 50
"""How many ended jobs are shown."""
_RECENTLY = 24 * 3600.0
_SPARE = 10.0
"""Reading the jobs takes at most one part in this of the time."""
_LONGEST_PAUSE = 30.0
_STALE = 10.0


@dataclass(frozen=True, slots=True)
class Jobs:
    """All that is open, and what ended last; the manager and what it may use."""

    manager: Manager | None
    processors: int | None
    gpus: int | None
    running: tuple[Entry, ...]
    waiting: tuple[Entry, ...]
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
        self._stamp: object = None
        self._not_before = self._stale_at = 0.0

    def read(self, now: float) -> Jobs:
        """The jobs at ``now``, in seconds since the epoch."""
        runs = manager_runs(self._layout)
        stamp = self._stamp_now() if runs else None
        mono = time.monotonic()
        known = self._read
        if known is not None and runs == (known.manager is not None):
            unchanged = stamp is not None and stamp == self._stamp and mono < self._stale_at
            if unchanged or mono < self._not_before:
                return known
        self._read = self._load(now, runs)
        self._stamp = stamp
        done = time.monotonic()
        self._not_before = done + min(_SPARE * (done - mono), _LONGEST_PAUSE)
        self._stale_at = done + _STALE
        return self._read

    def _stamp_now(self) -> tuple[tuple[int, int, int] | None, ...]:
        """Changes with each transaction of the manager."""
        return tuple(_stamp_of(self._layout.index_file + suffix) for suffix in ("", "-wal"))

    def _load(self, now: float, runs: bool) -> Jobs:
        if not runs:
            view = load(self._layout, utc_text(now - _RECENTLY))
            return _jobs(None, _Facts(), view.entries)
        holder = manager_says(self._layout)
        view = load(self._layout, utc_text(now))
        facts = _Facts()
        recent: tuple[Entry, ...] = ()
        try:
            with reading(self._layout.index_file) as index:
                facts = _facts(index)
                # Read last: a job that has just ended is seen twice then, not never.
                recent = _recent(index, self._layout)
        except sqlite3.Error:
            pass  # The manager makes it anew.
        ended = {entry.id for entry in recent}
        still_open = tuple(entry for entry in view.entries if entry.id not in ended)
        manager = Manager(facts.started, holder, facts.obstacle)
        return _jobs(manager, facts, (*still_open, *recent))


def _jobs(manager: Manager | None, facts: _Facts, entries: tuple[Entry, ...]) -> Jobs:
    ended = [entry for entry in entries if entry.ended is not None]
    still_open = [entry for entry in entries if entry.ended is None]
    active = [entry for entry in still_open if entry.state in ACTIVE_STATES]
    waiting = [entry for entry in still_open if entry.state not in ACTIVE_STATES]
    return Jobs(
        manager=manager,
        processors=facts.processors,
        gpus=facts.gpus,
        running=tuple(sorted(active, key=lambda entry: (entry.started or "", entry.id or 0))),
        waiting=tuple(sorted(waiting, key=_start_order)),
        recent=tuple(sorted(ended, key=_end_order, reverse=True)[:RECENT]),
    )


def _start_order(entry: Entry) -> tuple[bool, bool, int, int, str]:
    """Those that may start first, held ones behind, and last what is no job yet."""
    held = entry.state != State.QUEUED
    return entry.id is None, held, -(entry.priority or 0), entry.id or 0, entry.submitted or ""


def _end_order(entry: Entry) -> tuple[str, int]:
    return entry.ended or "", entry.id or 0


def _recent(index: IndexReader, layout: Layout) -> tuple[Entry, ...]:
    rows = index.rows("ended IS NOT NULL", tail=f"ORDER BY ended DESC LIMIT {RECENT}")
    return tuple(entry_of(row, layout) for row in rows)


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

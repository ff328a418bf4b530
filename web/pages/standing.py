"""How the queue stands: what runs and waits, the manager, the machine; read once for all pages."""

from __future__ import annotations

import shutil
import sqlite3
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from qm.control.managerlock import manager_runs
from qm.dashboard.activity import ActivityReader
from qm.dashboard.snapshot import Activity
from qm.folders.layout import Layout
from qm.index import reading
from qm.model import ACTIVE_STATES, Reason
from qm.osops.usage import MachineUsage, machine_usage, tree_usage
from qm.view import Entry, Query, load
from qm.view.by_index import view_by_index
from qm.view.entries import Limits, order_of_start
from qm.view.load import trusted_facts
from web.pages.stamp import Stamp, stamp_of

WAITING = 100
"""How many of the waiting jobs are shown; the others are counted."""
_NEVER = "9999-12-31T23:59:59.999Z"
"""Nothing has ended since then: ended jobs are read a page at a time."""
_SPARE = 10.0
"""Reading takes at most one part in this of the time."""
_LONGEST_PAUSE = 30.0
_STALE = 10.0
"""Seconds after which expected starts are computed anew though nothing has changed."""
_MEASURE_EVERY = 2.0


@dataclass(frozen=True, slots=True)
class Standing:
    """What has not ended, and who serves it."""

    manager_runs: bool
    obstacle: Reason | None
    """Why nothing is started; None where nothing is in the way."""
    processors: int | None
    """That QM may use; None where nobody tells."""
    running: tuple[Entry, ...]
    waiting: tuple[Entry, ...]
    more_waiting: int
    ended: tuple[Entry, ...] | None
    """All of them, where they had to be read from the folders; None: the index has them."""
    newer_in: float = 0.0
    """Seconds after which a newer one can be read, where something has changed since then, which
    nobody will tell again; 0 where this is the newest.
    """


@dataclass(frozen=True, slots=True)
class Machine:
    """What is in use of this machine."""

    usage: MachineUsage
    disk_free: int | None
    """Bytes, where QM_FOLDER lies; None where it is not there."""
    disk_total: int | None


class StandingReader:
    """Reads again what has changed. For any thread; one at a time reads, the others wait."""

    def __init__(self, layout: Layout, clock: Callable[[], float] = time.monotonic) -> None:
        self._layout = layout
        self._clock = clock
        self._guard = threading.Lock()
        self._known: dict[bool, _Known] = {}

    def read(self, *, whole: bool = False) -> Standing:
        """The standing; ``whole``: with all that wait, not only those that start first."""
        with self._guard:
            runs = manager_runs(self._layout)
            stamp = stamp_of(self._layout.index_file) if runs else None
            began = self._clock()
            known = self._known.get(whole)
            if known is not None and known.holds(runs, stamp, began):
                if known.is_of(stamp):
                    return known.standing
                return replace(known.standing, newer_in=known.not_before - began)
            standing = self._load(runs, whole)
            done = self._clock()
            pause = min(_SPARE * (done - began), _LONGEST_PAUSE)
            self._known[whole] = _Known(standing, stamp, done + pause, done + _STALE)
            return standing

    def _load(self, runs: bool, whole: bool) -> Standing:
        brief = None if whole else WAITING
        if runs:
            try:
                return self._by_index(Query(brief=brief)) or self._by_folders(runs)
            except sqlite3.Error:
                pass  # Deleted or damaged: the manager makes it anew.
        return self._by_folders(runs)

    def _by_index(self, query: Query) -> Standing | None:
        with reading(self._layout.index_file) as index, index.snapshot():
            facts = trusted_facts(index, self._layout)
            if facts is None:
                return None
            view = view_by_index(index, self._layout, facts, _NEVER, query, time.time())
        return _standing(view.entries, True, facts, view.more_waiting, by_index=True)

    def _by_folders(self, runs: bool) -> Standing:
        view = load(self._layout, None)
        return _standing(view.entries, runs, None, 0, by_index=False)


@dataclass(frozen=True, slots=True)
class _Known:
    standing: Standing
    stamp: Stamp | None
    not_before: float
    stale_at: float

    def holds(self, runs: bool, stamp: Stamp | None, now: float) -> bool:
        if runs != self.standing.manager_runs:
            return False
        return (self.is_of(stamp) and now < self.stale_at) or now < self.not_before

    def is_of(self, stamp: Stamp | None) -> bool:
        return stamp is not None and stamp == self.stamp


def _standing(
    entries: tuple[Entry, ...], runs: bool, facts: Limits | None, more: int, *, by_index: bool
) -> Standing:
    running = [entry for entry in entries if entry.state in ACTIVE_STATES]
    waiting = [e for e in entries if e.ended is None and e.state not in ACTIVE_STATES]
    ended = tuple(entry for entry in entries if entry.ended is not None)
    return Standing(
        manager_runs=runs,
        obstacle=None if facts is None else facts.obstacle,
        processors=None if facts is None else facts.capacity.processors,
        running=tuple(sorted(running, key=lambda e: (e.started or "", e.id or 0))),
        waiting=tuple(sorted(waiting, key=order_of_start)),
        more_waiting=more,
        ended=None if by_index else ended,
    )


@dataclass
class Meters:
    """What running jobs and the machine use, measured at most every other second."""

    layout: Layout
    clock: Callable[[], float] = time.monotonic
    _guard: threading.Lock = field(default_factory=threading.Lock)
    _reader: ActivityReader = field(init=False)
    _machine: Machine | None = None
    _machine_at: float = 0.0

    def __post_init__(self) -> None:
        self._reader = ActivityReader(self.layout, tree_usage)

    def activity(self, running: tuple[Entry, ...]) -> Mapping[str, Activity]:
        """What each of them does, by :func:`qm.dashboard.snapshot.key_of`."""
        with self._guard:
            return self._reader.read(running)

    def machine(self) -> Machine:
        """Processors, memory and disk."""
        with self._guard:
            now = self.clock()
            if self._machine is None or now - self._machine_at >= _MEASURE_EVERY:
                self._machine = Machine(machine_usage(), *_disk(self.layout.root))
                self._machine_at = now
            return self._machine


def _disk(root: str) -> tuple[int | None, int | None]:
    try:
        usage = shutil.disk_usage(root)
    except OSError:
        return None, None
    return usage.free, usage.total

"""What running jobs do: the progress that their logs tell, and what their processes use."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from qm.dashboard.logtail import Stamp, read_tail
from qm.dashboard.snapshot import Activity, key_of
from qm.folders.layout import Layout
from qm.jobdir import StartRecord, read_records
from qm.jobfiles import LOG
from qm.progress import READ, Progress, read_progress
from qm.view import Entry, locate

_SPARE = 50.0
"""Counting what processes use takes at most one part in this of the time."""
_USUAL_PAUSE = 2.0


class TreeUsage(Protocol):
    """What the processes of one job use."""

    @property
    def cpu_seconds(self) -> float:
        """Of all that live, since each began."""

    @property
    def memory(self) -> int:
        """Bytes."""


ReadTree = Callable[[int, str], TreeUsage | None]
"""From the pid of a supervisor and the job's token; None where it has gone."""


@dataclass(slots=True)
class _Known:
    """What is remembered of one running attempt."""

    attempt: int
    stamp: Stamp | None = None
    progress: Progress | None = None
    start: StartRecord | None = None
    cpu_seconds: float | None = None
    counted_at: float = 0.0
    cpu_percent: float | None = None
    memory: int | None = None


@dataclass(slots=True)
class ActivityReader:
    """Looks after running jobs. For one thread."""

    layout: Layout
    read_tree: ReadTree
    _known: dict[str, _Known] = field(default_factory=dict)
    _next_count: float = 0.0

    def read(self, running: Sequence[Entry]) -> dict[str, Activity]:
        """What each of them does, by the key of its row."""
        self._known = {key_of(entry): self._known_of(entry) for entry in running}
        for entry in running:
            self._look(entry, self._known[key_of(entry)])
        self._count()
        return {
            key: Activity(known.progress, known.cpu_percent, known.memory)
            for key, known in self._known.items()
        }

    def _known_of(self, entry: Entry) -> _Known:
        known = self._known.get(key_of(entry))
        if known is None or known.attempt != entry.attempt:
            return _Known(entry.attempt)
        return known

    def _look(self, entry: Entry, known: _Known) -> None:
        folder = locate(self.layout, entry)
        if folder is None:
            return
        try:
            if known.start is None:
                known.start = read_records(folder, os.path.basename(folder)).start
            tail = read_tail(os.path.join(folder, LOG), READ, known.stamp)
        except OSError:
            return  # No log yet, or the folder has just moved on: the next look tells.
        if tail is not None:
            known.stamp, known.progress = tail.stamp, read_progress(tail.data)

    def _count(self) -> None:
        begin = time.monotonic()
        if begin < self._next_count:
            return
        for known in self._known.values():
            if known.start is not None:
                self._count_one(known, known.start)
        done = time.monotonic()
        self._next_count = max(begin + _USUAL_PAUSE, done + _SPARE * (done - begin))

    def _count_one(self, known: _Known, start: StartRecord) -> None:
        usage = self.read_tree(start.supervisor, start.token)
        if usage is None:
            known.cpu_seconds = known.cpu_percent = known.memory = None
            return
        now = time.monotonic()
        if known.cpu_seconds is not None and now > known.counted_at:
            # What a process used that has ended since is not counted any more.
            spent = max(0.0, usage.cpu_seconds - known.cpu_seconds)
            known.cpu_percent = 100 * spent / (now - known.counted_at)
        known.cpu_seconds, known.counted_at, known.memory = usage.cpu_seconds, now, usage.memory

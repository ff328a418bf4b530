"""The logs of running jobs: how large they are, and what they say of progress."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from dataclasses import dataclass

from qm.folders.layout import Layout
from qm.jobfiles import LOG
from qm.progress import READ, read_progress, time_left
from qm.times import known_seconds
from qm.view import Entry, locate
from qm.view.joblog import read_end
from web.pace import Figures

_READ_EVERY = 1.0
"""Seconds between two readings of one log."""
_LOCATE_EVERY = 2.0


@dataclass(slots=True)
class _Log:
    attempt: int
    """Another one begins a new log."""
    path: str | None = None
    located: float = -_LOCATE_EVERY
    stamp: tuple[int, int] | None = None
    read: float = -_READ_EVERY
    fresh: bool = True
    """True if it was read since it last grew."""
    fraction: float | None = None
    text: str | None = None
    left: float | None = None
    """Seconds, as of the last reading."""


class RunningLogs:
    """Follows the logs of jobs that run. Times are in seconds by the clock that the caller has."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._logs: dict[int, _Log] = {}

    def keep(self, running: Iterable[int]) -> None:
        """Only these jobs run: forget the others."""
        kept = frozenset(running)
        self._logs = {job: log for job, log in self._logs.items() if job in kept}

    def keep_at_most(self, count: int) -> None:
        """Forget all where there are more."""
        if len(self._logs) > count:
            self._logs.clear()

    def look(self, entry: Entry, now: float, wall: float) -> Figures | None:
        """The figures of one job if they have changed since the last look, else None.

        ``now`` is for steps of time, ``wall`` in seconds since the epoch.
        """
        log = self._of(entry)
        stamp = self._stamp(log, entry, now)
        grown = stamp is not None and stamp != log.stamp
        if grown:
            log.stamp, log.fresh = stamp, False
        if not log.fresh and now - log.read >= _READ_EVERY:
            self._read(log, entry, now, wall)
            grown = True
        return _figures(log) if grown else None

    def figures(self, entry: Entry, now: float, wall: float) -> Figures:
        """The figures of one job as they are now."""
        return self.look(entry, now, wall) or _figures(self._of(entry))

    def _of(self, entry: Entry) -> _Log:
        assert entry.id is not None
        log = self._logs.get(entry.id)
        if log is None or log.attempt != entry.attempt:
            log = self._logs[entry.id] = _Log(entry.attempt)
        return log

    def _stamp(self, log: _Log, entry: Entry, now: float) -> tuple[int, int] | None:
        for _ in range(2):
            if log.path is None and not self._locate(log, entry, now):
                return None
            assert log.path is not None
            try:
                status = os.lstat(log.path)
            except OSError:
                log.path = None
                continue
            # A job may have put something else in its place.
            return (status.st_size, status.st_mtime_ns) if stat.S_ISREG(status.st_mode) else None
        return None

    def _locate(self, log: _Log, entry: Entry, now: float) -> bool:
        if now - log.located < _LOCATE_EVERY:
            return False
        log.located = now
        folder = locate(self._layout, entry)
        log.path = None if folder is None else os.path.join(folder, LOG)
        return log.path is not None

    def _read(self, log: _Log, entry: Entry, now: float, wall: float) -> None:
        log.read, log.fresh = now, True
        end = read_end(self._layout, entry, READ)
        progress = None if end is None else read_progress(end)
        log.fraction = log.text = log.left = None
        if progress is not None:
            started = known_seconds(entry.started)
            log.fraction, log.text = progress.fraction, progress.text
            log.left = None if started is None else time_left(progress.fraction, wall - started)


def _figures(log: _Log) -> Figures:
    return {
        "log": 0 if log.stamp is None else log.stamp[0],
        "fraction": log.fraction,
        "text": log.text,
        "left": log.left,
    }

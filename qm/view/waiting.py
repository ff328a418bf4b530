"""Waiting for jobs to end: looked at cheaply, whether a manager runs or not."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterable, Sequence

from qm.control.managerlock import manager_runs
from qm.errors import NoSuchJob
from qm.folders.layout import Layout
from qm.history import last_of
from qm.index import ArrivalRow, IndexReader, Row, reading
from qm.jobdir import read_records
from qm.model import ACTIVE_STATES, END_STATES, Place
from qm.rows import row_from_records
from qm.times import utc_text
from qm.view.attempts import entry_of_line, is_attempt
from qm.view.awaited import Awaited, taken_away
from qm.view.by_index import row_by_index
from qm.view.entries import Entry, arriving, entry_of, plain
from qm.view.load import find, load, locate, target_of, trusted_facts
from qm.view.query import is_id

_SHARE = 0.015
"""Of one processor, that reading the index may take while it changes all the time."""
_AT_LEAST_EVERY = 2.0
"""Seconds: the time of a file may stand still although it was written to."""
_ALIVE_EVERY = 1.0
_GONE_AFTER = 1.0
"""Seconds without a trace of a drop until it counts as taken away."""


class Wait(Awaited):
    """Jobs of a QM_FOLDER of this machine."""

    def __init__(self, layout: Layout, targets: Sequence[str]) -> None:
        """Those of ``targets`` (ids, names or paths), or with none all that are open now.

        Raises NoSuchJob. Jobs that ended long ago count as ended.
        """
        super().__init__(manager_runs(layout))
        self._layout = layout
        self._stamp: tuple[int, ...] = ()
        self._read_at = self._alive_at = 0.0
        self._cost = 0.0
        self._take(self._resolved(targets))
        self._count()

    def _resolved(self, targets: Sequence[str]) -> Iterable[Entry]:
        if not targets:
            view = load(self._layout, utc_text(time.time()))
            return [entry for entry in view.entries if entry.ended is None]
        wanted = list(dict.fromkeys(target_of(target) for target in targets))
        found = self._resolved_by_index(wanted)
        return [found.get(target) or self._found(target) for target in wanted]

    def _found(self, target: str) -> Entry:
        """As :func:`find`; of a job that was removed the history tells how it ended."""
        try:
            return find(self._layout, target)
        except NoSuchJob:
            path, name = self._layout.history_file, plain(target)
            line = last_of(path, id=int(target)) if is_id(target) else None
            line = line or last_of(path, name=name)
            if line is None or not is_attempt(line) or line["state"] not in END_STATES:
                raise
            return entry_of_line(line)

    def _resolved_by_index(self, targets: list[str]) -> dict[str, Entry]:
        """All that the index knows, in one go; :func:`find` takes the time to explain."""
        found: dict[str, Entry] = {}
        if not self.manager_runs:
            return found
        try:
            with reading(self._layout.index_file) as index, index.snapshot():
                if trusted_facts(index, self._layout) is None:
                    return found
                for target in targets:
                    row = row_by_index(index, plain(target))
                    if isinstance(row, Row) and not self._is_dropped_again(row, target):
                        found[target] = entry_of(row, self._layout)
                        continue
                    name = plain(target)
                    self._after[name] = self._last_id(index, name)
                    if row is not None:
                        since = utc_text(time.time())
                        arrival = row if isinstance(row, ArrivalRow) else None
                        drop = arrival or ArrivalRow(name, "Settling: QM has just seen it", since)
                        found[target] = arriving(drop, self._layout)
        except sqlite3.Error:
            pass  # Being made anew.
        return found

    def _is_dropped_again(self, row: Row, target: str) -> bool:
        """True for a job that has ended, where a new drop of its name has just come."""
        if row.ended is None or str(row.id) == target:
            return False
        try:
            return os.lstat(self._layout.path(Place.WAITING, target)).st_ino != row.inode
        except OSError:
            return False

    @staticmethod
    def _last_id(index: IndexReader, name: str) -> int:
        """Jobs of this name up to here are not the one that arrives."""
        return max((row.id for row in index.rows("name=?", (name,))), default=0)

    def look(self) -> bool:
        """See what has become of the jobs; True if anything is new. Cheap where nothing is."""
        now = time.monotonic()
        told = self._look_for_manager(now)
        stamp = self._stamp_now()
        early = now - self._read_at < self._cost / _SHARE
        same = stamp == self._stamp and now - self._read_at < _AT_LEAST_EVERY
        if not told and (early or same):
            return False
        before = self.tally, len(self._arriving)
        began = time.process_time()
        if self.manager_runs:
            self._look_by_index()
        else:
            self._look_by_folders()
        self._cost = time.process_time() - began
        self._stamp, self._read_at = stamp, now
        self._count()
        return told or (self.tally, len(self._arriving)) != before

    def _look_for_manager(self, now: float) -> bool:
        """Ask whether a manager runs, now and then; True if that has changed."""
        if now - self._alive_at < _ALIVE_EVERY:
            return False
        self._alive_at = now
        runs = manager_runs(self._layout)
        changed, self.manager_runs = runs != self.manager_runs, runs
        if changed and not runs and self._open:
            # What the index says last may be a moment old.
            known = {entry.id: entry for entry in load(self._layout, None).entries}
            self._take([known[job] for job in self._open if job in known])
        return changed

    def _stamp_now(self) -> tuple[int, ...]:
        """By which a change of the index is seen; without a manager only time tells."""
        found: list[int] = []
        for suffix in ("", "-wal"):
            try:
                status = os.stat(self._layout.index_file + suffix)
            except OSError:
                continue
            found += [status.st_ino, status.st_mtime_ns, status.st_size]
        return tuple(found)

    def _look_by_index(self) -> None:
        missing: list[Entry] = []
        try:
            with reading(self._layout.index_file) as index, index.snapshot():
                if trusted_facts(index, self._layout) is None:
                    return
                states = index.states_of(self._open)
                missing = [self._open[job] for job in self._open if job not in states]
                moved = [job for job, state in states.items() if state != self._open[job].state]
                self._take(entry_of(row, self._layout) for row in index.rows_of(moved))
                self._look_for_drops(index)
        except sqlite3.Error:
            return  # Deleted or damaged: the manager makes it anew.
        self._take(self._fate(entry) for entry in missing)

    def _fate(self, entry: Entry) -> Entry:
        """What became of a job that the index does not have any more."""
        if locate(self._layout, entry) is not None:
            return entry  # The index is being made anew.
        line = last_of(self._layout.history_file, id=entry.id)
        if line is not None and line.get("state") in END_STATES:
            reason, ended = line.get("reason"), str(line.get("ended"))
            return entry._replace(state=str(line["state"]), reason=reason, ended=ended)
        return taken_away(entry)

    def _look_for_drops(self, index: IndexReader) -> None:
        for name in list(self._arriving):
            rows = index.rows("name=? AND id>?", (name, self._after.get(name, 0)))
            if rows:
                self._take_arrived(name, entry_of(max(rows), self._layout))
            elif index.arrival(name) is None and self._is_gone(name):
                self._give_up(name)

    def _is_gone(self, name: str) -> bool:
        """True if nothing of this name was there for a while: the index follows a moment later."""
        if any(os.path.lexists(self._layout.path(place, name)) for place in Place):
            self._missed.pop(name, None)
            return False
        return self._missing(name) > _GONE_AFTER

    def _look_by_folders(self) -> None:
        """Without a manager only what runs can change: its supervisor writes how it ends."""
        running = [entry for entry in self._open.values() if entry.state in ACTIVE_STATES]
        self._take(self._by_records(entry) for entry in running)

    def _by_records(self, entry: Entry) -> Entry:
        path = locate(self._layout, entry)
        if path is None:
            return self._fate(entry)
        place, name = os.path.split(path)
        try:
            records = read_records(path, name)
            row = row_from_records(records, name, Place(os.path.basename(place)))
        except OSError:
            return entry
        return entry if row is None else entry_of(row, self._layout)

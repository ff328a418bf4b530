"""Ended jobs in the index, held against what lies in the two last folders."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable

from qm.crashpoints import crash_point
from qm.effects.finish import flush
from qm.folders.layout import Layout
from qm.history import read_history
from qm.index import Index, Row
from qm.jobdir import Records, read_records
from qm.model import Job, Place
from qm.osops.shortage import is_passing
from qm.rows import row_from_records

_BATCH = 500
_LAST = (Place.DONE, Place.LOST)


class Librarian:
    """Keeps the index true where people move, rename and delete ended jobs. One thread.

    ``strayed`` is told of jobs that a person moved among the ended ones before
    their end, or into QM_Jobs before their claim, until they lie there no more.
    """

    def __init__(
        self,
        layout: Layout,
        index: Index,
        strayed: Callable[[Job, Place], None],
        *,
        adopt: bool = False,
    ) -> None:
        self._layout = layout
        self._index = index
        self._strayed = strayed
        self._adopt = adopt
        self._missed: set[tuple[Place, int]] = set()
        self._stamps: dict[Place, int] = {}

    def reconcile(self) -> float:
        """Bring the index up to date; returns the seconds that it took."""
        began = time.monotonic()
        for place in _LAST:
            stamp = _mtime(self._layout.place(place))
            settled = not any(where is place for where, _ in self._missed)
            if stamp is None or (self._stamps.get(place) == stamp and settled):
                continue
            self._stamps[place] = stamp
            self._compare(place)
        self._look_at_running()
        return time.monotonic() - began

    def rebuild(self) -> None:
        """Fill an index that was made anew: every ended job, and those that vanished."""
        self._missed.clear()
        self._stamps.clear()
        for line in read_history(self._layout.history_file):
            if line.get("vanished"):
                self._index.put(_vanished_row(line))
        crash_point("index.begun")
        self.reconcile()

    def _compare(self, place: Place) -> None:
        # The folder first: a job's row is committed before its folder appears.
        found = self._list(place)
        if found is None:
            return
        try:
            known = self._index.known(place)
        except sqlite3.Error:
            return
        ids = {job_id for job_id, _ in known.values()}
        seen_again: set[int] = set()
        count = 0
        for name, inode in found.items():
            _, known_inode = known.get(name, (None, None))
            if known_inode == inode:
                continue
            row = self._read(place, name, ids)
            if row is not None:
                self._index.put(row)
                seen_again.add(row.id)
                count += 1
                if count % _BATCH == 0:
                    flush(self._index)
        self._remove_missing(place, found, known, seen_again)
        flush(self._index)

    def _remove_missing(
        self,
        place: Place,
        found: dict[str, int],
        known: dict[str, tuple[int, int]],
        seen_again: set[int],
    ) -> None:
        missing = {i for name, (i, _) in known.items() if name not in found} - seen_again
        before = {job_id for where, job_id in self._missed if where is place}
        for job_id in missing & before:
            self._index.remove(job_id)
        # Missed once, it may be on its way: its row is committed before its folder moves.
        self._missed = {entry for entry in self._missed if entry[0] is not place}
        self._missed |= {(place, job_id) for job_id in missing - before}

    def _look_at_running(self) -> None:
        """A waiting job that a person moved to QM_Jobs does not run by that."""
        place = Place.RUNNING
        stamp = _mtime(self._layout.place(place))
        if stamp is None or self._stamps.get(place) == stamp:
            return
        self._stamps[place] = stamp
        for name in self._list(place) or {}:
            try:
                records = read_records(self._layout.path(place, name), name)
            except OSError as error:
                if is_passing(error):
                    self._stamps.pop(place, None)
                continue
            if records.claim is not None and not records.claim.claimed:
                self._tell_if_strayed(records, place)

    def _tell_if_strayed(self, records: Records, place: Place) -> None:
        if records.job is None or not records.is_ours or records.ended:
            return
        self._stamps.pop(place, None)
        self._strayed(records.job, place)

    def _list(self, place: Place) -> dict[str, int] | None:
        """Names and inodes; None where they cannot be read: that says of no job that it is gone."""
        found: dict[str, int] = {}
        try:
            with os.scandir(self._layout.place(place)) as entries:
                for entry in entries:
                    if not entry.name.startswith("."):
                        found[entry.name] = entry.inode()
        except OSError:
            self._stamps.pop(place, None)
            return None
        return found

    def _read(self, place: Place, name: str, ids: set[int]) -> Row | None:
        try:
            records = read_records(self._layout.path(place, name), name)
        except OSError as error:
            if is_passing(error):
                self._stamps.pop(place, None)
            return None
        # A folder restored from a backup keeps its id, a copy of a job that is there does not.
        alone = records.job is not None and records.job.id not in ids
        row = row_from_records(records, name, place, adopt=self._adopt or alone)
        if row is None:
            self._tell_if_strayed(records, place)
        return row


def _mtime(path: str) -> int | None:
    try:
        return os.stat(path).st_mtime_ns
    except OSError:
        return None


def _vanished_row(line: dict[str, object]) -> Row:
    def text(name: str) -> str | None:
        value = line.get(name)
        return value if isinstance(value, str) else None

    def whole(name: str) -> int | None:
        value = line.get(name)
        return value if isinstance(value, int) else None

    cpu = line.get("cpu_seconds")
    return Row(
        id=whole("id") or 0,
        name=text("name") or "",
        state=text("state") or "LOST",
        reason=text("reason"),
        exit_code=whole("exit_code"),
        signal=text("signal"),
        nb_proc=whole("nb_proc") or 1,
        priority=whole("priority") or 0,
        owner=text("owner") or "",
        info=text("info"),
        submitted=text("submitted") or "",
        started=text("started"),
        ended=text("ended"),
        place=None,
        arrival=whole("arrival") or 0,
        attempt=whole("attempt") or 0,
        mem=None,
        walltime=None,
        cpu_seconds=float(cpu) if isinstance(cpu, int | float) else None,
        peak_memory=whole("peak_memory"),
        inode=0,
        nb_gpu=whole("nb_gpu") or 0,
        token=None,
    )

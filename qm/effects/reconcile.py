"""Ended jobs in the index, held against what lies in the two last folders."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple

from qm.crashpoints import crash_point
from qm.effects.finish import flush
from qm.effects.lookup import is_unfinished, may_be_unfinished
from qm.folders.layout import Layout
from qm.history import last_attempts, vanished_in
from qm.index import Index, Row, reading
from qm.jobdir import Records, read_records
from qm.model import Job, Place
from qm.osops.shortage import is_passing
from qm.rows import row_from_records

VERIFIED = "verified"
"""The fact of the index that names the boot since which all its rows are known to be true."""
_BATCH = 500
_LAST = (Place.DONE, Place.LOST)


class _Stranger(NamedTuple):
    """A folder with the records of another one: a copy, or restored from a backup."""

    records: Records
    name: str
    place: Place


class Librarian:
    """Keeps the index true where people move, rename and delete ended jobs. One thread.

    ``strayed`` is told of jobs that a person moved among the ended ones before
    their end, or into QM_Jobs before their claim or after their end, until they
    lie there no more. ``unread``: the index was not synced before the machine stopped, and
    may say what was true before; every folder is read once, and the index notes the ``boot``
    since which that was done. ``doubt``: the history may have lost its last lines with it.
    """

    def __init__(
        self,
        layout: Layout,
        index: Index,
        strayed: Callable[[Job, Place], None],
        *,
        boot: str = "",
        adopt: bool = False,
        unread: bool = False,
        doubt: bool = False,
    ) -> None:
        self._layout = layout
        self._index = index
        self._strayed = strayed
        self._boot = boot
        self._adopt = adopt
        self._unread = unread
        self._doubt = doubt
        self._told: dict[int, int] | None = None
        """The last attempt in the history by job, while the index is made anew: to look each job
        up in the file would take time that grows with the square of their number.
        """
        self._copied: set[int] = set()
        """Jobs of which copies lie there: these are looked at again once the job has no row."""
        self._missed: set[tuple[Place, int]] = set()
        self._stamps: dict[Place, int] = {}
        self._recalled = False
        """Whether the jobs that vanished are in the index for certain."""
        self._ended_here: set[int] = set()
        """Jobs with an end that lay in QM_Jobs at the last look."""
        self._claimed_here: set[int] = set()
        """Jobs without one that lay there then, claimed: most of them run."""

    def reconcile(self) -> float:
        """Bring the index up to date; returns the seconds that it took."""
        began = time.monotonic()
        strangers: list[_Stranger] = []
        all_read = True
        self._look_for_originals()
        for place in _LAST:
            stamp = _mtime(self._layout.place(place))
            settled = not any(where is place for where, _ in self._missed)
            if stamp is not None and self._stamps.get(place) == stamp and settled:
                continue
            found = None
            if stamp is not None:
                self._stamps[place] = stamp
                found = self._compare(place)
            all_read = all_read and found is not None
            strangers += found or []
        if all_read:
            self._all_read()
        self._take_in(strangers)
        self._look_at_running()
        if not self._recalled:
            self._recall_vanished()
        return time.monotonic() - began

    def _all_read(self) -> None:
        """Both folders could be read: from now on the index is believed where nothing changes."""
        self._doubt = False
        if self._unread:
            self._unread = False
            self._index.put_fact(VERIFIED, self._boot)

    def rebuild(self) -> None:
        """Fill an index that was made anew: every ended job, and those that vanished."""
        self._missed.clear()
        self._stamps.clear()
        # What is in it from now on is of this boot.
        self._index.put_fact(VERIFIED, self._boot)
        for line in vanished_in(self._layout.history_file):
            self._index.put(_vanished_row(line))
        self._recalled = True
        crash_point("index.begun")
        # What was put while there was no index is held against the folders as well.
        flush(self._index)
        with suppress(OSError):
            self._told = last_attempts(self._layout.history_file)
        self.reconcile()
        self._told = None

    def _recall_vanished(self) -> None:
        """Nothing but the history tells of them: a crash may have come before their rows."""
        lines = {int(line["id"]): line for line in vanished_in(self._layout.history_file)}
        flush(self._index)
        with reading(self._layout.index_file) as index:
            known = index.states_of(lines)
        for job_id in lines.keys() - known.keys():
            self._index.put(_vanished_row(lines[job_id]))
        self._recalled = True

    def _compare(self, place: Place) -> list[_Stranger] | None:
        """Look at what is new in a folder; returns what carries the records of another one, and
        None where folder or index cannot be read just now.
        """
        # The folder first: a job's row is committed before its folder appears.
        found = self._list(place)
        if found is None:
            return None
        try:
            known = self._index.known(place)
        except sqlite3.Error:
            self._stamps.pop(place, None)
            return None
        shown = _best_of_each_name(known, found)
        seen_again: set[int] = set()
        strangers: list[_Stranger] = []
        # Gone, or another folder has its name; or the folder is a newer job's.
        gone = {i for i, name, inode in known if found.get(name) != inode or shown[name][0] != i}
        for name, inode in found.items():
            known_id, known_inode = shown.get(name, (0, None))
            # What was missing has been elsewhere, and may be another job's by now.
            is_back = (place, known_id) in self._missed
            if known_inode == inode and not is_back and not self._unread:
                continue
            records = self._read(place, name)
            if records is None:
                continue
            row = row_from_records(records, name, place, adopt=self._adopt)
            says_other = records.is_ours or records.job is None
            if known_inode == inode and says_other and (row is None or row.id != known_id):
                self._index.remove(known_id)
            if row is None:
                self._tell_if_strayed(records, place)
                if records.job is not None and not records.is_ours:
                    strangers.append(_Stranger(records, name, place))
                continue
            seen_again.add(row.id)
            # A row that is not for certain is looked at again, also by the next manager.
            certain = not self._finishes(records, place)
            self._index.put(row if certain else row._replace(inode=0))
            if len(seen_again) % _BATCH == 0:
                flush(self._index)
        self._remove_missing(place, gone - seen_again)
        flush(self._index)
        return strangers

    def _finishes(self, records: Records, place: Place) -> bool:
        """Have it finished where a person moved it here while it ran, and nobody saw its end."""
        job = may_be_unfinished(records)
        if job is None or self._doubt:
            return False  # What the history has lost with the power is not told again.
        if self._told is None:
            untold = is_unfinished(self._layout, records)
        else:
            untold = self._told.get(job.id) != job.attempt
        if untold:
            self._stamps.pop(place, None)
            self._strayed(job, place)
        return untold

    def _take_in(self, strangers: list[_Stranger]) -> None:
        """A folder restored from a backup keeps its id, a copy of a job that is there does not."""
        if not strangers:
            return
        try:
            ids = self._index.ids()
        except sqlite3.Error:
            return
        for records, name, place in strangers:
            row = row_from_records(records, name, place, adopt=True)
            if row is None:
                continue
            self._copied.add(row.id)
            if row.id not in ids:
                self._index.put(row)
                ids.add(row.id)
        flush(self._index)

    def _look_for_originals(self) -> None:
        """Where one was removed, what was a copy of it may be all that is left."""
        if not self._copied:
            return
        try:
            with reading(self._layout.index_file) as index:
                known = index.states_of(self._copied)
        except sqlite3.Error:
            return
        if self._copied - known.keys():
            self._copied.clear()
            self._stamps.clear()

    def _remove_missing(self, place: Place, missing: set[int]) -> None:
        before = {job_id for where, job_id in self._missed if where is place}
        for job_id in missing & before:
            self._index.remove(job_id)
        # Missed once, it may be on its way: its row is committed before its folder moves.
        self._missed = {entry for entry in self._missed if entry[0] is not place}
        self._missed |= {(place, job_id) for job_id in missing - before}

    def _look_at_running(self) -> None:
        """A job that a person moved to QM_Jobs does not run by that, whether it waited or ended."""
        place = Place.RUNNING
        stamp = _mtime(self._layout.place(place))
        if stamp is None or self._stamps.get(place) == stamp:
            return
        self._stamps[place] = stamp
        ended_before, self._ended_here = self._ended_here, set()
        claimed_before, self._claimed_here = self._claimed_here, set()
        for name in self._list(place) or {}:
            records = self._read(place, name)
            if records is None or records.job is None or records.claim is None:
                continue
            if records.ended and records.is_ours:
                # Looked at twice: one that has just ended is on its way out.
                self._stamps.pop(place, None)
                self._ended_here.add(records.job.id)
                if records.job.id in ended_before:
                    self._strayed(records.job, place)
            elif not records.claim.claimed:
                self._tell_if_strayed(records, place)
            elif records.is_ours:
                # One that a power cut had left elsewhere, and a person has brought back: nobody
                # watches it. Of those that are watched, the core knows.
                self._claimed_here.add(records.job.id)
                if records.job.id in claimed_before:
                    self._strayed(records.job, place)
                else:
                    self._stamps.pop(place, None)

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

    def _read(self, place: Place, name: str) -> Records | None:
        try:
            return read_records(self._layout.path(place, name), name)
        except OSError as error:
            if is_passing(error):
                self._stamps.pop(place, None)
            return None


def _best_of_each_name(
    known: list[tuple[int, str, int]], found: dict[str, int]
) -> dict[str, tuple[int, int]]:
    """Name to id and inode; of two rows of a name that of the folder, else the newer one."""
    best: dict[str, tuple[int, int]] = {}
    for job_id, name, inode in known:
        before = best.get(name)
        if before is None or found.get(name) in (inode, None) or before[1] != found[name]:
            best[name] = job_id, inode
    return best


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

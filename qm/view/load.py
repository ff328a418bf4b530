"""Load the view from wherever it can be read just now; find one job."""

from __future__ import annotations

import os
import sqlite3
import time
from dataclasses import replace

from qm.control.managerlock import manager_runs, manager_says
from qm.errors import NoSuchJob
from qm.faults import disk_fault
from qm.folders.layout import Layout
from qm.identity import Identity
from qm.index import IndexReader, reading
from qm.model import Place, Reason
from qm.names import shown
from qm.view.by_index import facts_of, find_by_index, view_by_index
from qm.view.entries import NOT_RUNNING, Entry, Limits, View, plain
from qm.view.query import EVERYTHING, Query, arrange, in_order, is_id, matcher, shortened

_NO_INDEX = Reason("Indexing", "QM is making its index anew; ask again in a moment")
_JUST_NOW = Reason("Settling", "QM has just seen it")


def load(layout: Layout, since: str | None, query: Query = EVERYTHING) -> View:
    """Everything that waits, runs or arrives, and what ended since this UTC time (None: ever),
    as far as ``query`` asks for it, sorted as it says.

    A running manager's index is believed. Without a manager, or while its
    index is missing, damaged or not yet complete, the folders are read.
    """
    running = manager_runs(layout)
    if running:
        try:
            with reading(layout.index_file) as index, index.snapshot():
                facts = trusted_facts(index, layout)
                if facts is not None:
                    return view_by_index(index, layout, facts, since, query, time.time())
        except sqlite3.Error:
            pass  # Deleted or damaged: the manager makes it anew.
    view = _from_folders(layout, since, running)
    return view if query is EVERYTHING else _asked_for(view, query, time.time())


def _asked_for(view: View, query: Query, now: float) -> View:
    entries, waiting, ended = [*filter(matcher(query), view.entries)], 0, 0
    if query.brief is not None:
        entries, waiting, ended = shortened(entries, query.brief)
    return View(arrange(entries, query, now), view.manager_runs, waiting, ended)


def trusted_facts(index: IndexReader, layout: Layout) -> Limits | None:
    """The manager's facts where the index shows the jobs of the one that runs, else None.

    To be called within a snapshot: who holds the lock is read after it has
    begun, so that a manager that has just started is noticed.
    """
    facts = facts_of(index, manager_says(layout))
    fault = None if facts is None else disk_fault(layout.root)
    # Of a disk that cannot be written the index cannot tell.
    return facts if facts is None or fault is None else replace(facts, obstacle=fault)


def find(layout: Layout, target: str) -> Entry:
    """The job of this id, name or path; an arriving entry by its name or path.

    Of several jobs of one name it is the newest that has not ended, else the
    newest. Raises NoSuchJob.
    """
    wanted = target_of(target)
    entry = _find(layout, wanted)
    if entry is None:
        raise NoSuchJob(f"there is no job {shown(target)}", "`qm list --all` shows every job.")
    return _pinned(layout, entry)


def _find(layout: Layout, wanted: str) -> Entry | None:
    name = plain(wanted)
    running = manager_runs(layout)
    if running:
        try:
            with reading(layout.index_file) as index, index.snapshot():
                facts = trusted_facts(index, layout)
                if facts is not None:
                    found = find_by_index(index, layout, facts, name)
                    return found if _is_there(layout, found) else _just_now(layout, wanted)
        except sqlite3.Error:
            pass  # As above.
    return _choose(_from_folders(layout, None, running).entries, name)


def _is_there(layout: Layout, entry: Entry | None) -> bool:
    """False for an arrival that has moved on: the index follows some milliseconds later."""
    if entry is None:
        return False
    return entry.id is not None or os.path.lexists(layout.path(Place.WAITING, entry.name))


def _just_now(layout: Layout, wanted: str) -> Entry | None:
    from qm.view.by_folders import entry_by_name

    if wanted != os.path.basename(wanted) or wanted in ("", os.curdir, os.pardir):
        return None
    return entry_by_name(layout, wanted, disk_fault(layout.root) or _JUST_NOW)


def _pinned(layout: Layout, entry: Entry) -> Entry:
    """An arriving entry with its inode, so that it is found again once it is a job."""
    if entry.id is not None:
        return entry
    try:
        inode = os.lstat(layout.path(Place.WAITING, entry.name)).st_ino
    except OSError:
        return entry
    return entry._replace(inode=inode)


def target_of(target: str) -> str:
    """The id or name that a person means: of a path, which shells complete, its last part."""
    separators = {os.sep, os.altsep or os.sep}
    if not separators & set(target):
        return target
    return os.path.basename(os.path.normpath(target)) or target


def locate(layout: Layout, entry: Entry) -> str | None:
    """The path of the entry's folder now, wherever it was moved meanwhile; None: it is gone."""
    if entry.place is None:
        return None
    place = Place(entry.place)
    if entry.inode is None:
        path = layout.path(place, entry.name)
        return path if os.path.lexists(path) else None
    try:
        found = layout.find(Identity(0, entry.inode), entry.name, place)
    except OSError:
        return None
    return None if found is None else layout.path(*found)


def _from_folders(layout: Layout, since: str | None, running: bool) -> View:
    # Imported here: a list by the index, the usual one, does not need it.
    from qm.view.by_folders import by_spot, entries_by_folders

    known = by_spot([])
    if not running:
        try:
            with reading(layout.index_file) as index:
                known = by_spot(index.rows())
        except sqlite3.Error:
            pass  # It saves time, no more.
    why = (disk_fault(layout.root) or _NO_INDEX) if running else NOT_RUNNING
    return View(tuple(in_order(entries_by_folders(layout, known, since, why))), running)


def _choose(entries: tuple[Entry, ...], target: str) -> Entry | None:
    if is_id(target):
        for entry in entries:
            if entry.id == int(target):
                return entry
    named = [entry for entry in entries if entry.name == target]
    return max(named, key=lambda e: (e.ended is None, e.id or 0), default=None)

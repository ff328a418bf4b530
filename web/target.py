"""Which folder an address means: that of a job, or one that is no job (yet)."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from qm.errors import NoSuchJob
from qm.folders.layout import Layout
from qm.identity import Identity
from qm.index import Row, reading
from qm.jobfiles import OWN
from qm.model import Place
from qm.names import shown
from qm.records import LIMIT, RecordError, decode
from qm.view import Entry, Query, find, load, locate
from qm.view.entries import plain
from qm.view.query import is_id
from web.jobfolder import GONE, JobFolder
from web.jobpath import check_name
from web.problem import Problem

PLACES = tuple(Place)
LARGEST_ID = 10**18 - 1
"""SQLite's integers end at 63 bits; as ``qm.view.query.is_id`` has it."""


@dataclass(frozen=True, slots=True)
class Target:
    """A folder to look into. ``key`` names it in the address of a report."""

    key: str
    label: str
    """``job 7 (name)``, or the folder's name; as shown."""
    name: str
    """The folder's name, undecodable bytes as in the index."""
    base: tuple[str | int, ...]
    """The parts of the address under which its files are listed."""
    ended: bool
    """True where nothing in it changes any more."""
    id: int | None
    inode: int | None
    find: Callable[[], str | None]

    def open(self) -> JobFolder:
        """The folder, opened; Problem 404 where it is gone."""
        return JobFolder(self.find, self.inode)


def job_target(layout: Layout, job_id: int) -> Target:
    """The folder of a job; NoSuchJob, or Problem 404 where a person took the folder away."""
    if not 0 <= job_id <= LARGEST_ID:
        raise NoSuchJob(f"there is no job {job_id}")
    target = _by_row(layout, job_id)
    if target is None or not _is_of(target, job_id):
        # The index is behind, or of another time: the folders are the truth.
        target = _by_entry(layout, find(layout, str(job_id)), job_id)
    return target


def named_target(layout: Layout, place: Place, name: str) -> Target:
    """The job of this name, best one that lies in ``place``; else the folder there of this name.

    Problem 400 for what is no name, NoSuchJob where there is neither.
    """
    check_name(name)
    best = max(_of_name(layout, name), key=lambda job: _preference(job, place), default=None)
    if best is None or best.id is None:
        return folder_target(layout, place, name)
    return job_target(layout, best.id)


def _of_name(layout: Layout, name: str) -> Sequence[Row | Entry]:
    """All jobs of this name: by the index, manager or not, else by all that there is."""
    known = plain(name)
    try:
        with reading(layout.index_file) as index:
            rows = index.rows("name=?", (known,))
    except sqlite3.Error:
        rows = []
    if rows:
        return rows
    entries = load(layout, None, Query(names=(known,))).entries
    # A name with *, ? or [ in it would find others too; what has no id is no job.
    return [entry for entry in entries if entry.name == known and entry.id is not None]


def _preference(job: Row | Entry, place: Place) -> tuple[bool, bool, int]:
    return job.place == place, job.ended is None, job.id or 0


def folder_target(layout: Layout, place: Place, name: str) -> Target:
    """A folder that is no job: one that arrives, or that a person put there."""
    check_name(name)
    path = layout.path(place, name)
    # What begins with a dot is on its way here, or a sync program's.
    if name.startswith(".") or not os.path.isdir(path) or os.path.islink(path):
        raise NoSuchJob(f"there is no job {shown(name)}")
    return Target(
        key=f"{place.value}:{name}",
        label=shown(name),
        name=plain(name),
        base=(place.value, name),
        ended=place in (Place.DONE, Place.LOST),
        id=None,
        inode=None,
        find=lambda: path if os.path.lexists(path) else None,
    )


def target_of_key(layout: Layout, key: str) -> Target:
    """The folder that a ``key`` names; NoSuchJob or Problem where there is none."""
    if is_id(key):
        return job_target(layout, int(key))
    place, _, name = key.partition(":")
    if place not in PLACES:
        raise NoSuchJob(f"there is no job {shown(key)}")
    return folder_target(layout, Place(place), name)


def _by_row(layout: Layout, job_id: int) -> Target | None:
    """By the index, manager or not: one row instead of a look over all folders."""
    try:
        with reading(layout.index_file) as index:
            rows = index.rows_of([job_id])
    except sqlite3.Error:
        return None
    if not rows or rows[0].place is None:
        return None
    return _target(rows[0], lambda: _locate(layout, rows[0]))


def _locate(layout: Layout, row: Row) -> str | None:
    try:
        found = layout.find(Identity(0, row.inode), row.name, Place(row.place or ""))
    except (OSError, ValueError):
        return None
    return None if found is None else layout.path(*found)


def _by_entry(layout: Layout, entry: Entry, job_id: int) -> Target:
    if entry.id != job_id:
        raise NoSuchJob(f"there is no job {job_id}", "The queue shows every job.")
    if entry.place is None:
        raise Problem(404, GONE)
    return _target(entry, lambda: locate(layout, entry))


def _target(job: Row | Entry, where: Callable[[], str | None]) -> Target:
    return Target(
        key=str(job.id),
        label=f"job {job.id} ({shown(job.name)})",
        name=job.name,
        base=("job", job.id or 0, "files"),
        ended=job.ended is not None,
        id=job.id,
        inode=job.inode,
        find=where,
    )


def _is_of(target: Target, job_id: int) -> bool:
    """True if the folder says itself that it is this job's: inodes are given anew."""
    try:
        with target.open() as folder, folder.top.sub(OWN) as own:
            data = own.read("job.json", LIMIT)
        return data is not None and decode(data).get("id") == job_id
    except (OSError, Problem, RecordError):
        return False

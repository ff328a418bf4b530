"""The view of the four folders, where no manager runs or its index cannot be read."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from qm.folders.layout import Layout
from qm.index import ArrivalRow, Row
from qm.jobdir import read_records
from qm.jobfiles import OWN
from qm.model import Place, Reason
from qm.osops import FolderHandle
from qm.osops.owner import owner_name
from qm.osops.scanning import is_junk
from qm.records import RecordError
from qm.rows import row_from_records
from qm.statefile import StateFile
from qm.times import utc_text
from qm.view.entries import Entry, Explained, arriving, entry_of, plain, waits_for_its_turn


class Spot(NamedTuple):
    """A name in one of the four folders."""

    place: str
    name: str


def by_spot(rows: list[Row]) -> dict[Spot, Row]:
    """The rows of an index by where their folders lay."""
    return {Spot(row.place, row.name): row for row in rows if row.place is not None}


def entries_by_folders(
    layout: Layout, known: Mapping[Spot, Row], since: str | None, why: Reason
) -> list[Entry]:
    """Everything that is open, and what ended since this UTC time (None: ever).

    ``known`` spares reading the records of folders that an earlier manager's
    index knows. ``why`` is the reason of everything that waits or arrives.
    """
    adopt = was_moved(layout)
    rows: dict[int, Row] = {}
    entries, copies = [], []
    for place in Place:
        for found in _listing(layout, place):
            row = _row_of(found, place, known, adopt)
            if row is not None:
                rows[row.id] = row
            elif place is Place.WAITING:
                entries.append(_arriving(found, layout, why))
            elif place is not Place.RUNNING:
                copies.append((found, place))
    for found, place in copies:
        # A folder restored from a backup keeps its id, a copy of a job that is there does not.
        row = _read(found.path, found.name, place, adopt=True)
        if row is not None:
            rows.setdefault(row.id, row)
    for row in rows.values():
        if row.ended is None or since is None or row.ended >= since:
            entries.append(_entry_of(row, layout, why))
    return entries


def entry_by_name(layout: Layout, name: str, why: Reason) -> Entry | None:
    """What lies under ``name`` in the four folders, the waiting one first; None: nothing."""
    for place in Place:
        path = layout.path(place, name)
        row = _read(path, name, place, adopt=False) if os.path.lexists(path) else None
        if row is not None:
            return _entry_of(row, layout, why)
        if place is Place.WAITING and os.path.lexists(path):
            return arriving(ArrivalRow(plain(name), str(why), ""), layout)
    return None


def _entry_of(row: Row, layout: Layout, why: Reason) -> Entry:
    return entry_of(row, layout, Explained(str(why)) if waits_for_its_turn(row) else None)


def was_moved(layout: Layout) -> bool:
    """True if QM_FOLDER was moved or restored as a whole since a manager last ran."""
    try:
        root = StateFile(layout.own, "", sync=False).load().root
        with FolderHandle.open(layout.own) as own:
            return root is not None and not root.same_folder(own.identity())
    except (OSError, RecordError):
        return False


def _listing(layout: Layout, place: Place) -> Iterator[os.DirEntry[str]]:
    try:
        with os.scandir(layout.place(place)) as entries:
            for entry in entries:
                if not entry.name.startswith(".") and not is_junk(entry.name):
                    yield entry
    except OSError:
        return


def _row_of(
    found: os.DirEntry[str], place: Place, known: Mapping[Spot, Row], adopt: bool
) -> Row | None:
    remembered = known.get(Spot(place.value, plain(found.name)))
    if remembered is not None and not _is_same(found, remembered):
        remembered = None
    # What runs without a manager may have ended since: its records say so.
    if remembered is not None and place is not Place.RUNNING:
        return remembered
    return _read(found.path, found.name, place, adopt=adopt) or remembered


def _read(path: str, name: str, place: Place, *, adopt: bool) -> Row | None:
    try:
        return row_from_records(read_records(path, name), name, place, adopt=adopt)
    except OSError:
        return None


def _is_same(found: os.DirEntry[str], row: Row) -> bool:
    # An inode is given anew; but a folder that was dropped since then has no job record.
    try:
        same_folder = found.inode() == row.inode
    except OSError:
        return False
    return same_folder and os.path.lexists(os.path.join(found.path, OWN, "job.json"))


def _arriving(found: os.DirEntry[str], layout: Layout, why: Reason) -> Entry:
    try:
        status = found.stat(follow_symlinks=False)
    except OSError:
        return arriving(ArrivalRow(plain(found.name), str(why), ""), layout)
    since = utc_text(status.st_mtime)
    return arriving(
        ArrivalRow(plain(found.name), str(why), since), layout, owner_name(status) or None
    )

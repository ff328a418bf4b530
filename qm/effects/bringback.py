"""Ended jobs that come back: to run again, or out of the trash."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Any

from qm.core import actions as act
from qm.core import events as ev
from qm.crashpoints import crash_point
from qm.effects.lookup import ended_rows
from qm.errors import QMError
from qm.folders.layout import Layout
from qm.history import last_of
from qm.index import Index, Row
from qm.jobdir import own_folder, read_records
from qm.model import Place, State
from qm.names import shown
from qm.osops import rename_folder
from qm.rows import row_from_records
from qm.trash import REMOVED, find_in_trash

Answered = tuple[bool, dict[str, Any]]
"""Whether it was done, and the answer's data."""


def find_to_rerun(layout: Layout, action: act.FindToRerun) -> ev.Rerun | Answered:
    """The ended job that is to run again; a refused one is dropped anew at once."""
    rows = ended_rows(layout, action.target) or _unlisted(layout, action.target)
    if not rows:
        hint = "`qm list --all` shows all jobs, `qm restore --list` those in the trash."
        return False, {"error": f"there is no ended job {shown(action.target)}", "hint": hint}
    row = rows[0]
    if row.place is None:
        error = f"the folder of job {row.id} ({shown(row.name)}) was taken away"
        return False, {"error": error, "hint": "Submit it again."}
    place = Place(row.place)
    if row.state == State.REJECTED:
        return _drop_again(layout, row, place)
    try:
        records = read_records(layout.path(place, row.name), row.name)
    except OSError as error:
        return False, {"error": f"its folder cannot be read: {error.strerror}"}
    if records.job is None or records.job.id != row.id or not records.is_ours:
        return False, {"error": f"the records of job {row.id} are not in its folder any more"}
    job = replace(records.job, identity=records.identity)
    return ev.Rerun(job, place, action.request, action.hold)


def _unlisted(layout: Layout, target: str) -> list[Row]:
    """An ended job that the index does not show: its row goes before it runs again, and a
    crash may have come between.
    """
    by_id = target.isascii() and target.isdigit()
    try:
        line = last_of(layout.history_file, id=int(target)) if by_id else None
        line = line or last_of(layout.history_file, name=target)
    except OSError:
        return []
    name = "" if line is None else str(line.get("name"))
    for place in (Place.DONE, Place.LOST) if name else ():
        try:
            records = read_records(layout.path(place, name), name)
        except OSError:
            continue
        row = row_from_records(records, name, place)
        if row is not None and line is not None and row.id == line["id"]:
            return [row]
    return []


def _drop_again(layout: Layout, row: Row, place: Place) -> Answered:
    """What could not be understood is read again, as a new job."""
    waiting = layout.place(Place.WAITING)
    name = layout.free_name(waiting, row.name)
    layout.move(layout.path(place, row.name), Place.WAITING, name)
    crash_point("redrop.moved", name)
    return True, {"id": None, "name": name, "state": str(State.ARRIVING)}


def restore(layout: Layout, index: Index, action: act.Restore) -> Answered:
    """Move a removed job back to where it lay. OSError where that is not possible."""
    try:
        found = find_in_trash(layout.trash, action.target)
    except QMError as error:
        return False, {"error": error.message, "hint": error.hint}
    if found.place is None:
        hint = f"Move {os.path.join(layout.trash, found.folder)} by hand to where it belongs."
        return False, {"error": f"nobody knows where {shown(found.name)} lay", "hint": hint}
    name = layout.free_name(layout.place(found.place), found.name)
    target = layout.path(found.place, name)
    rename_folder(os.path.join(layout.trash, found.folder), target)
    crash_point("restore.moved", name)
    with own_folder(target) as own:
        own.remove(REMOVED)
    crash_point("restore.forgotten", name)
    row = row_from_records(read_records(target, name), name, found.place)
    if row is not None:
        index.put(row)
    return True, {"id": found.id, "name": name, "place": found.place.value}

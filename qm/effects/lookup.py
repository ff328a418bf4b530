"""Ended jobs by id or name: in the index, else in the history, which outlives ``rm``."""

from __future__ import annotations

import sqlite3

from qm.core import actions as act
from qm.core import events as ev
from qm.core.dependents import KnownEnd
from qm.folders.layout import Layout
from qm.history import last_of
from qm.index import Row, reading
from qm.jobdir import Records
from qm.model import Job, State


def find_ended(layout: Layout, action: act.FindEnded) -> ev.EndsFound:
    """What became of the jobs that a waiting one comes after. OSError where nothing can be read."""
    found = {target: _find(layout, target, known) for target, known in action.targets.items()}
    return ev.EndsFound(action.id, found)


def ended_rows(layout: Layout, target: str) -> list[Row]:
    """The ended jobs of this id, or of this name, the newest first."""
    by_id = target.isascii() and target.isdigit()
    where, value = ("id=?", int(target)) if by_id else ("name=?", target)
    try:
        with reading(layout.index_file) as index:
            rows = index.rows(f"ended IS NOT NULL AND {where}", (value,), "ORDER BY id DESC")
            if not rows and by_id:
                rows = index.rows("ended IS NOT NULL AND name=?", (target,), "ORDER BY id DESC")
            return rows
    except (sqlite3.Error, OverflowError, UnicodeEncodeError):
        # A number or a text that no job can have, or an index that is being made anew.
        return []


def _find(layout: Layout, target: str, known: int | None) -> KnownEnd | None:
    rows = ended_rows(layout, str(known) if known is not None else target)
    if rows:
        row = rows[0]
        return KnownEnd(row.id, row.name, State(row.state), row.reason)
    line = None
    if known is not None or (target.isascii() and target.isdigit()):
        line = last_of(layout.history_file, id=known if known is not None else int(target))
    if line is None and known is None:
        line = last_of(layout.history_file, name=target)
    return None if line is None else _end_of(line)


def is_unfinished(layout: Layout, records: Records | None) -> bool:
    """Whether a folder has ended its attempt without a line in the history.

    A person moved it here while it ran, and it ended while no manager looked:
    nobody has put it away, and nobody has put it back to run again.
    """
    job = may_be_unfinished(records)
    if job is None:
        return False
    try:
        line = last_of(layout.history_file, id=job.id)
    except OSError:
        return False
    return line is None or line.get("attempt") != job.attempt


def may_be_unfinished(records: Records | None) -> Job | None:
    """The job of this folder, if its claimed attempt has an exit record."""
    if records is None or records.exit is None or not records.is_ours:
        return None
    return records.job if records.claim is not None and records.claim.claimed else None


def _end_of(line: dict[str, object]) -> KnownEnd | None:
    job_id, name, state, reason = (line.get(key) for key in ("id", "name", "state", "reason"))
    if not isinstance(job_id, int) or not isinstance(state, str) or state not in set(State):
        return None
    return KnownEnd(job_id, str(name), State(state), reason if isinstance(reason, str) else None)

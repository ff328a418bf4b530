"""Everything that the page of one job shows, read from index, folder and processes."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from qm.control.managerlock import manager_runs
from qm.dashboard.snapshot import IDLE, Activity, key_of
from qm.errors import NoSuchJob
from qm.folders.layout import Layout
from qm.index import reading
from qm.jobdir import read_records
from qm.model import Place, State
from qm.rows import row_from_records
from qm.view import Entry, find, locate
from qm.view.details import details
from qm.view.entries import NOT_RUNNING, Explained, entry_of, waits_for_its_turn
from web.earlier import EarlierRuns
from web.joblog import open_log
from web.logpiece import tail
from web.logview import LogView, Span, Style, plain_text
from web.pages.standing import Meters, StandingReader
from web.problem import Problem
from web.target import LARGEST_ID, job_target

TAIL = 64 * 1024
"""Bytes of the log that are in the page itself."""
_INFO_FILE = 64 * 1024


@dataclass(frozen=True, slots=True)
class LogTail:
    """The end of a log: ``spans`` are whole lines up to byte ``end``, ``rest`` the last one."""

    spans: tuple[Span, ...]
    rest: tuple[Span, ...]
    start: int
    end: int
    size: int
    style: Style
    """At byte ``end``."""
    complete: bool

    def lines(self) -> list[str]:
        """All of it without colours."""
        return "".join(span.text for span in (*self.spans, *self.rest)).split("\n")


@dataclass(frozen=True, slots=True)
class JobFacts:
    """One job as it stands; ``now`` is in seconds since the epoch."""

    entry: Entry
    details: Mapping[str, Any]
    """As :func:`qm.view.details.details` has it."""
    earlier: tuple[Entry, ...]
    """Other jobs of this name that have ended, the newest first."""
    activity: Activity
    manager_runs: bool
    now: float


class JobReader:
    """Reads jobs for their pages. For any thread."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._standing = StandingReader(layout)
        self._meters = Meters(layout)
        self._earlier = EarlierRuns(layout)

    def facts(self, job_id: int, now: float) -> JobFacts:
        """The job of this id; NoSuchJob."""
        entry = entry_by_id(self._layout, job_id)
        running = manager_runs(self._layout)
        activity = IDLE
        if entry.ended is None and entry.place == Place.RUNNING:
            # All of them: the use of processors is a difference to the look before.
            others = self._standing.read().running
            known = self._meters.activity(others if entry in others else (*others, entry))
            activity = known.get(key_of(entry), IDLE)
        return JobFacts(
            entry=entry,
            details=details(self._layout, entry),
            earlier=tuple(
                entry_of(row, self._layout)
                for row in self._earlier.runs(entry.name)
                if row.id != job_id
            ),
            activity=activity,
            manager_runs=running,
            now=now,
        )

    def log(self, job_id: int, run: int | None) -> LogTail:
        """The end of its log; Problem where there is none."""
        log = open_log(self._layout, job_id, run)
        with log.file as file:
            piece = tail(file.read_at, file.size, TAIL, ended=log.complete)
            size = file.size
        whole = piece.data.rfind(b"\n") + 1
        view = LogView()
        spans = view.feed(piece.data[:whole].decode("utf-8", "replace"))
        style = view.style
        view.feed(piece.data[whole:].decode("utf-8", "replace"))
        rest = tuple(view.open_line())
        end = piece.start + whole
        return LogTail(tuple(spans), rest, piece.start, end, size, style, log.complete)

    def info_file(self, facts: JobFacts) -> str:
        """What stands in the job's info file, safe to show; empty where it cannot be read."""
        name = str(facts.details.get("info_file") or "")
        if not name or facts.entry.id is None:
            return ""
        try:
            target = job_target(self._layout, facts.entry.id)
            with target.open() as folder, folder.file((name,)) as file:
                data = file.read_at(0, _INFO_FILE)
        except (Problem, OSError, NoSuchJob):
            return ""
        return plain_text(data.decode("utf-8", "replace"))


def entry_by_id(layout: Layout, job_id: int) -> Entry:
    """The job of this id; NoSuchJob. Without a manager its row and records are read."""
    if not 0 <= job_id <= LARGEST_ID:
        raise NoSuchJob(f"there is no job {job_id}")
    entry = None if manager_runs(layout) else _by_row(layout, job_id)
    if entry is None:
        entry = find(layout, str(job_id))
        if entry.id != job_id:
            # A folder may have a number for a name.
            raise NoSuchJob(f"there is no job {job_id}", "The queue shows every job.")
    return entry


def _by_row(layout: Layout, job_id: int) -> Entry | None:
    """By the index that a manager left behind: not all folders have to be read."""
    try:
        with reading(layout.index_file) as index:
            rows = index.rows_of([job_id])
    except sqlite3.Error:
        return None
    path = locate(layout, entry_of(rows[0], layout)) if rows else None
    if path is None:
        return None
    name, place = os.path.basename(path), Place(os.path.basename(os.path.dirname(path)))
    try:
        row = row_from_records(read_records(path, name), name, place, adopt=True)
    except OSError:
        return None
    if row is None or row.id != job_id:
        return None
    why = Explained(str(NOT_RUNNING)) if waits_for_its_turn(row) else None
    return entry_of(row, layout, why)


def finished(entries: tuple[Entry, ...]) -> list[Entry]:
    """Those that ended well."""
    return [entry for entry in entries if entry.state == State.FINISHED]

"""Jobs as programs read them: from the index of a running manager, else from the folders."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeVar

from qm.control.managerlock import manager_runs
from qm.errors import NoSuchJob
from qm.folders.layout import Layout
from qm.index import IndexReader, reading
from qm.model import ACTIVE_STATES, State
from qm.view import Entry, Query, View, load
from qm.view.by_index import arrivals_by_index
from qm.view.entries import Limits, entry_of
from qm.view.load import trusted_facts
from qm.view.paging import Page, Wanted, count_by_index, count_of, explained, page_by_index, page_of
from qm.view.query import EVERYTHING
from web.running_logs import RunningLogs

T = TypeVar("T")

_ACTIVE = ", ".join(f"'{state.value}'" for state in sorted(ACTIVE_STATES))
_SPARE = 10.0
"""Reading all folders takes at most one part in this of the time."""
_LEAST = 1.0
_LOGS = 1000
"""Running jobs whose figures are remembered."""


class Listed(NamedTuple):
    """A page with how many jobs there are on all of them; None where nobody counted."""

    page: Page
    total: int | None
    manager_runs: bool


class Standing(NamedTuple):
    """How the queue stands, in numbers."""

    manager_runs: bool
    counts: Mapping[str, int]
    """How many jobs there are in each state that is no end."""
    ended: Mapping[str, int]
    """How many ended in each state since a moment."""
    running: tuple[Entry, ...]
    processors: int | None
    """That QM may use; None where nobody tells."""
    obstacle: str | None
    """Why nothing is started."""


class JobReader:
    """Reads jobs for any thread."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._logs = RunningLogs(layout)
        self._logs_lock = threading.Lock()
        self._folders_lock = threading.Lock()
        self._folders: View | None = None
        self._folders_until = 0.0

    def page(self, wanted: Wanted) -> Listed:
        """A page; on the first one it is counted how many there are."""
        first = wanted.after is None

        def read(index: IndexReader, facts: Limits) -> Listed:
            page = page_by_index(index, self._layout, facts, wanted, time.time())
            total = count_by_index(index, self._layout, wanted) if first else None
            return Listed(page, total, True)

        found = self._by_index(read)
        if found is not None:
            return found
        view = self._by_folders()
        total = count_of(view.entries, wanted) if first else None
        return Listed(page_of(view.entries, wanted), total, view.manager_runs)

    def short(self, since: str | None, brief: int) -> View:
        """What runs, and at most ``brief`` each of what waits and of what ended since then."""
        return load(self._layout, since, Query(brief=brief))

    def job(self, job_id: int) -> Entry:
        """One job with its reason; NoSuchJob."""

        def read(index: IndexReader, facts: Limits) -> Entry | None:
            rows = index.rows_of([job_id]) if job_id < 1 << 63 else []
            if not rows:
                return None
            reasons = explained(index, facts, rows, time.time())
            return entry_of(rows[0], self._layout, reasons.get(job_id))

        found = self._by_index(read)
        if found is None and not manager_runs(self._layout):
            entries = self._by_folders().entries
            found = next((entry for entry in entries if entry.id == job_id), None)
        if found is None:
            raise NoSuchJob(f"there is no job {job_id}", "`qm list --all` shows every job.")
        return found

    def standing(self, since: str) -> Standing:
        """How the queue stands; ended jobs are counted from this UTC time on."""

        def read(index: IndexReader, facts: Limits) -> Standing:
            counts = index.count_by("state", "ended IS NULL")
            arriving = len(arrivals_by_index(index, self._layout, EVERYTHING))
            rows = index.rows(f"ended IS NULL AND state IN ({_ACTIVE})", (), "ORDER BY id")
            return Standing(
                manager_runs=True,
                counts=counts | ({State.ARRIVING.value: arriving} if arriving else {}),
                ended=index.count_by("state", "ended >= ?", (since,)),
                running=tuple(entry_of(row, self._layout) for row in rows),
                processors=facts.capacity.processors,
                obstacle=None if facts.obstacle is None else str(facts.obstacle),
            )

        found = self._by_index(read)
        if found is not None:
            return found
        view = self._by_folders()
        still = [entry for entry in view.entries if entry.ended is None]
        ended = [e for e in view.entries if e.ended is not None and e.ended >= since]
        return Standing(
            manager_runs=view.manager_runs,
            counts=Counter(entry.state for entry in still),
            ended=Counter(entry.state for entry in ended),
            running=tuple(entry for entry in still if entry.state in ACTIVE_STATES),
            processors=None,
            obstacle=None,
        )

    def progress(self, entry: Entry) -> dict[str, Any] | None:
        """How far a running job is: ``fraction``, ``text``, ``left`` (s); None for others."""
        if entry.id is None or entry.state not in ACTIVE_STATES:
            return None
        with self._logs_lock:
            self._logs.keep_at_most(_LOGS)
            figures = self._logs.figures(entry, time.monotonic(), time.time())
        return dict(figures)

    def _by_index(self, read: Callable[[IndexReader, Limits], T]) -> T | None:
        """What ``read`` finds; None without a manager or an index of its."""
        if not manager_runs(self._layout):
            return None
        try:
            with reading(self._layout.index_file) as index, index.snapshot():
                facts = trusted_facts(index, self._layout)
                return None if facts is None else read(index, facts)
        except sqlite3.Error:
            return None  # Deleted or damaged: the manager makes it anew.

    def _by_folders(self) -> View:
        """All jobs there are; read again as seldom as it takes long."""
        with self._folders_lock:
            now = time.monotonic()
            if self._folders is None or now >= self._folders_until:
                self._folders = load(self._layout, None)
                done = time.monotonic()
                self._folders_until = done + max(_LEAST, _SPARE * (done - now))
            return self._folders

"""What the page shows, as text: three lists and one sentence about the manager. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from qm.model import ACTIVE_STATES
from qm.names import shown
from qm.quantities import format_duration
from qm.times import local_text, utc_seconds
from qm.view import Entry, View

LONGEST_LIST = 200
"""Lines of one list; what is beyond is counted."""


@dataclass(frozen=True, slots=True)
class Line:
    """One job, or what arrives. All of it is text for a person."""

    id: str
    name: str
    state: str
    nb_proc: str
    owner: str
    time: str
    reason: str
    info: str


@dataclass(frozen=True, slots=True)
class Listing:
    """A list of the page; ``total`` counts also what ``lines`` leaves out."""

    title: str
    lines: tuple[Line, ...]
    total: int
    if_empty: str

    @property
    def more(self) -> int:
        """How many are not shown."""
        return self.total - len(self.lines)


@dataclass(frozen=True, slots=True)
class Page:
    """The whole page. ``refresh`` is in whole seconds, as browsers take it."""

    folder: str
    manager_runs: bool
    folder_exists: bool
    start_command: str
    listings: tuple[Listing, ...]
    at: str
    refresh: int

    @property
    def title(self) -> str:
        """For the browser's tab."""
        if not self.manager_runs:
            return "QM is not running"
        running, waiting, _ = (listing.total for listing in self.listings)
        return f"QM: {running} running, {waiting} waiting"


def page_of(view: View, folder: str, *, exists: bool, now: float, refresh: float) -> Page:
    """The page for a view of the queue. ``now`` and ``refresh`` are in seconds."""
    entries = view.entries
    running = [entry for entry in entries if entry.state in ACTIVE_STATES]
    ended = [entry for entry in entries if entry.ended is not None]
    waiting = [e for e in entries if e.ended is None and e.state not in ACTIVE_STATES]
    waiting.sort(key=lambda e: (e.id is None, -(e.priority or 0), e.id or 0))
    ended.sort(key=lambda e: (e.ended or "", e.id or 0), reverse=True)
    return Page(
        folder=shown(folder),
        manager_runs=view.manager_runs,
        folder_exists=exists,
        start_command=f'qm --folder "{shown(folder)}" {"serve" if exists else "init"}',
        listings=(
            _listing("Running", running, "Nothing runs.", now),
            _listing("Waiting", waiting, "Nothing waits. Drop a job folder into QM_qJobs.", now),
            _listing("Ended within 24 hours", ended, "Nothing has ended within 24 hours.", now),
        ),
        at=local_text(now),
        refresh=max(1, math.ceil(refresh)),
    )


def _listing(title: str, entries: Sequence[Entry], if_empty: str, now: float) -> Listing:
    lines = tuple(_line(entry, now) for entry in entries[:LONGEST_LIST])
    return Listing(title, lines, len(entries), if_empty)


def _line(entry: Entry, now: float) -> Line:
    return Line(
        id="" if entry.id is None else str(entry.id),
        name=shown(entry.name),
        state=entry.state,
        nb_proc="" if entry.nb_proc is None else str(entry.nb_proc),
        owner=shown(entry.owner or ""),
        time=_time(entry, now),
        reason=shown(entry.reason or ""),
        info=shown(entry.info or ""),
    )


def _time(entry: Entry, now: float) -> str:
    """``for 5 s`` while it waits or runs; when it ended, and after how long, later."""
    submitted, started, ended = map(_seconds, (entry.submitted, entry.started, entry.ended))
    if ended is not None:
        ran = "" if started is None else f", ran {_span(ended - started)}"
        return f"{local_text(ended)}{ran}"
    since = submitted if started is None else started
    return "" if since is None else f"for {_span(now - since)}"


def _seconds(moment: str | None) -> float | None:
    try:
        return utc_seconds(moment) if moment else None
    except ValueError:
        return None


def _span(seconds: float) -> str:
    return format_duration(float(max(0, int(seconds))))

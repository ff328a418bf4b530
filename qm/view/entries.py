"""One line of a list of jobs, and the reasons of those that wait. Data only."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from qm.folders.layout import Layout
from qm.index import ArrivalRow, Row
from qm.model import ACTIVE_STATES, Place, Reason, State
from qm.names import shown
from qm.policy import Capacity, InUse, Waiting, explain, order_of

NOT_RUNNING = Reason("NotRunning", "no QM runs here; qm serve starts one")


@dataclass(frozen=True, slots=True)
class Entry:
    """A job, or with ``id`` None an entry of QM_qJobs that is no job yet.

    Times are UTC as in the records, ``mem`` and ``peak_memory`` are in bytes,
    ``walltime`` and ``cpu_seconds`` in seconds; None where that is not known
    or not true of this state. ``folder`` is the full path, None for a job whose
    folder a person took away; it is for showing, :func:`locate` finds it.
    """

    id: int | None
    name: str
    """Undecodable bytes are shown as ``\\xff``."""
    state: str
    reason: str | None
    """``Word: text``."""
    exit_code: int | None
    signal: str | None
    nb_proc: int | None
    priority: int | None
    owner: str | None
    info: str | None
    submitted: str | None
    started: str | None
    ended: str | None
    folder: str | None
    place: str | None
    attempt: int
    mem: int | None
    walltime: float | None
    cpu_seconds: float | None
    peak_memory: int | None
    inode: int | None

    @property
    def label(self) -> str:
        """``job 7 (name)``, or the name of what is no job yet."""
        name = shown(self.name)
        return name if self.id is None else f"job {self.id} ({name})"

    def as_json(self) -> dict[str, Any]:
        """The object of ``--json``."""
        return {name: getattr(self, name) for name in _IN_JSON}


_IN_JSON = (
    *("id", "name", "state", "reason", "exit_code", "signal", "nb_proc", "priority", "owner"),
    *("info", "submitted", "started", "ended", "folder", "attempt", "mem", "walltime"),
    *("cpu_seconds", "peak_memory"),
)


@dataclass(frozen=True, slots=True)
class View:
    """What was asked for, by id, with arriving entries last; whether a manager runs."""

    entries: tuple[Entry, ...]
    manager_runs: bool


def plain(name: str) -> str:
    """A folder's name as index and JSON have it: undecodable bytes become ``\\xff``."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def entry_of(row: Row, layout: Layout, reason: Reason | None = None) -> Entry:
    """The line of a job; ``reason`` is for one that has none stored."""
    return Entry(
        id=row.id,
        name=row.name,
        state=row.state,
        reason=row.reason if reason is None else str(reason),
        exit_code=row.exit_code,
        signal=row.signal,
        nb_proc=row.nb_proc,
        priority=row.priority,
        owner=row.owner,
        info=row.info,
        submitted=row.submitted,
        started=row.started,
        ended=row.ended,
        folder=None if row.place is None else os.path.join(layout.root, row.place, row.name),
        place=row.place,
        attempt=row.attempt,
        mem=row.mem,
        walltime=row.walltime,
        cpu_seconds=row.cpu_seconds,
        peak_memory=row.peak_memory,
        inode=row.inode,
    )


def arriving(arrival: ArrivalRow, layout: Layout, owner: str | None = None) -> Entry:
    """The line of an entry of QM_qJobs that is no job yet."""
    return Entry(
        id=None,
        name=arrival.name,
        state=State.ARRIVING.value,
        reason=arrival.reason,
        exit_code=None,
        signal=None,
        nb_proc=None,
        priority=None,
        owner=owner,
        info=None,
        submitted=arrival.since,
        started=None,
        ended=None,
        folder=layout.path(Place.WAITING, arrival.name),
        place=Place.WAITING.value,
        attempt=0,
        mem=None,
        walltime=None,
        cpu_seconds=None,
        peak_memory=None,
        inode=None,
    )


def waits_for_its_turn(row: Row) -> bool:
    """True if the reason of this job is to be computed: it is queued, and nothing is in its way."""
    return row.state == State.QUEUED and row.reason is None


def reasons_of(
    rows: Iterable[Row], capacity: Capacity, obstacle: Reason | None
) -> Mapping[int, Reason]:
    """Why each of the queued jobs among all open ``rows`` waits, by id."""
    waiting, in_use = [], []
    for row in rows:
        if waits_for_its_turn(row):
            waiting.append(Waiting(row.id, row.nb_proc, order_of(row.priority, row.arrival)))
        elif row.state in ACTIVE_STATES:
            in_use.append(InUse(row.id, row.nb_proc))
    return explain(waiting, in_use, capacity, obstacle)


def in_order(entries: Iterable[Entry]) -> tuple[Entry, ...]:
    """By id; arriving entries last, in the order in which they were seen."""
    return tuple(
        sorted(entries, key=lambda e: (e.id is None, e.id or 0, e.submitted or "", e.name))
    )

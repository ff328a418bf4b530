"""One line of a list of jobs, and the reasons of those that wait. Data only."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple

from qm.folders.layout import Layout
from qm.index import ArrivalRow, Row
from qm.model import ACTIVE_STATES, Place, Reason, State
from qm.names import shown
from qm.planner import Capacity, Needs, Running, Waiting, explain
from qm.times import utc_text

NOT_RUNNING = Reason("NotRunning", "no QM runs here; qm serve starts one")


class Entry(NamedTuple):
    """A job, or with ``id`` None an entry of QM_qJobs that is no job yet.

    Times are UTC as in the records, ``mem`` and ``peak_memory`` are in bytes,
    ``walltime`` and ``cpu_seconds`` in seconds; None where that is not known
    or not true of this state. ``folder`` is the full path, None for a job whose
    folder a person took away; it is for showing, :func:`locate` finds it.
    A tuple, not a dataclass: a list of 100,000 jobs makes as many of them.
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
    attempt: int
    mem: int | None
    walltime: float | None
    cpu_seconds: float | None
    peak_memory: int | None
    nb_gpu: int | None
    expected_start: str | None
    """Of a waiting job, where it can be known."""
    place: str | None
    inode: int | None
    arrival: int | None

    @property
    def label(self) -> str:
        """``job 7 (name)``, or the name of what is no job yet."""
        name = shown(self.name)
        return name if self.id is None else f"job {self.id} ({name})"

    def as_json(self) -> dict[str, Any]:
        """The object of ``--json``."""
        return dict(zip(IN_JSON, self, strict=False))


IN_JSON = Entry._fields[: Entry._fields.index("place")]
"""The members of an entry that ``--json`` shows, in their order."""


class View(NamedTuple):
    """What was asked for, in its order, and whether a manager runs."""

    entries: tuple[Entry, ...]
    manager_runs: bool
    more_waiting: int = 0
    """Entries that wait and are left out, where a short list was asked for."""
    more_ended: int = 0


class Explained(NamedTuple):
    """Why a queued job waits, and when it will start (UTC; None: nobody knows)."""

    reason: str
    expected_start: str | None = None


def plain(name: str) -> str:
    """A folder's name as index and JSON have it: undecodable bytes become ``\\xff``."""
    if name.isascii():
        return name
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def entry_of(row: Row, layout: Layout, explained: Explained | None = None) -> Entry:
    """The line of a job; ``explained`` is for one that has no reason stored."""
    reason, start = (row.reason, None) if explained is None else explained
    folder = None if row.place is None else _prefix(layout.root, row.place) + row.name
    return Entry(
        *(row.id, row.name, row.state, reason, row.exit_code, row.signal, row.nb_proc),
        *(row.priority, row.owner, row.info, row.submitted, row.started, row.ended, folder),
        *(row.attempt, row.mem, row.walltime, row.cpu_seconds, row.peak_memory, row.nb_gpu),
        *(start, row.place, row.inode, row.arrival),
    )


@lru_cache
def _prefix(root: str, place: str) -> str:
    return os.path.join(root, place, "")


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
        attempt=0,
        mem=None,
        walltime=None,
        cpu_seconds=None,
        peak_memory=None,
        nb_gpu=None,
        expected_start=None,
        place=Place.WAITING.value,
        inode=None,
        arrival=None,
    )


def waits_for_its_turn(row: Row) -> bool:
    """True if the reason of this job is to be computed: it is queued, and nothing is in its way."""
    return row.state == State.QUEUED and row.reason is None


@dataclass(frozen=True, slots=True)
class Limits:
    """What the manager decides by, as it tells it in the index."""

    capacity: Capacity
    reserve_after: float | None
    obstacle: Reason | None


def reasons_of(rows: Iterable[Row], limits: Limits, now: float) -> Mapping[int, Explained]:
    """Why each of the queued jobs among all open ``rows`` waits, by id, and until when.

    ``now`` is in seconds since the epoch.
    """
    waiting, running = [], []
    for row in rows:
        if waits_for_its_turn(row):
            waiting.append(_waiting(row))
        elif row.state in ACTIVE_STATES:
            running.append(_running(row, now))
    told = explain(
        waiting,
        running,
        limits.capacity,
        now,
        limits.reserve_after,
        obstacle=limits.obstacle,
    )
    return {
        job_id: Explained(
            str(one.reason),
            None if one.expected_start is None else utc_text(one.expected_start),
        )
        for job_id, one in told.items()
    }


def _waiting(row: Row) -> Waiting:
    since = seconds(row.submitted) or 0.0
    return Waiting(row.id, _needs(row), row.walltime, row.priority, row.arrival, since)


def _running(row: Row, now: float) -> Running:
    started = seconds(row.started)
    started = now if started is None else started
    # One that stands still ends nobody knows when.
    known = row.walltime is not None and row.state != State.SUSPENDED
    ends = started + row.walltime if known and row.walltime is not None else None
    return Running(row.id, _needs(row), row.priority, row.arrival, started, ends)


def _needs(row: Row) -> Needs:
    return Needs(row.nb_proc, row.mem or 0, row.nb_gpu)


def order_of_start(entry: Entry) -> tuple[bool, int, int, str]:
    """Which of the waiting jobs starts first; what is no job yet comes after them."""
    return (entry.id is None, -(entry.priority or 0), entry.arrival or 0, entry.submitted or "")


def seconds(moment: str | None) -> float | None:
    """Seconds since the epoch of a UTC time as the records have it; None where it is none."""
    if moment is None:
        return None
    try:
        return datetime.fromisoformat(moment).timestamp()
    except (TypeError, ValueError):
        return None  # Something else in a line of the history that a person edited.

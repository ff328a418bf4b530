"""The view of a running manager's index."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping

from qm.folders.layout import Layout
from qm.index import ArrivalRow, IndexReader, Row
from qm.model import ACTIVE_STATES, WAITING_STATES, Reason
from qm.planner import Capacity
from qm.view.conditions import Conditions
from qm.view.entries import (
    Entry,
    Explained,
    Limits,
    View,
    arriving,
    entry_of,
    reasons_of,
    waits_for_its_turn,
)
from qm.view.query import Query, arrange, is_id, matcher

_BY_COLUMN = frozenset({"id", "name", "priority", "submitted", "started", "ended"})
"""What SQLite sorts by as :func:`arrange` does."""
_ACTIVE = ", ".join(f"'{state.value}'" for state in sorted(ACTIVE_STATES))


def facts_of(index: IndexReader, holder: str) -> Limits | None:
    """The manager's facts; None where the index does not (yet) show its jobs.

    ``holder`` is what the manager's lock says of who holds it: an index may be
    that of an earlier manager, or one that is still being made.
    """
    said, manager = index.fact("capacity"), index.fact("manager")
    obstacle = index.fact("obstacle")
    try:
        capacity, process = json.loads(said or ""), json.loads(manager or "")["pid"]
        limits = Capacity(
            int(capacity["processors"]),
            capacity.get("memory"),
            int(capacity.get("gpus", 0)),
            bool(capacity["blocking"]),
        )
    except (ValueError, KeyError, TypeError):
        return None
    reason = Reason.parse(obstacle) if obstacle else None
    starting = reason is not None and reason.word == "Starting"
    if starting or f"process {process}" not in holder:
        return None
    return Limits(limits, capacity.get("reserve_after"), reason)


def view_by_index(
    index: IndexReader, layout: Layout, facts: Limits, since: str | None, query: Query, now: float
) -> View:
    """What is open, and what ended since this UTC time (None: ever), as far as asked for.

    To be called within a snapshot: a job that moves on meanwhile is seen once.
    """
    selection = _Selection(index, query)
    rows, more_waiting, more_ended = selection.rows(since)
    reasons: Mapping[int, Explained] = {}
    if any(waits_for_its_turn(row) for row in rows):
        # What starts first does not depend on what is behind it.
        enough = query.is_for_all or query.brief is not None
        everything = rows if enough else index.waiting_and_running()
        reasons = reasons_of(everything, facts, now)
    entries = [entry_of(row, layout, reasons.get(row.id)) for row in rows]
    arrivals = arrivals_by_index(index, layout, query)
    if query.brief is not None:
        waiting = sum(row.state in WAITING_STATES for row in rows)
        left = max(0, query.brief - waiting)
        more_waiting += max(0, len(arrivals) - left)
        del arrivals[left:]
    return View(arrange([*entries, *arrivals], query, now), True, more_waiting, more_ended)


class _Selection:
    """The rows that a query asks for, of which SQLite reads no more than is needed."""

    def __init__(self, index: IndexReader, query: Query) -> None:
        self._index = index
        self._query = query
        self._conditions = Conditions(index, query)

    def rows(self, since: str | None) -> tuple[list[Row], int, int]:
        """The rows, and how many that wait and that have ended are left out."""
        over = "ended IS NOT NULL" if since is None else "ended >= ?"
        ended_after = [] if since is None else [since]
        brief = self._query.brief
        if brief is None:
            tail = self._tail()
            found = self._read("ended IS NULL", [], tail) + self._read(over, ended_after, tail)
            return found, 0, 0
        waits = f"ended IS NULL AND state NOT IN ({_ACTIVE})"
        found = self._read(f"ended IS NULL AND state IN ({_ACTIVE})", [], "")
        waiting = self._read(waits, [], f"ORDER BY priority DESC, arrival LIMIT {brief}")
        ended = self._read(over, ended_after, f"ORDER BY ended DESC, id DESC LIMIT {brief}")
        more_waiting = more_ended = 0
        if len(waiting) == brief:
            more_waiting = self._count(waits, []) - brief
        if len(ended) == brief:
            more_ended = self._count(over, ended_after) - brief
        return found + waiting + ended, more_waiting, more_ended

    def _read(self, part: str, arguments: list[str], tail: str) -> list[Row]:
        conditions = self._conditions
        where = conditions.where(part)
        return self._index.rows(where, [*arguments, *conditions.arguments], tail)

    def _count(self, part: str, arguments: list[str]) -> int:
        conditions = self._conditions
        return self._index.count(conditions.where(part), [*arguments, *conditions.arguments])

    def _tail(self) -> str:
        """So that of each part no more is read than the whole list may show."""
        column, limit = self._query.sort, self._query.limit
        if limit is None or column not in _BY_COLUMN:
            return ""
        way = "DESC" if self._query.reverse else "ASC"
        return f"ORDER BY {column} IS NULL, {column} {way}, id LIMIT {limit}"


def arrivals_by_index(index: IndexReader, layout: Layout, query: Query) -> list[Entry]:
    """What arrives and is asked for, in the order in which it was seen."""
    found = sorted(index.arrivals(), key=lambda arrival: (arrival.since, arrival.name))
    asked_for = matcher(query)
    names = _taken(index, found)
    entries = [arriving(arrival, layout) for arrival in found if arrival.name not in names]
    return [entry for entry in entries if asked_for(entry)]


def _taken(index: IndexReader, arrivals: list[ArrivalRow]) -> set[str]:
    """Names of open jobs: an arrival that has become a job is shown as the job."""
    return index.open_names() if arrivals else set()


def find_by_index(index: IndexReader, layout: Layout, facts: Limits, target: str) -> Entry | None:
    """The job of this id or name; of several the newest open one, else the newest ended."""
    found = row_by_index(index, target)
    if found is None:
        return None
    if isinstance(found, ArrivalRow):
        return arriving(found, layout)
    reasons: Mapping[int, Explained] = {}
    if waits_for_its_turn(found):
        reasons = reasons_of(index.waiting_and_running(), facts, time.time())
    return entry_of(found, layout, reasons.get(found.id))


def row_by_index(index: IndexReader, target: str) -> Row | ArrivalRow | None:
    """The same as the index has it, without the reason of one that waits."""
    rows = index.rows("id=?", (int(target),)) if is_id(target) else []
    rows = rows or index.rows("name=?", (target,))
    row = max(rows, key=newest, default=None)
    if row is not None and row.ended is None:
        return row
    return index.arrival(target) or row


def newest(row: Row) -> tuple[bool, int]:
    """The order of preference among jobs of one name."""
    return row.ended is None, row.id

"""The view of a running manager's index."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from qm.folders.layout import Layout
from qm.index import IndexReader, Row
from qm.model import Reason
from qm.policy import Capacity
from qm.view.entries import Entry, arriving, entry_of, reasons_of, waits_for_its_turn


@dataclass(frozen=True, slots=True)
class Facts:
    """What the manager says of itself: it is told once the index is complete."""

    capacity: Capacity
    obstacle: Reason | None


def facts_of(index: IndexReader, holder: str) -> Facts | None:
    """The manager's facts; None where the index does not (yet) show its jobs.

    ``holder`` is what the manager's lock says of who holds it: an index may be
    that of an earlier manager, or one that is still being made.
    """
    said, manager = index.fact("capacity"), index.fact("manager")
    obstacle = index.fact("obstacle")
    try:
        capacity, process = json.loads(said or ""), json.loads(manager or "")["pid"]
        limits = Capacity(int(capacity["processors"]), bool(capacity["blocking"]))
    except (ValueError, KeyError, TypeError):
        return None
    reason = Reason.parse(obstacle) if obstacle else None
    starting = reason is not None and reason.word == "Starting"
    return None if starting or f"process {process}" not in holder else Facts(limits, reason)


def entries_by_index(
    index: IndexReader, layout: Layout, facts: Facts, since: str | None
) -> list[Entry]:
    """Everything that is open, and what ended since this UTC time (None: ever)."""
    # In the order of a job's life: one that moves on between two reads is seen twice, not never.
    arrivals = index.arrivals()
    open_rows = index.waiting_and_running()
    ended = index.rows("ended IS NOT NULL") if since is None else index.ended_since(since)
    jobs = {row.id: row for row in (*open_rows, *ended)}
    reasons = reasons_of(open_rows, facts.capacity, facts.obstacle)
    names = {row.name for row in open_rows}
    entries = [entry_of(row, layout, _reason(row, reasons)) for row in jobs.values()]
    entries += [arriving(arrival, layout) for arrival in arrivals if arrival.name not in names]
    return entries


def find_by_index(index: IndexReader, layout: Layout, facts: Facts, target: str) -> Entry | None:
    """The job of this id or name; of several the newest open one, else the newest ended."""
    arrivals = [arrival for arrival in index.arrivals() if arrival.name == target]
    rows = index.rows("id=?", (int(target),)) if is_id(target) else []
    rows = rows or index.rows("name=?", (target,))
    row = max(rows, key=newest, default=None)
    if arrivals and (row is None or row.ended is not None):
        return arriving(arrivals[0], layout)
    if row is None:
        return None
    reasons: Mapping[int, Reason] = {}
    if waits_for_its_turn(row):
        reasons = reasons_of(index.waiting_and_running(), facts.capacity, facts.obstacle)
    return entry_of(row, layout, _reason(row, reasons))


def newest(row: Row) -> tuple[bool, int]:
    """The order of preference among jobs of one name."""
    return row.ended is None, row.id


def is_id(target: str) -> bool:
    """True if this can be a job's id: SQLite's integers end at 63 bits."""
    return target.isascii() and target.isdigit() and len(target) < 19


def _reason(row: Row, reasons: Mapping[int, Reason]) -> Reason | None:
    return reasons.get(row.id) if waits_for_its_turn(row) else None

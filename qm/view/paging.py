"""All jobs a page at a time, in an order of the reader's choice: for programs.

Each page begins behind the last entry of the one before, so that the thousandth
costs what the first one does, and nothing is skipped or told twice while jobs end.
In each order those come first that have the value which is sorted by, then
those that have none, and then what is no job yet.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from qm.folders.layout import Layout
from qm.index import IndexReader, Row
from qm.model import ACTIVE_STATES
from qm.view.by_index import arrivals_by_index
from qm.view.conditions import Conditions
from qm.view.ended import has_text, literal
from qm.view.entries import (
    Entry,
    Explained,
    Limits,
    entry_of,
    reasons_of,
    waits_for_its_turn,
)
from qm.view.query import Query, is_id, matcher

SORTS = ("id", "name", "priority", "submitted", "started", "ended")
"""What a page can be sorted by: columns of the index."""

_WITH_VALUE, _WITHOUT_VALUE, _ARRIVING = range(3)
_ACTIVE = ", ".join(f"'{state.value}'" for state in sorted(ACTIVE_STATES))


class Mark(NamedTuple):
    """The place behind an entry: which part of the list it is in, its value, and its id.

    Of what arrives, the value is when it was seen, and its name stands for the id.
    """

    part: int
    value: str | int | None
    id: str | int


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be listed. Of ``query`` the conditions and the order count, not its limits."""

    query: Query = field(default_factory=lambda: Query(reverse=True))
    text: str = ""
    """A part of the name or of the description, whatever its case; or an id."""
    since: str | None = None
    """UTC time: what ended before is left out."""
    size: int = 50
    after: Mark | None = None
    """The end of the page before; None for the first one."""


class Page(NamedTuple):
    """Some entries, and where the next page begins; None after the last one."""

    entries: tuple[Entry, ...]
    next: Mark | None


def page_by_index(
    index: IndexReader, layout: Layout, facts: Limits, wanted: Wanted, now: float
) -> Page:
    """A page from a running manager's index, within a snapshot; ``now`` as for `reasons_of`."""
    rows: list[Row] = []
    begin = _WITH_VALUE if wanted.after is None else wanted.after.part
    for part in range(begin, _ARRIVING):
        if len(rows) <= wanted.size:
            rows += _rows(index, wanted, part, wanted.size + 1 - len(rows))
    reasons = explained(index, facts, rows, now)
    entries = [entry_of(row, layout, reasons.get(row.id)) for row in rows]
    if len(entries) <= wanted.size:
        entries += _arrivals(arrivals_by_index(index, layout, wanted.query), wanted)
    return _cut(entries, wanted)


def page_of(entries: Iterable[Entry], wanted: Wanted) -> Page:
    """The same of entries that were read from the folders, in any order."""
    asked_for = _tells(wanted)
    found = [entry for entry in entries if asked_for(entry)]
    jobs = [entry for entry in found if entry.id is not None]
    after = wanted.after
    listed: list[Entry] = []
    for part in (_WITH_VALUE, _WITHOUT_VALUE):
        chosen = [entry for entry in jobs if mark_of(entry, wanted.query.sort).part == part]
        chosen.sort(key=lambda e: _key(e, wanted), reverse=wanted.query.reverse)
        if after is not None:
            chosen = [entry for entry in chosen if _is_behind(entry, wanted, after)]
        listed += chosen
    return _cut([*listed, *_arrivals([e for e in found if e.id is None], wanted)], wanted)


def count_by_index(index: IndexReader, layout: Layout, wanted: Wanted) -> int:
    """How many entries all pages have together."""
    conditions = _conditions(index, wanted)
    jobs = index.count(conditions.where("1"), conditions.arguments)
    asked_for = _tells(wanted)
    return jobs + sum(map(asked_for, arrivals_by_index(index, layout, wanted.query)))


def count_of(entries: Iterable[Entry], wanted: Wanted) -> int:
    """The same of entries that were read from the folders."""
    return sum(map(_tells(wanted), entries))


def mark_of(entry: Entry, sort: str) -> Mark:
    """The place behind an entry in a list that is sorted so."""
    if entry.id is None:
        return Mark(_ARRIVING, entry.submitted or "", entry.name)
    value = getattr(entry, sort)
    return Mark(_WITHOUT_VALUE if value is None else _WITH_VALUE, value, entry.id)


def explained(
    index: IndexReader, facts: Limits, rows: Iterable[Row], now: float
) -> Mapping[int, Explained]:
    """Why those of ``rows`` wait that wait for their turn, by id."""
    waiting = [row for row in rows if waits_for_its_turn(row)]
    if not waiting:
        return {}
    # What starts first does not depend on what is behind it.
    last = max(waiting, key=lambda row: (-row.priority, row.arrival))
    before = "priority > ? OR (priority = ? AND arrival <= ?)"
    where = f"ended IS NULL AND (state IN ({_ACTIVE}) OR {before})"
    return reasons_of(index.rows(where, (last.priority, last.priority, last.arrival)), facts, now)


def _rows(index: IndexReader, wanted: Wanted, part: int, limit: int) -> list[Row]:
    column, after = wanted.query.sort, wanted.after
    way, sign = ("DESC", "<") if wanted.query.reverse else ("ASC", ">")
    conditions = _conditions(index, wanted)
    if part == _WITHOUT_VALUE:
        if column in ("id", "name", "priority", "submitted"):
            return []  # No job is without.
        conditions.hold(f"{column} IS NULL", [])
        order = f"id {way}"
        if after is not None and after.part == part:
            conditions.hold(f"id {sign} ?", [after.id])
    else:
        order = f"{column} {way}, id {way}"
        conditions.hold(f"{column} IS NOT NULL", [])
        if after is not None:
            # The first half is for SQLite, which does not begin an index by the second one.
            behind = f"{column} {sign}= ? AND ({column}, id) {sign} (?, ?)"
            conditions.hold(behind, [after.value, after.value, after.id])
    return index.rows(
        conditions.where("1"), conditions.arguments, f"ORDER BY {order} LIMIT {limit}"
    )


def _conditions(index: IndexReader, wanted: Wanted) -> Conditions:
    conditions = Conditions(index, wanted.query)
    if wanted.since is not None:
        conditions.hold("(ended IS NULL OR ended >= ?)", [wanted.since])
    if wanted.text:
        pattern = f"%{literal(wanted.text)}%"
        number = int(wanted.text) if is_id(wanted.text) else None
        like = "(name LIKE ? ESCAPE '!' OR info LIKE ? ESCAPE '!' OR id = ?)"
        conditions.hold(like, [pattern, pattern, number])
    return conditions


def _tells(wanted: Wanted) -> Callable[[Entry], bool]:
    """Whether an entry is asked for."""
    is_like = matcher(wanted.query)

    def asked_for(entry: Entry) -> bool:
        recent = wanted.since is None or entry.ended is None or entry.ended >= wanted.since
        return recent and is_like(entry) and (not wanted.text or has_text(entry, wanted.text))

    return asked_for


def _arrivals(arrivals: Iterable[Entry], wanted: Wanted) -> list[Entry]:
    """What arrives and comes behind the page before, what was seen first at the front."""
    asked_for, after = _tells(wanted), wanted.after
    found = [
        entry
        for entry in arrivals
        if asked_for(entry)
        and (after is None or after.part != _ARRIVING or _place(entry) > _place_of(after))
    ]
    return sorted(found, key=_place)


def _place(entry: Entry) -> tuple[str, str]:
    return entry.submitted or "", entry.name


def _place_of(mark: Mark) -> tuple[str, str]:
    return str(mark.value), str(mark.id)


def _key(entry: Entry, wanted: Wanted) -> tuple[Any, int]:
    value = getattr(entry, wanted.query.sort)
    return 0 if value is None else value, entry.id or 0


def _is_behind(entry: Entry, wanted: Wanted, after: Mark) -> bool:
    mark = mark_of(entry, wanted.query.sort)
    if mark.part != after.part:
        return mark.part > after.part
    key, end = _key(entry, wanted), (0 if after.value is None else after.value, after.id)
    return key < end if wanted.query.reverse else key > end


def _cut(entries: list[Entry], wanted: Wanted) -> Page:
    shown = entries[: wanted.size]
    more = len(entries) > wanted.size and bool(shown)
    return Page(tuple(shown), mark_of(shown[-1], wanted.query.sort) if more else None)

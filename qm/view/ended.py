"""Ended jobs, a page at a time, newest first; and how many there are in each state.

A page begins beside the last row of the one before (its time and id), so the
thousandth page costs what the first one does, and no job is skipped or shown
twice while others end.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from qm.folders.layout import Layout
from qm.index import IndexReader, Row
from qm.model import END_STATES
from qm.view.entries import Entry, entry_of
from qm.view.query import is_id

_ENDED = "ended IS NOT NULL"


@dataclass(frozen=True, slots=True)
class EndedQuery:
    """Which ended jobs are asked for; all of the conditions hold."""

    states: frozenset[str] = frozenset()
    """Empty: all of them."""
    owner: str | None = None
    text: str = ""
    """A part of the name or the description, whatever its case; or an id."""
    since: str | None = None
    """UTC time: what ended before is left out."""


class Cursor(NamedTuple):
    """A place between two rows: beside the job of this end and id."""

    ended: str
    id: int


class EndedPage(NamedTuple):
    """Some ended jobs, newest first, and where the pages beside it begin (None: there is none)."""

    entries: tuple[Entry, ...]
    newer: Cursor | None
    older: Cursor | None


def page_by_index(
    index: IndexReader,
    layout: Layout,
    query: EndedQuery,
    size: int,
    *,
    before: Cursor | None = None,
    after: Cursor | None = None,
    sparse: bool = False,
) -> EndedPage:
    """The ``size`` newest jobs, or those older than ``before``, or just newer than ``after``.

    ``sparse``: few jobs have the text of the query. It changes only how they are looked for.
    """
    read = _picked if sparse and query.text else _rows
    rows = read(index, query, size + 1, before, after)
    return _page([entry_of(row, layout) for row in rows], size, before, after)


def page_of(
    entries: Sequence[Entry],
    query: EndedQuery,
    size: int,
    *,
    before: Cursor | None = None,
    after: Cursor | None = None,
) -> EndedPage:
    """The same of entries that were read from the folders, in any order."""
    found = sorted(filter(lambda e: _matches(e, query), entries), key=cursor_of, reverse=True)
    if before is not None:
        found = [entry for entry in found if cursor_of(entry) < before]
    elif after is not None:
        found = [entry for entry in found if cursor_of(entry) > after][-size - 1 :]
        found.reverse()
    return _page(found[: size + 1], size, before, after)


def count_by_index(index: IndexReader, query: EndedQuery) -> dict[str, int]:
    """How many there are in each state; ``query.states`` does not count."""
    conditions, arguments = _conditions(query, plainly=bool(query.text))
    return index.count_by("state", " AND ".join(conditions), arguments)


def count_of(entries: Iterable[Entry], query: EndedQuery) -> dict[str, int]:
    """The same of entries that were read from the folders."""
    anyhow = EndedQuery(owner=query.owner, text=query.text, since=query.since)
    counts: dict[str, int] = {}
    for entry in entries:
        if _matches(entry, anyhow):
            counts[entry.state] = counts.get(entry.state, 0) + 1
    return counts


def cursor_of(entry: Entry) -> Cursor:
    """The place beside an ended job."""
    return Cursor(entry.ended or "", entry.id or 0)


def has_text(entry: Entry, text: str) -> bool:
    """True if a job, ended or not, has this as its id, or in its name or description."""
    wanted = text.lower()
    by_id = is_id(text) and entry.id == int(text)
    return by_id or wanted in entry.name.lower() or wanted in (entry.info or "").lower()


def _rows(
    index: IndexReader, query: EndedQuery, limit: int, before: Cursor | None, after: Cursor | None
) -> list[Row]:
    conditions, arguments = _conditions(query)
    way = _beside("ended", conditions, arguments, before, after)
    tail = f"ORDER BY ended {way}, id {way} LIMIT {limit}"
    if not query.states and query.owner is None:
        return index.rows(" AND ".join(conditions), arguments, tail)
    # A range of an index for each state: with several states at once SQLite would sort
    # all that match before it takes the first ones.
    found: list[Row] = []
    for state in sorted(query.states or END_STATES):
        where = " AND ".join([*conditions, "state = ?"])
        found += index.rows(where, [*arguments, str(state)], tail)
    found.sort(key=lambda row: (row.ended or "", row.id), reverse=way == "DESC")
    return found[:limit]


def _picked(
    index: IndexReader, query: EndedQuery, limit: int, before: Cursor | None, after: Cursor | None
) -> list[Row]:
    """The same by one look through the whole table, in the order in which it lies there.

    To find that few match takes half as long so as by the order of their ends.
    """
    conditions, arguments = _conditions(query, plainly=True)
    way = _beside("+ended", conditions, arguments, before, after)
    if query.states:
        conditions.append(f"+state IN ({', '.join('?' * len(query.states))})")
        arguments += sorted(query.states)
    tail = f"ORDER BY +ended {way}, id {way} LIMIT {limit}"
    return index.rows(" AND ".join(conditions), arguments, tail)


def _beside(
    ended: str,
    conditions: list[str],
    arguments: list[object],
    before: Cursor | None,
    after: Cursor | None,
) -> str:
    """Add what lies on the asked side of a cursor; the direction in which it is read.

    ``ended`` is the column as it is to be written.
    """
    if before is not None:
        conditions.append(f"{ended} <= ? AND ({ended}, id) < (?, ?)")
        arguments += [before.ended, *before]
    elif after is not None:
        conditions.append(f"{ended} >= ? AND ({ended}, id) > (?, ?)")
        arguments += [after.ended, *after]
        return "ASC"
    return "DESC"


def _conditions(query: EndedQuery, *, plainly: bool = False) -> tuple[list[str], list[object]]:
    """Conditions and their arguments. ``plainly``: such that SQLite uses no index for them.

    A text is compared with that of each job, and by an index each one is looked up first.
    """
    no_index = "+" if plainly else ""
    conditions, arguments = [no_index + _ENDED], list[object]()
    if query.owner is not None:
        conditions.append(f"{no_index}owner = ?")
        arguments.append(query.owner)
    if query.since is not None:
        conditions.append(f"{no_index}ended >= ?")
        arguments.append(query.since)
    if query.text:
        pattern = f"%{literal(query.text)}%"
        conditions.append("(name LIKE ? ESCAPE '!' OR info LIKE ? ESCAPE '!' OR id = ?)")
        number = int(query.text) if is_id(query.text) else None
        arguments += [pattern, pattern, number]
    return conditions, arguments


def literal(text: str) -> str:
    """``text`` for LIKE ... ESCAPE '!': its wildcards stand for themselves."""
    for special in "!%_":
        text = text.replace(special, f"!{special}")
    return text


def _page(found: list[Entry], size: int, before: Cursor | None, after: Cursor | None) -> EndedPage:
    """``found`` has one more than ``size`` where there are more in its direction."""
    shown, more = found[:size], len(found) > size
    if after is not None:
        shown.reverse()
    if not shown:
        return EndedPage((), None, None)
    first, last = cursor_of(shown[0]), cursor_of(shown[-1])
    if after is not None:
        return EndedPage(tuple(shown), first if more else None, last)
    return EndedPage(tuple(shown), None if before is None else first, last if more else None)


def _matches(entry: Entry, query: EndedQuery) -> bool:
    if entry.ended is None or (query.states and entry.state not in query.states):
        return False
    if query.owner is not None and entry.owner != query.owner:
        return False
    if query.since is not None and entry.ended < query.since:
        return False
    return not query.text or has_text(entry, query.text)

"""Which row is selected, and where it is after the rows have moved. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from qm.dashboard.snapshot import key_of
from qm.view import Entry

RUNNING, WAITING, RECENT = TABLES = ("running", "waiting", "recent")
"""The tables, from the top."""


@dataclass(frozen=True, slots=True)
class Selection:
    """A row: its table, its place there, and the job that it shows."""

    table: str
    index: int
    key: str


def keep(selection: Selection | None, tables: Mapping[str, Sequence[Entry]]) -> Selection | None:
    """The selection once the tables show other rows.

    It stays on its job, also in another table, and goes with a drop that has
    become a job. Where the job is gone it stays at its place, else it goes to
    the nearest row; None where there are no rows.
    """
    if selection is None:
        return _first(tables)
    found = _find(selection, tables)
    if found is not None:
        return found
    rows = tables[selection.table]
    if not rows:
        return _first(tables)
    return at(selection.table, min(selection.index, len(rows) - 1), tables)


def at(table: str, index: int, tables: Mapping[str, Sequence[Entry]]) -> Selection:
    """The selection of a row that is there."""
    return Selection(table, index, key_of(tables[table][index]))


def step(
    selection: Selection | None, down: bool, tables: Mapping[str, Sequence[Entry]]
) -> Selection | None:
    """One row down or up, from the end of a table to the next one that has rows."""
    rows = [(table, index) for table in TABLES for index in range(len(tables[table]))]
    if not rows:
        return None
    if selection is None or (selection.table, selection.index) not in rows:
        return at(*rows[0], tables)
    place = rows.index((selection.table, selection.index)) + (1 if down else -1)
    return at(*rows[min(max(place, 0), len(rows) - 1)], tables)


def _find(selection: Selection, tables: Mapping[str, Sequence[Entry]]) -> Selection | None:
    for table in (selection.table, *TABLES):
        for index, entry in enumerate(tables[table]):
            if key_of(entry) == selection.key:
                return Selection(table, index, selection.key)
    if not selection.key.startswith("+"):
        return None
    name = selection.key[1:]
    for table in TABLES:
        for index, entry in enumerate(tables[table]):
            if entry.name == name:
                return at(table, index, tables)
    return None


def _first(tables: Mapping[str, Sequence[Entry]]) -> Selection | None:
    for table in TABLES:
        if tables[table]:
            return at(table, 0, tables)
    return None

"""The index of the simulation: a table in memory, in the place of the file and of SQLite."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from random import Random

from bench.simulate.primitives import Event
from qm.index import ArrivalRow, Row
from qm.model import Place


class Shelf:
    """What a database file holds; it outlives managers."""

    def __init__(self) -> None:
        self.there = False
        self.number = 0
        """Another one after it was made anew, as an inode would be."""
        self.rows: dict[int, Row] = {}
        self.arrivals: dict[str, ArrivalRow] = {}
        self.facts: dict[str, str] = {}
        self._before: tuple[dict[int, Row], dict[str, str]] = ({}, {})

    def make(self) -> None:
        """An empty one."""
        self.there = True
        self.number += 1
        self.rows, self.arrivals, self.facts = {}, {}, {}
        self._before = ({}, {})

    def remember(self) -> None:
        """What a power cut may go back to."""
        self._before = dict(self.rows), dict(self.facts)

    def cut(self, random: Random) -> None:
        """Never synced: it may be lost, old, or as it was."""
        match random.randrange(3):
            case 0:
                self.there = False
            case 1:
                rows, facts = self._before
                self.rows, self.facts = dict(rows), dict(facts)

    def ended(self, where: str, value: object) -> list[Row]:
        """The ended jobs of this id or name, the newest first."""
        by_id = where.endswith("id=?")
        found = [
            row
            for row in self.rows.values()
            if row.ended is not None and (row.id if by_id else row.name) == value
        ]
        return sorted(found, key=lambda row: -row.id)


class KeptIndex:
    """Has the methods of `qm.index.Index`, and writes to a shelf."""

    def __init__(self, shelf: Shelf, changed: Event) -> None:
        self._shelf = shelf
        self._changed = changed
        self._opened = 0
        self._rows: dict[int, Row | None] = {}
        self._arrivals: dict[str, ArrivalRow | None] = {}
        self._facts: dict[str, str] = {}

    def open(self) -> bool:
        """True if it holds nothing yet."""
        fresh = not self._shelf.there
        if fresh:
            self._shelf.make()
        self._shelf.remember()
        self._opened = self._shelf.number
        return fresh

    def put(self, row: Row) -> None:
        """Remember a row until the next flush."""
        self._rows[row.id] = row
        self._changed.set()

    def remove(self, job_id: int) -> None:
        """Remember that a job is gone."""
        self._rows[job_id] = None
        self._changed.set()

    def put_arrival(self, name: str, arrival: ArrivalRow | None) -> None:
        """Show an arriving entry, or hide it."""
        self._arrivals[name] = arrival
        self._changed.set()

    def put_fact(self, name: str, value: str) -> None:
        """Remember something about the manager."""
        self._facts[name] = value
        self._changed.set()

    def wait_for_change(self, timeout: float) -> None:
        """Return when something waits to be written, or after so many seconds."""
        self._changed.wait(timeout)

    def wake(self) -> None:
        """Let :meth:`wait_for_change` return."""
        self._changed.set()

    def flush(self) -> None:
        """Write all at once."""
        self._changed.clear()
        if not self._opened:
            return
        if self.is_lost():
            raise sqlite3.OperationalError("the file is gone")
        shelf = self._shelf
        for job_id, row in self._rows.items():
            if row is None:
                shelf.rows.pop(job_id, None)
            else:
                shelf.rows[job_id] = row
        for name, arrival in self._arrivals.items():
            if arrival is None:
                shelf.arrivals.pop(name, None)
            else:
                shelf.arrivals[name] = arrival
        shelf.facts |= self._facts
        self._rows, self._arrivals, self._facts = {}, {}, {}

    def fact(self, name: str) -> str | None:
        """What was written about the manager."""
        return self._shelf.facts.get(name)

    def is_lost(self) -> bool:
        """True if the file was deleted or replaced."""
        return not self._shelf.there or self._shelf.number != self._opened

    def gravity(self, error: Exception) -> int:
        """A file that is gone is made anew at the next look in any case."""
        return 1

    def make_anew(self) -> None:
        """Begin an empty one."""
        self._shelf.make()
        self._opened = self._shelf.number

    def clear_open(self) -> None:
        """What an earlier manager showed as waiting is found again."""
        shelf = self._shelf
        shelf.arrivals.clear()
        shelf.rows = {i: row for i, row in shelf.rows.items() if row.ended is not None}

    def known(self, place: Place) -> list[tuple[int, str, int]]:
        """The ended jobs of one folder: id, name and inode, by id."""
        return sorted(
            (row.id, row.name, row.inode)
            for row in self._shelf.rows.values()
            if row.place == place.value and row.ended is not None
        )

    def ids(self) -> set[int]:
        """The ids of all jobs, of those not written yet as well."""
        gone = {job_id for job_id, row in self._rows.items() if row is None}
        return (self._shelf.rows.keys() | self._rows.keys()) - gone

    def close(self) -> None:
        """Write what waits."""
        with contextlib.suppress(sqlite3.Error):
            self.flush()
        self._opened = 0


class _Reader:
    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf

    def rows(self, where: str, values: tuple[object, ...], tail: str) -> list[Row]:
        return self._shelf.ended(where, values[0])

    def states_of(self, ids: Iterable[int]) -> dict[int, str]:
        rows = self._shelf.rows
        return {job_id: rows[job_id].state for job_id in ids if job_id in rows}


def shelf_reading(shelf: Shelf) -> Callable[[str], object]:
    """What stands in for `qm.index.reading`."""

    @contextmanager
    def reading(path: str) -> Iterator[_Reader]:
        if not shelf.there:
            raise sqlite3.OperationalError("no index")
        yield _Reader(shelf)

    return reading

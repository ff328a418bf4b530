"""Everybody else's side of the index: reads, never writes."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from urllib.parse import quote

from qm.index.rows import BUSY_MS, COLUMNS, VERSION, ArrivalRow, Row

_AT_ONCE = 500
"""Ids in one query: SQLite takes 999 at most where it is old."""


class IndexReader:
    """An index that is open for reading."""

    def __init__(self, path: str) -> None:
        """Open an index that is there; sqlite3.Error where it cannot be read."""
        uri = f"file:{quote(path)}?mode=ro"
        connection = sqlite3.connect(uri, uri=True, timeout=BUSY_MS / 1000, isolation_level=None)
        try:
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            if version != VERSION:
                raise sqlite3.DatabaseError(f"an index of version {version}")
        except sqlite3.Error:
            connection.close()
            raise
        self._connection = connection

    @contextlib.contextmanager
    def snapshot(self) -> Iterator[None]:
        """All that is read inside is of this moment."""
        self._connection.execute("BEGIN")
        try:
            # It begins with the first look, not with BEGIN.
            self._connection.execute("SELECT 1 FROM facts LIMIT 1").fetchall()
            yield
        finally:
            self._connection.execute("ROLLBACK")

    def rows(self, where: str = "1", arguments: Iterable[object] = (), tail: str = "") -> list[Row]:
        """Rows for which the SQL condition ``where`` holds; ``tail`` orders and limits them."""
        query = f"SELECT {', '.join(COLUMNS)} FROM jobs WHERE {where} {tail}"
        return [*map(Row._make, self._connection.execute(query, tuple(arguments)))]

    def count(self, where: str, arguments: Iterable[object] = ()) -> int:
        """How many rows :meth:`rows` would give."""
        query = f"SELECT count(*) FROM jobs WHERE {where}"
        (found,) = self._connection.execute(query, tuple(arguments)).fetchone()
        return int(found)

    def count_by(self, column: str, where: str, arguments: Iterable[object] = ()) -> dict[str, int]:
        """How many rows :meth:`rows` would give, for each value of ``column``."""
        query = f"SELECT {column}, count(*) FROM jobs WHERE {where} GROUP BY {column}"
        return dict(self._connection.execute(query, tuple(arguments)).fetchall())

    def rows_of(self, ids: Iterable[int]) -> list[Row]:
        """The rows of these jobs, as far as they are there."""
        wanted, found = list(ids), []
        for first in range(0, len(wanted), _AT_ONCE):
            some = wanted[first : first + _AT_ONCE]
            found += self.rows(f"id IN ({', '.join('?' * len(some))})", some)
        return found

    def states_of(self, ids: Iterable[int]) -> dict[int, str]:
        """Where these jobs stand, as far as they are there: much cheaper than their rows."""
        wanted = list(ids)
        found: dict[int, str] = {}
        for first in range(0, len(wanted), _AT_ONCE):
            some = wanted[first : first + _AT_ONCE]
            query = f"SELECT id, state FROM jobs WHERE id IN ({', '.join('?' * len(some))})"
            found.update(self._connection.execute(query, some).fetchall())
        return found

    def teach(self, name: str, function: Callable[[str], bool]) -> None:
        """Let SQL conditions call ``name(text)``."""
        self._connection.create_function(name, 1, function, deterministic=True)

    def waiting_and_running(self) -> list[Row]:
        """All jobs that have not ended."""
        return self.rows("ended IS NULL")

    def ended_since(self, moment: str) -> list[Row]:
        """Jobs that ended at this UTC time or later."""
        return self.rows("ended >= ?", (moment,))

    def arrivals(self) -> list[ArrivalRow]:
        """What is in QM_qJobs and no job yet."""
        query = "SELECT name, reason, since FROM arrivals"
        return [*map(ArrivalRow._make, self._connection.execute(query))]

    def arrival(self, name: str) -> ArrivalRow | None:
        """The one of this name; None where there is none."""
        query = "SELECT name, reason, since FROM arrivals WHERE name=?"
        found = self._connection.execute(query, (name,)).fetchone()
        return None if found is None else ArrivalRow._make(found)

    def open_names(self) -> set[str]:
        """The names of all jobs that have not ended."""
        query = "SELECT name FROM jobs WHERE ended IS NULL"
        return {str(name) for (name,) in self._connection.execute(query)}

    def fact(self, name: str) -> str | None:
        """Something about the manager: ``capacity``, ``blocking``, ``obstacle``, …"""
        query = "SELECT value FROM facts WHERE name=?"
        found = self._connection.execute(query, (name,)).fetchone()
        return None if found is None else str(found[0])

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()


@contextlib.contextmanager
def reading(path: str) -> Iterator[IndexReader]:
    """The index at ``path`` for reading; sqlite3.Error where it cannot be read."""
    reader = IndexReader(path)
    try:
        yield reader
    finally:
        reader.close()

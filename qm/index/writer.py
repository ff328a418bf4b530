"""The manager's side of the index: collects rows, writes them together, mends the file."""

from __future__ import annotations

import contextlib
import logging
import os
import sqlite3
import threading
from typing import NamedTuple

from qm.crashpoints import crash_point
from qm.index.rows import COLUMNS, LARGEST, SCHEMA, VERSION, ArrivalRow, Row, as_text
from qm.index.trouble import gravity, remove_index
from qm.model import Place

log = logging.getLogger("qm.index")

_PATIENCE = 1000
_ONCE_LOCKED = 20
"""Milliseconds to wait for another process that writes, who ought not to."""
_INSERT = (
    f"INSERT OR REPLACE INTO jobs ({', '.join(COLUMNS)}) VALUES ({', '.join('?' * len(COLUMNS))})"
)


def _storable(row: Row) -> list[object]:
    """A row as SQLite can keep it: a name with odd bytes may stand in a reason as well."""
    return [value if value is None else _value(value) for value in row]


def _value(value: object) -> object:
    if isinstance(value, str):
        return as_text(value)
    if isinstance(value, int) and not -LARGEST <= value <= LARGEST:
        return LARGEST if value > 0 else -LARGEST
    return value


class _Pending(NamedTuple):
    """What was put and is not written yet."""

    rows: dict[int, Row]
    gone: set[int]
    arrivals: dict[str, ArrivalRow | None]
    facts: dict[str, str]


class Index:
    """The manager's side: collects rows, writes them in one transaction, mends itself."""

    def __init__(self, path: str) -> None:
        self._path = path
        # Two locks: whoever puts a row does not wait while another process keeps the file locked.
        self._lock = threading.Lock()
        self._file = threading.Lock()
        self._rows: dict[int, Row] = {}
        self._gone: set[int] = set()
        self._arrivals: dict[str, ArrivalRow | None] = {}
        self._facts: dict[str, str] = {}
        self._told: dict[str, str] = {}
        self._connection: sqlite3.Connection | None = None
        self._inode = 0
        self._patience = _PATIENCE
        self._changed = threading.Event()

    def open(self) -> bool:
        """Open the file, made anew where it is absent or damaged; True if it holds nothing yet.

        One that cannot be opened now, on a full disk for instance, is lost: see :meth:`is_lost`.
        """
        with self._file:
            try:
                return self._open()
            except (sqlite3.Error, OSError) as error:
                log.warning("the index cannot be opened: %s", error)
                return True

    def _open(self) -> bool:
        fresh = not os.path.exists(self._path)
        try:
            self._connection = self._connect()
        except sqlite3.DatabaseError as error:
            if gravity(error, self._path) == 0:
                raise
            remove_index(self._path)
            fresh = True
            self._connection = self._connect()
        self._inode, self._patience = os.stat(self._path).st_ino, _PATIENCE
        return fresh

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self._path, timeout=_PATIENCE / 1000, isolation_level=None, check_same_thread=False
        )
        try:
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            if version not in (0, VERSION):
                raise sqlite3.DatabaseError(f"an index of version {version}")
            connection.execute("PRAGMA journal_mode=WAL")
            # A view that can be made anew: nothing of it needs to be synced.
            connection.execute("PRAGMA synchronous=OFF")
            connection.executescript(SCHEMA)
            connection.execute(f"PRAGMA user_version={VERSION}")
            connection.execute("SELECT id FROM jobs LIMIT 1").fetchall()
        except sqlite3.Error:
            connection.close()
            raise
        return connection

    def put(self, row: Row) -> None:
        """Remember a row until the next :meth:`flush`."""
        with self._lock:
            self._rows[row.id] = row
            self._gone.discard(row.id)
        self._changed.set()

    def remove(self, job_id: int) -> None:
        """Remember that a job is gone."""
        with self._lock:
            self._rows.pop(job_id, None)
            self._gone.add(job_id)
        self._changed.set()

    def put_arrival(self, name: str, arrival: ArrivalRow | None) -> None:
        """Show an arriving entry, or with None hide it."""
        with self._lock:
            self._arrivals[name] = arrival
        self._changed.set()

    def put_fact(self, name: str, value: str) -> None:
        """Remember something about the manager itself."""
        with self._lock:
            self._facts[name] = self._told[name] = value
        self._changed.set()

    @property
    def dirty(self) -> bool:
        """True if something waits for :meth:`flush`."""
        return bool(self._rows or self._gone or self._arrivals or self._facts)

    def wait_for_change(self, timeout: float) -> None:
        """Return when something waits for :meth:`flush`, or after ``timeout`` seconds."""
        self._changed.wait(timeout)

    def wake(self) -> None:
        """Let :meth:`wait_for_change` return."""
        self._changed.set()

    def flush(self) -> None:
        """Write all that was put, in one transaction. sqlite3.Error where that fails;
        what was put is kept for the next time.
        """
        with self._file:
            self._changed.clear()
            pending = self._take()
            if pending is None or self._connection is None:
                return
            try:
                self._write(self._connection, pending)
            except BaseException:
                self._keep(pending)
                self._changed.set()
                self._wait_for_others(self._connection, _ONCE_LOCKED)
                raise
            self._wait_for_others(self._connection, _PATIENCE)

    def _wait_for_others(self, connection: sqlite3.Connection, milliseconds: int) -> None:
        """How long a write waits for a lock of another process: once one has come, jobs do not
        wait for it with every write.
        """
        if milliseconds != self._patience:
            self._patience = milliseconds
            with contextlib.suppress(sqlite3.Error):
                connection.execute(f"PRAGMA busy_timeout={milliseconds}")

    def _take(self) -> _Pending | None:
        with self._lock:
            if self._connection is None or not self.dirty:
                return None
            taken = _Pending(self._rows, self._gone, self._arrivals, self._facts)
            self._rows, self._gone, self._arrivals, self._facts = {}, set(), {}, {}
            return taken

    def _keep(self, older: _Pending) -> None:
        """What could not be written waits on, but for what was put again meanwhile."""
        with self._lock:
            older_rows = {i: row for i, row in older.rows.items() if i not in self._gone}
            self._gone |= older.gone - self._rows.keys()
            self._rows = older_rows | self._rows
            self._arrivals = older.arrivals | self._arrivals
            self._facts = older.facts | self._facts

    @staticmethod
    def _write(connection: sqlite3.Connection, pending: _Pending) -> None:
        connection.execute("BEGIN IMMEDIATE")
        try:
            connection.executemany(_INSERT, [_storable(row) for row in pending.rows.values()])
            # Most writes are of rows alone, and each statement takes its time.
            if pending.gone:
                connection.executemany("DELETE FROM jobs WHERE id=?", [(i,) for i in pending.gone])
            if pending.arrivals:
                _write_arrivals(connection, pending.arrivals)
            if pending.facts:
                connection.executemany(
                    "INSERT OR REPLACE INTO facts VALUES (?, ?)",
                    [(name, as_text(value)) for name, value in pending.facts.items()],
                )
            crash_point("index.writing")
            connection.execute("COMMIT")
        except BaseException:
            with contextlib.suppress(sqlite3.Error):
                connection.execute("ROLLBACK")
            raise
        crash_point("index.committed")

    def is_lost(self) -> bool:
        """True if the file was deleted or replaced under us."""
        try:
            return os.stat(self._path).st_ino != self._inode
        except OSError:
            return True

    def gravity(self, error: Exception) -> int:
        """How much an error counts towards giving the file up: see :mod:`qm.index.trouble`."""
        return gravity(error, self._path)

    def make_anew(self) -> None:
        """Close what is left of a lost or damaged index, and begin an empty one. sqlite3.Error
        or OSError where that is not possible now.
        """
        with self._file:
            if self._connection is not None:
                with contextlib.suppress(sqlite3.Error):
                    self._connection.close()
                self._connection, self._inode = None, 0
            remove_index(self._path)
            crash_point("index.removed")
            self._open()
            with self._lock:
                self._facts = dict(self._told)

    def clear_open(self) -> None:
        """At the start: what an earlier manager showed as waiting is found again by listing."""
        with self._file:
            assert self._connection is not None
            self._connection.execute("DELETE FROM arrivals")
            self._connection.execute("DELETE FROM jobs WHERE ended IS NULL")

    def known(self, place: Place) -> list[tuple[int, str, int]]:
        """The ended jobs of one folder: id, name and inode of each, by id. Two may have one name,
        until it is known which of them lies there. sqlite3.Error where it cannot be read.
        """
        with self._file:
            if self._connection is None:
                raise sqlite3.OperationalError("the index is not open")
            query = "SELECT id, name, inode FROM jobs WHERE place=? AND ended IS NOT NULL"
            return self._connection.execute(f"{query} ORDER BY id", (place.value,)).fetchall()

    def ids(self) -> set[int]:
        """The ids of all jobs, of those that wait for :meth:`flush` as well. sqlite3.Error where
        the index cannot be read.
        """
        with self._file:
            if self._connection is None:
                raise sqlite3.OperationalError("the index is not open")
            found = {job_id for (job_id,) in self._connection.execute("SELECT id FROM jobs")}
        with self._lock:
            return (found - self._gone) | self._rows.keys()

    def fact(self, name: str) -> str | None:
        """What was written about the manager, perhaps by an earlier one; None where nothing was."""
        with self._file, contextlib.suppress(sqlite3.Error):
            if self._connection is not None:
                query = "SELECT value FROM facts WHERE name=?"
                row = self._connection.execute(query, (name,)).fetchone()
                return None if row is None else str(row[0])
        return None

    def close(self) -> None:
        """Write what waits and close the file."""
        with contextlib.suppress(sqlite3.Error):
            self.flush()
        with self._file:
            if self._connection is not None:
                self._connection.close()
                self._connection = None


def _write_arrivals(connection: sqlite3.Connection, arrivals: dict[str, ArrivalRow | None]) -> None:
    shown = [(as_text(r.name), as_text(r.reason), r.since) for r in arrivals.values() if r]
    hidden = [(as_text(name),) for name, row in arrivals.items() if row is None]
    connection.executemany("INSERT OR REPLACE INTO arrivals VALUES (?, ?, ?)", shown)
    connection.executemany("DELETE FROM arrivals WHERE name=?", hidden)

"""The index: a view of folders and records in SQLite, for quick answers.

It may be deleted at any moment; the manager notices and makes it anew. Rows
of ended jobs are committed before their folders appear in their last place.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
from collections.abc import Iterable, Iterator
from dataclasses import astuple, dataclass, fields
from urllib.parse import quote

from qm.model import PLACE_OF, Job, Place

_VERSION = 2
_BUSY_MS = 5000
_LARGEST = (1 << 63) - 1


@dataclass(frozen=True, slots=True)
class Row:
    """What the index knows of one job."""

    id: int
    name: str
    state: str
    reason: str | None
    exit_code: int | None
    signal: str | None
    nb_proc: int
    priority: int
    owner: str
    info: str | None
    submitted: str
    started: str | None
    ended: str | None
    place: str | None
    """The folder it lies in; None for a job whose folder a person took away."""
    arrival: int
    attempt: int
    mem: int | None
    walltime: float | None
    cpu_seconds: float | None
    peak_memory: int | None
    inode: int
    nb_gpu: int
    token: str | None
    """Of the current attempt: its processes carry it."""


@dataclass(frozen=True, slots=True)
class ArrivalRow:
    """An entry of QM_qJobs that is no job yet."""

    name: str
    reason: str
    since: str


_COLUMNS = [f.name for f in fields(Row)]
_INSERT = (
    f"INSERT OR REPLACE INTO jobs ({', '.join(_COLUMNS)}) VALUES ({', '.join('?' * len(_COLUMNS))})"
)
_SCHEMA = """
CREATE TABLE IF NOT EXISTS jobs (
    id INTEGER PRIMARY KEY, name TEXT, state TEXT, reason TEXT, exit_code INTEGER, signal TEXT,
    nb_proc INTEGER, priority INTEGER, owner TEXT, info TEXT, submitted TEXT, started TEXT,
    ended TEXT, place TEXT, arrival INTEGER, attempt INTEGER, mem INTEGER, walltime REAL,
    cpu_seconds REAL, peak_memory INTEGER, inode INTEGER, nb_gpu INTEGER, token TEXT
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS jobs_by_name ON jobs (name);
CREATE INDEX IF NOT EXISTS jobs_by_end ON jobs (ended);
CREATE INDEX IF NOT EXISTS jobs_open ON jobs (state) WHERE ended IS NULL;
CREATE TABLE IF NOT EXISTS arrivals (name TEXT PRIMARY KEY, reason TEXT, since TEXT) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID;
"""


def row_of(job: Job, *, vanished: bool = False) -> Row:
    """The row of a job, in the folder that its state belongs in."""
    outcome = job.outcome
    return Row(
        id=job.id,
        name=_text(job.name),
        state=str(job.state),
        reason=None if job.reason is None else str(job.reason),
        exit_code=None if outcome is None else outcome.exit_code,
        signal=None if outcome is None else outcome.signal,
        nb_proc=job.options.nb_proc,
        priority=job.options.priority,
        owner=job.owner,
        info=job.options.info,
        submitted=job.submitted,
        started=job.started,
        ended=None if outcome is None else outcome.ended,
        place=None if vanished else PLACE_OF[job.state].value,
        arrival=job.arrival,
        attempt=job.attempt,
        mem=job.options.mem,
        walltime=job.options.walltime,
        cpu_seconds=None if outcome is None else outcome.cpu_seconds,
        peak_memory=None if outcome is None else outcome.peak_memory,
        inode=job.identity.inode,
        nb_gpu=job.options.nb_gpu,
        token=job.token,
    )


def _text(text: str) -> str:
    """SQLite keeps UTF-8 only: undecodable bytes of names are kept as ``\\xXX`` escapes."""
    if text.isascii():
        return text
    try:
        raw = text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        raw = text.encode("utf-8", "backslashreplace")
    return raw.decode("utf-8", "backslashreplace")


def _storable(row: Row) -> list[object]:
    """A row as SQLite can keep it: a name with odd bytes may stand in a reason as well."""
    return [_value(value) for value in astuple(row)]


def _value(value: object) -> object:
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, int):
        return max(-_LARGEST, min(value, _LARGEST))
    return value


class Index:
    """The manager's side: collects rows, writes them in one transaction, mends itself."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._rows: dict[int, Row] = {}
        self._gone: set[int] = set()
        self._arrivals: dict[str, ArrivalRow | None] = {}
        self._facts: dict[str, str] = {}
        self._told: dict[str, str] = {}
        self._connection: sqlite3.Connection | None = None
        self._inode = 0
        self._changed = threading.Event()

    def open(self) -> bool:
        """Open the file, made anew where it is absent or damaged; True if it was made anew."""
        with self._lock:
            return self._open()

    def _open(self) -> bool:
        fresh = not os.path.exists(self._path)
        try:
            self._connection = self._connect()
        except sqlite3.DatabaseError:
            remove_index(self._path)
            fresh = True
            self._connection = self._connect()
        self._inode = os.stat(self._path).st_ino
        return fresh

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self._path, timeout=_BUSY_MS / 1000, isolation_level=None, check_same_thread=False
        )
        try:
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            if version not in (0, _VERSION):
                raise sqlite3.DatabaseError(f"an index of version {version}")
            connection.execute("PRAGMA journal_mode=WAL")
            # A view that can be made anew: nothing of it needs to be synced.
            connection.execute("PRAGMA synchronous=OFF")
            connection.executescript(_SCHEMA)
            connection.execute(f"PRAGMA user_version={_VERSION}")
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
        with self._lock:
            self._changed.clear()
            if not self.dirty or self._connection is None:
                return
            connection = self._connection
            connection.execute("BEGIN IMMEDIATE")
            try:
                connection.executemany(_INSERT, [_storable(row) for row in self._rows.values()])
                connection.executemany("DELETE FROM jobs WHERE id=?", [(i,) for i in self._gone])
                self._write_arrivals(connection)
                connection.executemany(
                    "INSERT OR REPLACE INTO facts VALUES (?, ?)",
                    [(name, _text(value)) for name, value in self._facts.items()],
                )
                connection.execute("COMMIT")
            except BaseException:
                self._changed.set()
                with contextlib.suppress(sqlite3.Error):
                    connection.execute("ROLLBACK")
                raise
            self._rows, self._gone, self._arrivals, self._facts = {}, set(), {}, {}

    def _write_arrivals(self, connection: sqlite3.Connection) -> None:
        shown = [(_text(r.name), _text(r.reason), r.since) for r in self._arrivals.values() if r]
        hidden = [(_text(name),) for name, row in self._arrivals.items() if row is None]
        connection.executemany("INSERT OR REPLACE INTO arrivals VALUES (?, ?, ?)", shown)
        connection.executemany("DELETE FROM arrivals WHERE name=?", hidden)

    def is_lost(self) -> bool:
        """True if the file was deleted or replaced under us."""
        try:
            return os.stat(self._path).st_ino != self._inode
        except OSError:
            return True

    def make_anew(self) -> None:
        """Close what is left of a lost or damaged index, and begin an empty one."""
        with self._lock:
            if self._connection is not None:
                with contextlib.suppress(sqlite3.Error):
                    self._connection.close()
            remove_index(self._path)
            self._open()
            self._facts = dict(self._told)

    def clear_open(self) -> None:
        """At the start: what an earlier manager showed as waiting is found again by listing."""
        with self._lock:
            assert self._connection is not None
            self._connection.execute("DELETE FROM arrivals")
            self._connection.execute("DELETE FROM jobs WHERE ended IS NULL")

    def known(self, place: Place) -> dict[str, tuple[int, int]]:
        """The ended jobs of one folder: name -> (id, inode)."""
        with self._lock:
            assert self._connection is not None
            rows = self._connection.execute(
                "SELECT name, id, inode FROM jobs WHERE place=? AND ended IS NOT NULL",
                (place.value,),
            )
            return {name: (job_id, inode) for name, job_id, inode in rows}

    def close(self) -> None:
        """Write what waits and close the file."""
        with contextlib.suppress(sqlite3.Error):
            self.flush()
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None


def remove_index(path: str) -> None:
    """Delete the index and SQLite's files beside it."""
    for suffix in ("", "-wal", "-shm"):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path + suffix)


class IndexReader:
    """Everybody else's side: reads, never writes."""

    def __init__(self, path: str) -> None:
        """Open an index that is there; sqlite3.Error where it cannot be read."""
        uri = f"file:{quote(path)}?mode=ro"
        connection = sqlite3.connect(uri, uri=True, timeout=_BUSY_MS / 1000)
        try:
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            if version != _VERSION:
                raise sqlite3.DatabaseError(f"an index of version {version}")
        except sqlite3.Error:
            connection.close()
            raise
        self._connection = connection

    def rows(self, where: str = "1", arguments: Iterable[object] = (), tail: str = "") -> list[Row]:
        """Rows for which the SQL condition ``where`` holds."""
        query = f"SELECT {', '.join(_COLUMNS)} FROM jobs WHERE {where} {tail}"
        return [Row(*values) for values in self._connection.execute(query, tuple(arguments))]

    def waiting_and_running(self) -> list[Row]:
        """All jobs that have not ended."""
        return self.rows("ended IS NULL")

    def ended_since(self, moment: str) -> list[Row]:
        """Jobs that ended at this UTC time or later."""
        return self.rows("ended >= ?", (moment,))

    def arrivals(self) -> list[ArrivalRow]:
        """What is in QM_qJobs and no job yet."""
        query = "SELECT name, reason, since FROM arrivals"
        return [ArrivalRow(*values) for values in self._connection.execute(query)]

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

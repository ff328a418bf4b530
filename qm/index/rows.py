"""What the index keeps: rows of jobs, entries that are no job yet, and the tables of both."""

from __future__ import annotations

from typing import NamedTuple

from qm.model import PLACE_OF, Job

VERSION = 2
BUSY_MS = 5000
"""Milliseconds to wait for another who writes."""
LARGEST = (1 << 63) - 1


class Row(NamedTuple):
    """What the index knows of one job.

    A tuple, not a dataclass: a list of 100,000 jobs makes as many of them.
    """

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


class ArrivalRow(NamedTuple):
    """An entry of QM_qJobs that is no job yet."""

    name: str
    reason: str
    since: str


COLUMNS = Row._fields
SCHEMA = """
CREATE TABLE IF NOT EXISTS jobs (
    id INTEGER PRIMARY KEY, name TEXT, state TEXT, reason TEXT, exit_code INTEGER, signal TEXT,
    nb_proc INTEGER, priority INTEGER, owner TEXT, info TEXT, submitted TEXT, started TEXT,
    ended TEXT, place TEXT, arrival INTEGER, attempt INTEGER, mem INTEGER, walltime REAL,
    cpu_seconds REAL, peak_memory INTEGER, inode INTEGER, nb_gpu INTEGER, token TEXT
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS jobs_by_name ON jobs (name);
CREATE INDEX IF NOT EXISTS jobs_by_end ON jobs (ended);
CREATE INDEX IF NOT EXISTS jobs_open ON jobs (state) WHERE ended IS NULL;
CREATE INDEX IF NOT EXISTS jobs_ended_state ON jobs (state, ended) WHERE ended IS NOT NULL;
CREATE INDEX IF NOT EXISTS jobs_ended_owner ON jobs (owner, state, ended) WHERE ended IS NOT NULL;
CREATE TABLE IF NOT EXISTS arrivals (name TEXT PRIMARY KEY, reason TEXT, since TEXT) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID;
"""


def row_of(job: Job, *, vanished: bool = False) -> Row:
    """The row of a job, in the folder that its state belongs in."""
    outcome = job.outcome
    return Row(
        id=job.id,
        name=as_text(job.name),
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


def as_text(text: str) -> str:
    """``text`` as SQLite can keep it.

    SQLite keeps UTF-8 only: undecodable bytes of names are kept as ``\\xXX`` escapes.
    """
    if text.isascii():
        return text
    try:
        raw = text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        raw = text.encode("utf-8", "backslashreplace")
    return raw.decode("utf-8", "backslashreplace")

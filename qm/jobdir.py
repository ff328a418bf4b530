"""The records of one job folder, read and written by folder handles."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from qm.crashpoints import crash_point
from qm.identity import Identity
from qm.jobfiles import LOG, OWN, set_aside
from qm.model import Job, Outcome, Reason
from qm.osops import FolderHandle, started_at
from qm.osops.shortage import is_passing
from qm.records import (
    DAMAGE,
    LIMIT,
    Claim,
    End,
    Record,
    RecordError,
    decode,
    encode,
    end_from_record,
    end_record,
    job_from_record,
    job_record,
    outcome_from_record,
)
from qm.usagefile import USAGE

STAGED = re.compile(r"\..+\.(\d+)\.new")
"""The name of a record while it is written, and the process that writes it."""
_ATTEMPT_RECORDS = (
    *("start.json", "exit.json", "end.json", "kill", "suspend", "exit.reserved"),
    USAGE,
)


@dataclass(frozen=True, slots=True)
class StartRecord:
    """What a supervisor wrote before it started the script."""

    attempt: int
    token: str
    host: str
    boot: str
    supervisor: int
    """Process id."""
    supervisor_started: float | None
    """Seconds since the epoch, to tell the process from a later one of that id."""
    started: str


@dataclass(frozen=True, slots=True)
class Records:
    """All that a job folder says; None where a record is absent or damaged."""

    identity: Identity
    job: Job | None = None
    claim: Claim | None = None
    start: StartRecord | None = None
    exit: Outcome | None = None
    end: End | None = None
    hold: Reason | None = None
    submit: Record | None = None
    damaged: tuple[str, ...] = ()
    """Names of records that are there and cannot be understood."""
    unarchived: bool = False
    """It is on its way back into the queue: the end of its last attempt lies there still."""
    suspended: bool = False
    """A mark says that the attempt is to stand still."""

    @property
    def is_ours(self) -> bool:
        """True if the records belong to this folder, not to one it was copied from."""
        return self.job is not None and self.job.identity.same_folder(self.identity)

    @property
    def ended(self) -> bool:
        """True if the current attempt has an end."""
        return self.exit is not None or self.end is not None


def read_records(path: str, name: str, expected: Job | None = None) -> Records:
    """Read the records of the folder at ``path``; OSError where that is no folder, or where
    too many files are open just now: what was not read is not absent.

    Exit, start and end records of other attempts than the job's current one
    do not count. ``expected`` is the job that was claimed here, for the case
    that job.json cannot be read any more.
    """
    with FolderHandle.open(path) as folder:
        return records_of(folder, name, expected)


def records_of(folder: FolderHandle, name: str, expected: Job | None = None) -> Records:
    """As :func:`read_records`, for an open folder."""
    identity = folder.identity()
    try:
        own = folder.sub(OWN)
    except OSError as error:
        if is_passing(error):
            raise
        return Records(identity)
    with own:
        return _read(own, identity, name, expected)


def _read(own: FolderHandle, identity: Identity, name: str, expected: Job | None) -> Records:
    damaged: list[str] = []

    def load(file: str) -> Record | None:
        try:
            data = own.read(file, LIMIT)
            return None if data is None else decode(data)
        except (OSError, RecordError) as error:
            if isinstance(error, OSError) and is_passing(error):
                raise
            damaged.append(file)
            return None

    job: Job | None = None
    claim: Claim | None = None
    record = load("job.json")
    if record is not None:
        try:
            job, claim = job_from_record(record, name)
        except RecordError:
            damaged.append("job.json")
    if job is None and expected is not None:
        # Claimed in a boot that nobody knows any more: it may have run.
        job, claim = expected, Claim(boot="", claimed=True)
    submit = load("submit.json")
    hold = read_hold(own)
    if job is None:
        return Records(identity, hold=hold, submit=submit, damaged=tuple(damaged))
    if job.put_back == job.attempt:
        # Put back to run again: whatever lies there of that attempt's end counts no more.
        return Records(
            identity,
            job,
            claim,
            hold=hold,
            submit=submit,
            damaged=tuple(damaged),
            unarchived=own.exists("exit.json") or own.exists("end.json"),
        )
    exit_record, end_loaded = load("exit.json"), load("end.json")
    outcome: Outcome | None = None
    end: End | None = None
    try:
        if exit_record is not None and exit_record.get("attempt") == job.attempt:
            outcome = outcome_from_record(exit_record)
    except RecordError:
        damaged.append("exit.json")
    try:
        if end_loaded is not None:
            end = end_from_record(end_loaded)
            if end.attempt != job.attempt:
                end = None
    except RecordError:
        damaged.append("end.json")
    start = _start(load("start.json"), job)
    return Records(
        identity,
        job,
        claim,
        start,
        outcome,
        end,
        hold,
        submit,
        tuple(damaged),
        suspended=own.exists("suspend"),
    )


def _start(record: Record | None, job: Job) -> StartRecord | None:
    if record is None or record.get("attempt") != job.attempt:
        return None
    try:
        born = record["supervisor_started"]
        return StartRecord(
            attempt=int(record["attempt"]),
            token=str(record["token"]),
            host=str(record["host"]),
            boot=str(record["boot"]),
            supervisor=int(record["supervisor"]),
            supervisor_started=None if born is None else float(born),
            started=str(record["started"]),
        )
    except DAMAGE:
        # Damaged, but it was written: the script may have been started.
        return StartRecord(job.attempt, job.token or "", "", "", 0, None, "")


def read_hold(own: FolderHandle) -> Reason | None:
    """The hold mark: its text is the reason; anybody may make one, empty as well."""
    try:
        data = own.read("hold", 4096)
    except OSError as error:
        if is_passing(error):
            raise
        return Reason("Held", "the hold mark cannot be read")
    if data is None:
        return None
    text = data.decode("utf-8", "replace").strip()
    return Reason.parse(text) if ": " in text else Reason("Held", text or "by a hold mark")


@contextlib.contextmanager
def own_folder(path: str, *, create: bool = False) -> Iterator[FolderHandle]:
    """The ``.qm`` of the job folder at ``path``, opened; made where ``create`` says so."""
    with FolderHandle.open(path) as folder, folder.sub(OWN, create=create) as own:
        yield own


def write_job(own: FolderHandle, job: Job, claim: Claim, *, sync: bool = False) -> None:
    """Write ``job.json`` atomically; with ``sync`` it is on disk, and so is its name."""
    own.write("job.json", encode(job_record(job, claim)), sync=sync)
    if sync:
        own.sync()


def write_end(own: FolderHandle, end: End, *, sync: bool) -> None:
    """Write ``end.json``: how an attempt without an exit record ended."""
    own.write("end.json", encode(end_record(end)), sync=sync)


def write_ended(own: FolderHandle, job: Job, claim: Claim, end: End, *, sync: bool) -> None:
    """Write ``job.json`` and ``end.json``; with ``sync`` both are on disk, names and all."""
    own.write("job.json", encode(job_record(job, claim)), sync=sync)
    crash_point("close.recorded", job.name)
    write_end(own, end, sync=sync)
    if sync:
        own.sync()


def write_kill(own: FolderHandle, job: Job, reason: Reason, grace: float, request: str) -> None:
    """Mark the current attempt to be stopped; its supervisor obeys, manager or not."""
    mark: dict[str, Any] = {
        "attempt": job.attempt,
        "token": job.token,
        "reason": reason.word,
        "text": reason.text,
        "grace": grace,
        "request": request,
    }
    own.write("kill", encode(mark), sync=False)


def write_suspend(own: FolderHandle, job: Job, *, suspended: bool) -> None:
    """Mark the current attempt to stand still, or take the mark away."""
    if suspended:
        own.write("suspend", encode({"attempt": job.attempt, "token": job.token}), sync=False)
    else:
        own.remove("suspend")


def write_hold(own: FolderHandle, reason: Reason | None) -> None:
    """Set the hold mark, or with None take it away."""
    if reason is None:
        own.remove("hold")
    else:
        own.write("hold", f"{reason}\n".encode(), sync=False)


def archive_attempt(folder: FolderHandle, own: FolderHandle, attempt: int) -> None:
    """Put the records and the log of an attempt into ``attempt-N/``; repeat as you like."""
    names = [name for name in _ATTEMPT_RECORDS if own.exists(name)]
    if not names and not folder.exists(LOG):
        return
    with own.sub(f"attempt-{attempt}", create=True) as archive:
        for name in names:
            own.rename(name, name, archive)
        crash_point("archive.records_moved", folder.path)
        if folder.exists(LOG) and not archive.exists(LOG):
            folder.rename(LOG, LOG, archive)


def sweep_staged(own: FolderHandle) -> None:
    """Remove records that a process which is gone has left half-written under a dot-name.

    What cannot be removed hinders nobody.
    """
    with contextlib.suppress(OSError):
        for name in own.names():
            found = STAGED.fullmatch(name)
            if found is not None and started_at(int(found[1])) is None:
                own.remove(name)


def set_aside_old(folder: FolderHandle) -> None:
    """Rename what a drop brought along under the names that QM writes."""
    for name in (OWN, LOG):
        set_aside(folder, name)

"""What is told about a job: frozen data, the record of it, and the JSON that programs get."""

from __future__ import annotations

import os
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from qm.identity import Identity
from qm.model import Job, Reason, State
from qm.records import DAMAGE, Record, RecordError
from qm.times import utc_seconds


class Event(StrEnum):
    """What has happened; the value is what programs are told."""

    ENDED = "ended"
    LOST = "lost"
    BRAKE = "brake"
    TEST = "test"


@dataclass(frozen=True, slots=True)
class Notice:
    """One thing to tell. Times are UTC texts, ``duration`` is in seconds."""

    event: Event
    id: int
    attempt: int
    name: str
    identity: Identity
    """Of the job's folder, by which it is found wherever people have moved it."""
    state: State
    reason: str | None
    exit_code: int | None
    submitted: str
    started: str | None
    ended: str | None
    duration: float | None
    """None for a job that never ran."""
    owner: str
    """A mail address, several with commas between them, or the login name of the folder's owner."""
    folder: str
    """Where it was to lie when this was noted."""
    notify_url: str | None = None
    failed: tuple[int, ...] = ()
    """Of the brake: the jobs that failed."""
    held: tuple[int, ...] = ()
    """Of the brake: the jobs that are on hold now."""

    @property
    def key(self) -> str:
        """A name for this notice that is the same when the same thing is noted again."""
        return f"{self.id}-{self.attempt}-{self.event}"


def notice_of(job: Job, folder: str) -> Notice:
    """What is told of the end of ``job``, which has an outcome; ``folder`` is its last place."""
    assert job.outcome is not None
    started = job.outcome.started or job.started
    return Notice(
        event=Event.LOST if job.state is State.LOST else Event.ENDED,
        id=job.id,
        attempt=job.attempt,
        name=job.name,
        identity=job.identity,
        state=job.state,
        reason=_text_of(job.reason or job.outcome.why()),
        exit_code=job.outcome.exit_code,
        submitted=job.submitted,
        started=started,
        ended=job.outcome.ended,
        duration=_duration(started, job.outcome.ended),
        owner=job.options.e_mail or job.owner,
        folder=folder,
        notify_url=job.options.notify_url,
    )


def brake_notice(
    job: Job, failed: tuple[int, ...], held: tuple[int, ...], reason: Reason, folder: str
) -> Notice:
    """What is told when ``job`` was one failure too many, and the others of its script are held."""
    outcome = job.outcome
    ended = None if outcome is None else outcome.ended
    return Notice(
        event=Event.BRAKE,
        id=job.id,
        attempt=job.attempt,
        name=job.name,
        identity=job.identity,
        state=job.state,
        reason=str(reason),
        exit_code=None if outcome is None else outcome.exit_code,
        submitted=job.submitted,
        started=job.started,
        ended=ended,
        duration=_duration(job.started, ended),
        owner=job.options.e_mail or job.owner,
        folder=folder,
        notify_url=job.options.notify_url,
        failed=failed,
        held=held,
    )


def payload(notice: Notice, folder: str | None, host: str) -> dict[str, Any]:
    """The JSON object for a web address or a command; ``folder`` is None where it is gone."""
    told: dict[str, Any] = {
        "event": str(notice.event),
        "notice": notice.key,
        "id": notice.id,
        "attempt": notice.attempt,
        "name": as_unicode(notice.name),
        "state": str(notice.state),
        "reason": None if notice.reason is None else as_unicode(notice.reason),
        "exit_code": notice.exit_code,
        "submitted": notice.submitted,
        "started": notice.started,
        "ended": notice.ended,
        "duration": notice.duration,
        "owner": as_unicode(notice.owner),
        "folder": None if folder is None else as_unicode(folder),
        "host": host,
    }
    if notice.event is Event.BRAKE:
        told |= {"failed": list(notice.failed), "held": list(notice.held)}
    return told


def as_unicode(text: str) -> str:
    """``text`` without the surrogates of undecodable bytes, which strict readers refuse."""
    try:
        raw = os.fsencode(text)
    except UnicodeEncodeError:
        raw = text.encode("utf-8", "surrogatepass")
    return raw.decode("utf-8", "backslashreplace")


def notice_record(notice: Notice) -> Record:
    """The notice as it lies in the spool."""
    return {
        "event": str(notice.event),
        "id": notice.id,
        "attempt": notice.attempt,
        "name": notice.name,
        "identity": list(notice.identity),
        "state": str(notice.state),
        "reason": notice.reason,
        "exit_code": notice.exit_code,
        "submitted": notice.submitted,
        "started": notice.started,
        "ended": notice.ended,
        "duration": notice.duration,
        "owner": notice.owner,
        "folder": notice.folder,
        "notify_url": notice.notify_url,
        "failed": list(notice.failed),
        "held": list(notice.held),
    }


def notice_from_record(record: Record) -> Notice:
    """The inverse of :func:`notice_record`; RecordError where it is damaged."""
    try:
        device, inode, birth = (int(part) for part in record["identity"])
        return Notice(
            event=Event(record["event"]),
            id=int(record["id"]),
            attempt=int(record["attempt"]),
            name=str(record["name"]),
            identity=Identity(device, inode, birth),
            state=State(record["state"]),
            reason=_text_or_none(record["reason"]),
            exit_code=None if record["exit_code"] is None else int(record["exit_code"]),
            submitted=str(record["submitted"]),
            started=_text_or_none(record["started"]),
            ended=_text_or_none(record["ended"]),
            duration=None if record["duration"] is None else float(record["duration"]),
            owner=str(record["owner"]),
            folder=str(record["folder"]),
            notify_url=_text_or_none(record["notify_url"]),
            failed=tuple(int(one) for one in record["failed"]),
            held=tuple(int(one) for one in record["held"]),
        )
    except DAMAGE as error:
        raise RecordError(f"a notice is damaged: {error!r}") from error


def _text_of(reason: Reason | None) -> str | None:
    return None if reason is None else str(reason)


def _text_or_none(value: object) -> str | None:
    return None if value is None else str(value)


def _duration(started: str | None, ended: str | None) -> float | None:
    if started is None or ended is None:
        return None
    try:
        return max(0.0, round(utc_seconds(ended) - utc_seconds(started), 3))
    except ValueError:
        return None  # A supervisor's record is believed in all but this.

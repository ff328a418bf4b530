"""A job folder's records as the row that the index and the lists show of it."""

from __future__ import annotations

from dataclasses import replace

from qm.index import Row, row_of
from qm.jobdir import Records
from qm.model import Job, Outcome, Place, State


def row_from_records(
    records: Records, name: str, place: Place, *, adopt: bool = False
) -> Row | None:
    """What the records of the folder ``name`` in ``place`` say of its job.

    None where they say nothing usable: no job record, records of another
    folder that this one was copied from (``adopt`` takes these as well, for a
    QM_FOLDER that was restored as a whole), an ended job that a person put back
    into QM_qJobs, or no end in a folder of ended jobs.
    """
    if records.job is None or not (adopt or records.is_ours):
        return None
    job = replace(records.job, name=name, identity=records.identity)
    job_as_it_stands = _ended(job, records) if records.ended else _open(job, records, place)
    if job_as_it_stands is None or (records.ended and place is Place.WAITING):
        return None
    return row_of(job_as_it_stands)._replace(place=place.value)


def _ended(job: Job, records: Records) -> Job:
    """The exit record decides; an end record counts where there is none."""
    if records.exit is not None:
        return _with_outcome(job, records.exit.state(), records.exit)
    assert records.end is not None
    return _with_outcome(job, records.end.state, records.end.outcome)


def _with_outcome(job: Job, state: State, outcome: Outcome) -> Job:
    return replace(job, state=state, reason=outcome.why(), started=outcome.started, outcome=outcome)


def _open(job: Job, records: Records, place: Place) -> Job | None:
    # A claimed job may lie in QM_qJobs: a person moved it there while it ran.
    claimed = records.claim is not None and records.claim.claimed
    if place is Place.RUNNING or (place is Place.WAITING and claimed):
        started = records.start.started or None if records.start is not None else None
        return replace(job, state=State.RUNNING, started=started)
    if place is Place.WAITING:
        state = State.QUEUED if records.hold is None else State.HELD
        return replace(job, state=state, reason=records.hold)
    return None

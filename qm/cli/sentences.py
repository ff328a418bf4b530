"""Sentences about a job, for a person."""

from __future__ import annotations

from qm.cli.columns import time_of
from qm.model import State
from qm.names import shown
from qm.times import local_text, utc_seconds
from qm.view import Entry


def job_text(job_id: int, name: str) -> str:
    """``job 7 (name)``."""
    return f"job {job_id} ({shown(name)})"


def why_sentence(entry: Entry, now: float) -> str:
    """Where the job is and why; ``now`` is in seconds since the epoch."""
    who = entry.label
    if entry.state == State.RUNNING and entry.reason is None:
        started = "" if entry.started is None else f", since {_local(entry.started)}"
        return f"{who} is RUNNING for {time_of(entry, now)}{started}"
    if entry.ended is not None:
        reason = f": {shown(entry.reason)}" if entry.reason else ""
        return f"{who} is {entry.state}, since {_local(entry.ended)}{reason}"
    reason = shown(entry.reason) if entry.reason else "it is just being looked at"
    start = f"; expected to start at {_local(entry.expected_start)}" if entry.expected_start else ""
    return f"{who} is {entry.state}: {reason}{start}"


def _local(moment: str) -> str:
    try:
        return local_text(utc_seconds(moment))
    except ValueError:
        return moment

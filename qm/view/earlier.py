"""How the earlier attempts of a job ended, from the records that were put aside."""

from __future__ import annotations

import os
from typing import Any

from qm.jobdir import own_folder
from qm.jobfiles import OWN
from qm.model import Outcome, State
from qm.osops import FolderHandle
from qm.records import LIMIT, RecordError, decode, end_from_record, outcome_from_record
from qm.view.joblog import earlier_attempts


def earlier(folder: str | None) -> list[dict[str, Any]]:
    """Each attempt before the current one of the job in ``folder``, as JSON has it; what its
    records do not tell is None.
    """
    return [_attempt(folder, number) for number in earlier_attempts(folder) if folder is not None]


def _attempt(folder: str, number: int) -> dict[str, Any]:
    name = f"attempt-{number}"
    found = _end(folder, name)
    state, outcome = found if found is not None else (None, None)
    reason = None if outcome is None else outcome.why()
    return {
        "attempt": number,
        "folder": os.path.join(folder, OWN, name),
        "state": state,
        "reason": None if reason is None else str(reason),
        "exit_code": None if outcome is None else outcome.exit_code,
        "signal": None if outcome is None else outcome.signal,
        "started": None if outcome is None else outcome.started,
        "ended": None if outcome is None else outcome.ended,
        "cpu_seconds": None if outcome is None else outcome.cpu_seconds,
        "peak_memory": None if outcome is None else outcome.peak_memory,
    }


def _end(folder: str, name: str) -> tuple[State, Outcome] | None:
    try:
        with own_folder(folder) as own, own.sub(name) as archive:
            return _read(archive)
    except (OSError, RecordError):
        return None


def _read(archive: FolderHandle) -> tuple[State, Outcome] | None:
    """The exit record decides; an end record counts where there is none."""
    data = archive.read("exit.json", LIMIT)
    if data is not None:
        outcome = outcome_from_record(decode(data))
        return outcome.state(), outcome
    data = archive.read("end.json", LIMIT)
    if data is None:
        return None
    end = end_from_record(decode(data))
    return end.state, end.outcome

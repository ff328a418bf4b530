"""Notices for tests, with values that a test names only where they matter."""

from __future__ import annotations

from typing import Any

from qm.identity import Identity
from qm.model import State
from qm.notify import Event, Notice

SUBMITTED = "2026-01-01T00:00:00.000Z"
STARTED = "2026-01-01T00:01:00.000Z"
ENDED = "2026-01-01T00:02:30.000Z"


def a_notice(job_id: int = 7, **changes: Any) -> Notice:
    """Of a job that failed with exit code 2 after 90 s."""
    values: dict[str, Any] = {
        "event": Event.ENDED,
        "id": job_id,
        "attempt": 1,
        "name": f"job{job_id}",
        "identity": Identity(1, 1000 + job_id, 5),
        "state": State.FAILED,
        "reason": "ExitCode: 2",
        "exit_code": 2,
        "submitted": SUBMITTED,
        "started": STARTED,
        "ended": ENDED,
        "duration": 90.0,
        "owner": "anna@example.org",
        "folder": f"/queue/QM_dJobs/job{job_id}",
    }
    return Notice(**{**values, **changes})

"""Ends without an exit record, decided here and carried out as one Close each."""

from __future__ import annotations

from dataclasses import replace

from qm.core import actions as act
from qm.core.settings import Now
from qm.core.state import CoreState, Ending, changed
from qm.model import NOT_PUT_BACK, Job, Outcome, Place, Reason, State
from qm.records import End
from qm.times import local_text, utc_text


def cancel(state: CoreState, job: Job, place: Place, reason: Reason, now: Now) -> list[act.Action]:
    """End a job whose script has not started."""
    outcome = Outcome(ended=utc_text(now.wall), reason=reason)
    gone = replace(changed(job, State.CANCELLED, reason), outcome=outcome)
    log = f"Job cancelled by QM at: {local_text(now.wall)} ({reason})\n"
    return close(state, act.Close(gone, place, End(job.attempt, State.CANCELLED, outcome), log))


def close(state: CoreState, action: act.Close) -> list[act.Action]:
    """Remember an end that is under way, and do it.

    The end of an attempt that was put back counts no more: this one, of the
    same attempt where none came since, does.
    """
    action = replace(action, job=replace(action.job, put_back=NOT_PUT_BACK))
    state.ending[action.job.id] = Ending(action)
    return [action]

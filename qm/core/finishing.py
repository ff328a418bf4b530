"""The end of an attempt: the end of its job, or another try."""

from __future__ import annotations

from dataclasses import replace

from qm.core import actions as act
from qm.core.braking import on_outcome
from qm.core.depending import on_end
from qm.core.pausing import over_while_pausing
from qm.core.requeueing import requeue
from qm.core.settings import Now
from qm.core.state import CoreState, Ending, changed
from qm.model import Job, Outcome, Place, State
from qm.times import utc_text


def finish(
    state: CoreState, job: Job, place: Place, outcome: Outcome, now: Now
) -> list[act.Action]:
    """An attempt has an exit record: its processors are free now, the folder follows."""
    if job.id in state.runs:
        state.drop_run(job.id)
    if job.state is not State.RUNNING:
        job = changed(job, State.RUNNING, None)
    ended = changed(job, outcome.state(), outcome.why())
    ended = replace(ended, outcome=outcome, started=outcome.started)
    if _is_tried_again(ended, outcome):
        return _try_again(state, job, ended, place, now)
    action = act.Finish(ended, place)
    state.ending[job.id] = Ending(action)
    told = over_while_pausing(state, job.id, f"ended as {ended.state}")
    after = [*on_end(state, ended, now), *on_outcome(state, ended, outcome, now)]
    return [action, *told, *after]


def _is_tried_again(job: Job, outcome: Outcome) -> bool:
    options = job.options
    if job.state is not State.FAILED or job.failures >= options.retries:
        return False
    return not options.retry_on or outcome.exit_code in options.retry_on


def _try_again(state: CoreState, job: Job, ended: Job, place: Place, now: Now) -> list[act.Action]:
    delay = job.options.retry_delay
    again = replace(
        job,
        failures=job.failures + 1,
        put_back=job.attempt,
        not_before=utc_text(now.wall + delay) if delay > 0 else None,
    )
    return requeue(state, again, place, None, ended=ended)

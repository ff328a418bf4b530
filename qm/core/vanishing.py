"""Folders that a person took away: before the script started, and while it runs."""

from __future__ import annotations

from dataclasses import replace

from qm.core import actions as act
from qm.core import events as ev
from qm.core.answers import end_known
from qm.core.depending import on_end, on_taken_away
from qm.core.pausing import over_while_pausing
from qm.core.settings import Now
from qm.core.state import CoreState, Run, changed
from qm.model import Job, Outcome, Reason, State
from qm.times import utc_text

_LOOK_EVERY = 30.0


def on_vanished(state: CoreState, event: ev.Vanished, now: Now) -> list[act.Action]:
    """Its folder is in none of the four. What its supervisor runs, it goes on to run."""
    run = state.runs.get(event.id)
    if run is not None and run.watched:
        # Its script holds the processors until it ends, and nobody else may have them.
        run.probe_at = now.mono + _LOOK_EVERY
        return []
    if run is not None and run.before is None and run.job.started is not None:
        killed = Reason("User", "killed") if run.job.id in state.asked else None
        outcome = Outcome(ended=utc_text(now.wall), started=run.job.started, reason=killed)
        return vanished_while_running(state, run, outcome, now)
    job: Job | None = None
    if run is not None:
        state.drop_run(event.id)
        job = run.before or run.job
    elif event.id in state.requeueing:
        job = state.requeueing.pop(event.id).action.job
    elif event.id in state.jobs:
        job = state.jobs[event.id]
        state.drop_waiting(event.id)
    if job is None:
        return []
    error = f"the folder of job {job.id} is gone"
    asked = state.rerunning.pop(job.id, [])
    told: list[act.Action] = [act.Answer(request, False, {"error": error}) for request in asked]
    return [act.Forget(job), *told, *end_known(state, job), *on_taken_away(state, job.id, now)]


def vanished_while_running(
    state: CoreState, run: Run, outcome: Outcome, now: Now
) -> list[act.Action]:
    """Its end has no folder to be recorded in: history and index keep it."""
    state.drop_run(run.job.id)
    if outcome.state() is State.KILLED:
        ended = changed(run.job, State.KILLED, outcome.why())
    else:
        text = f"its folder was taken away while it ran; it ended with {_how(outcome)}"
        ended = changed(run.job, State.LOST, Reason("Vanished", text))
    job = replace(ended, outcome=replace(outcome, reason=ended.reason))
    told = [*end_known(state, job), *over_while_pausing(state, job.id, f"ended as {job.state}")]
    return [act.Forget(job, record=True), *told, *on_end(state, job, now)]


def _how(outcome: Outcome) -> str:
    if outcome.signal is not None:
        return outcome.signal
    return "nobody saw what" if outcome.exit_code is None else f"code {outcome.exit_code}"

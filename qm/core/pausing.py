"""Suspend and resume: a running job stands still and goes on, with all that it holds."""

from __future__ import annotations

from qm.core import actions as act
from qm.core import events as ev
from qm.core.answers import job_data
from qm.core.depending import on_change
from qm.core.settings import Now
from qm.core.state import CoreState, changed
from qm.model import State


def ask_pause(state: CoreState, event: ev.Asked, job_id: int) -> list[act.Action]:
    """Have a running job stand still (``suspend``) or go on (``resume``)."""
    suspended = event.verb == "suspend"
    run = state.runs.get(job_id)
    if run is None:
        hint = "" if not suspended else "`qm hold` keeps a waiting job from starting."
        error = f"job {job_id} does not run: only a running job is suspended and resumed"
        return [act.Answer(event.request, False, {"error": error, "hint": hint})]
    if run.before is not None or run.job.started is None:
        error = f"job {job_id} is just starting; ask again in a moment"
        return [act.Answer(event.request, False, {"error": error})]
    if suspended is (run.job.state is State.SUSPENDED):
        return [act.Answer(event.request, True, job_data(run.job))]
    state.pausing.setdefault(job_id, []).append((event.request, suspended))
    return [act.Pause(run.job, run.place, suspended)]


def on_paused(state: CoreState, event: ev.Paused, now: Now) -> list[act.Action]:
    """Its processes stand still, or go on."""
    run = state.runs.get(event.id)
    if run is None or run.job.token != event.token or run.before is not None:
        return []
    wanted = State.SUSPENDED if event.suspended else State.RUNNING
    actions: list[act.Action] = []
    if run.job.state is not wanted:
        run.job = changed(run.job, wanted, None)
        if event.suspended:
            run.paused_at = now.wall
        elif run.paused_at is not None:
            run.paused += max(0.0, now.wall - run.paused_at)
            run.paused_at = None
        state.plan_run(run)
        actions += [act.Show(run.job), *on_change(state, event.id, now)]
    asked = state.pausing.pop(event.id, [])
    answers = [act.Answer(r, True, job_data(run.job)) for r, on in asked if on is event.suspended]
    rest = [one for one in asked if one[1] is not event.suspended]
    if rest:
        state.pausing[event.id] = rest
    return [*actions, *answers]


def on_not_paused(state: CoreState, event: ev.NotPaused, now: Now) -> list[act.Action]:
    """It goes on as before: whoever asked is told why."""
    asked = state.pausing.pop(event.id, [])
    rest = [one for one in asked if one[1] is not event.suspended]
    if rest:
        state.pausing[event.id] = rest
    data = {"error": f"job {event.id} cannot be told: {event.why}"}
    return [act.Answer(r, False, data) for r, on in asked if on is event.suspended]


def over_while_pausing(state: CoreState, job_id: int, what: str) -> list[act.Action]:
    """It runs no more: whoever wanted it to stand still, or to go on, is told ``what`` it is."""
    error = f"job {job_id} does not run any more: it {what}"
    asked = state.pausing.pop(job_id, [])
    return [act.Answer(request, False, {"error": error}) for request, _ in asked]

"""Jobs on their way back into the queue: not launched, lost with their machine, tried again."""

from __future__ import annotations

from dataclasses import replace

from qm.core import actions as act
from qm.core import events as ev
from qm.core.answers import job_data
from qm.core.arriving import vacate
from qm.core.braking import held_by_brake
from qm.core.closing import cancel
from qm.core.depending import on_arrival, on_change
from qm.core.marking import set_mark
from qm.core.pausing import over_while_pausing
from qm.core.queueing import enqueue
from qm.core.settings import Now
from qm.core.state import CoreState, Ending, Run, changed
from qm.model import NOT_PUT_BACK, Job, Place, Reason, State

_PROBE_SOON = 1.0


def requeue(
    state: CoreState,
    job: Job,
    place: Place,
    hold: Reason | None,
    *,
    end_tree: bool = False,
    ended: Job | None = None,
) -> list[act.Action]:
    """Put a claimed job back; ``ended``: its attempt has failed, and it is tried again."""
    if job.id in state.runs:
        state.drop_run(job.id)
    action = act.Requeue(job, place, hold, end_tree, ended)
    state.requeueing[job.id] = Ending(action)
    return [action, *over_while_pausing(state, job.id, "is put back into the queue")]


def on_requeued(state: CoreState, event: ev.Requeued, now: Now) -> list[act.Action]:
    """It is back in QM_qJobs."""
    requeueing = state.requeueing.pop(event.id, None)
    if requeueing is None:
        return []
    job = requeueing.action.job
    job = replace(
        job,
        state=State.QUEUED,
        reason=None,
        name=event.name,
        token=None,
        started=None,
        cpus=(),
        gpus=(),
    )
    asked = state.rerunning.pop(job.id, [])
    if job.id in state.asked:
        error = f"job {job.id} was cancelled"
        told = [act.Answer(request, False, {"error": error}) for request in asked]
        return [*told, *cancel(state, job, Place.WAITING, Reason("User", "cancelled"), now)]
    left = vacate(state, event.name, now)
    # What a person lets run again is not held by the brake; what is tried again is.
    brake = None if asked else held_by_brake(state, job)
    hold = event.hold or brake
    if hold is not None:
        job = changed(job, State.HELD, hold)
    actions = [*left, *enqueue(state, job, None, now), *on_change(state, job.id, now)]
    if hold is not None and event.hold is None and job.id in state.jobs:
        actions += set_mark(state, job, hold)
    actions += on_arrival(state, job, now)
    return [*actions, *(act.Answer(r, True, job_data(state.jobs.get(job.id, job))) for r in asked)]


def on_still_locked(state: CoreState, event: ev.StillLocked, now: Now) -> list[act.Action]:
    """It was to be taken back, and runs after all."""
    requeueing = state.requeueing.pop(event.id, None)
    if requeueing is None:
        return []
    job = replace(requeueing.action.job, state=State.RUNNING, reason=None, put_back=NOT_PUT_BACK)
    place = requeueing.action.place
    run = Run(job, place=place, probe_at=now.mono + _PROBE_SOON, claimed_at=now.wall)
    state.add_run(run)
    # Whoever asked for its end while it was taken back meant it running or not.
    killed, grace = Reason("User", "killed"), state.settings.kill_grace
    stops = [act.Stop(job, place, killed, grace, r) for r in state.asked.get(job.id, [])[-1:]]
    error = f"job {job.id} runs"
    asked = state.rerunning.pop(job.id, [])
    refusals = [act.Answer(request, False, {"error": error}) for request in asked]
    return [act.Show(job), *stops, *refusals]

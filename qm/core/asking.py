"""Requests of the command line: kill, hold, release, rm, accepted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from qm.core import actions as act
from qm.core import events as ev
from qm.core.answers import await_submissions, job_data
from qm.core.arriving import vacate
from qm.core.closing import cancel
from qm.core.dependencies import open_job
from qm.core.marking import mark_job, set_mark
from qm.core.pausing import ask_pause
from qm.core.queueing import enqueue
from qm.core.setting import ask_set, not_set
from qm.core.settings import Now
from qm.core.state import STARTING, CoreState, Mark, Run
from qm.core.steering import on_drain, on_limit, on_stop
from qm.model import Place, Reason, State
from qm.names import shown


def on_asked(state: CoreState, event: ev.Asked, now: Now) -> list[act.Action]:
    """Carry out one request; it is answered when it has happened."""
    if event.verb in _FOR_ALL:
        return _FOR_ALL[event.verb](state, event, now)
    if not event.targets:
        return [_no(event, "names no job")]
    if event.verb == "restore":
        return [act.Restore(event.request, event.targets[0])]
    job_id = find(state, event.targets[0])
    if job_id is None and state.obstacle is STARTING:
        # It may be there, and not be known yet.
        state.early.append(event)
        return []
    if job_id is None:
        return _unknown(state, event)
    if event.verb == "kill":
        return _kill(state, event, job_id, now)
    if event.verb in ("hold", "release"):
        return _set_hold(state, event, job_id)
    if event.verb in ("suspend", "resume"):
        return ask_pause(state, event, job_id)
    if event.verb == "set":
        return ask_set(state, event, job_id, now)
    if event.verb == "rerun":
        return [_rerun_open(state, event, job_id)]
    return [_no(event, f"this manager does not know the request {event.verb!r}")]


def find(state: CoreState, target: str) -> int | None:
    """The id of the job in memory that a person means by an id or a folder's name."""
    if target.isascii() and target.isdigit():
        job_id = int(target)
        known = (state.jobs, state.runs, state.ending, state.requeueing, state.accepting)
        if any(job_id in jobs for jobs in known) or state.arrivals.recorded_job(job_id):
            return job_id
    if target in state.by_name:
        return state.by_name[target]
    arrival = state.arrivals.get(target)
    if arrival is not None and arrival.job is not None and arrival.recorded:
        return arrival.job.id
    named = [run.job.id for run in state.runs.values() if run.job.name == target]
    named += [e.action.job.id for e in state.ending.values() if e.action.job.name == target]
    return max(named, default=None)


def _unknown(state: CoreState, event: ev.Asked) -> list[act.Action]:
    target = event.targets[0]
    if target in state.arrivals:
        what = f"{shown(target)} is still arriving; take its folder out of QM_qJobs instead"
        return [_no(event, what)]
    if event.verb == "rerun":
        hold = Reason("User", f"put back on hold by {event.who}")
        return [act.FindToRerun(event.request, target, hold if event.data.get("hold") else None)]
    return [act.AnswerEnded(event.request, event.verb, target)]


def _rerun_open(state: CoreState, event: ev.Asked, job_id: int) -> act.Answer:
    job = open_job(state, job_id)
    if job is not None and job.rerun_by == event.request:
        return act.Answer(event.request, True, job_data(job))
    return _no(event, f"job {job_id} has not ended: only an ended job runs again")


def _no(event: ev.Asked, error: str, **data: Any) -> act.Answer:
    return act.Answer(event.request, False, {"error": error, **data})


def _kill(state: CoreState, event: ev.Asked, job_id: int, now: Now) -> list[act.Action]:
    reason = Reason("User", f"killed by {event.who}")
    state.asked.setdefault(job_id, []).append(event.request)
    run = state.runs.get(job_id)
    if run is not None:
        return _stop(state, run, reason, event)
    gone = Reason("User", f"cancelled by {event.who}")
    if job_id in state.jobs:
        job = state.jobs[job_id]
        state.drop_waiting(job_id)
        return cancel(state, job, Place.WAITING, gone, now)
    arrival, job_again = state.arrivals.of_job(job_id), state.arrivals.recorded_job(job_id)
    if arrival is None or job_again is None:
        return []  # It is on its way to its end, or back into the queue: then it is answered.
    if arrival.busy:
        _withdraw(state, job_id, event.request)
        return [_no(event, _looked_at(arrival.name))]
    del state.arrivals[arrival.name]
    state.dependents.unlink(job_id)
    told = not_set(state, job_id, f"job {job_id} was cancelled")
    return [*told, *cancel(state, job_again, Place.WAITING, gone, now)]


def _looked_at(name: str) -> str:
    return f"{shown(name)} is being looked at just now; try again"


def _withdraw(state: CoreState, job_id: int, request: str) -> None:
    """This request is answered now; earlier ones wait on."""
    state.asked[job_id].remove(request)
    if not state.asked[job_id]:
        del state.asked[job_id]


def _stop(state: CoreState, run: Run, reason: Reason, event: ev.Asked) -> list[act.Action]:
    grace = state.settings.kill_grace if event.grace is None else event.grace
    if run.before is not None:
        run.stop = (reason, grace, event.request)
        return []
    return [act.Stop(run.job, run.place, reason, grace, event.request)]


def _set_hold(state: CoreState, event: ev.Asked, job_id: int) -> list[act.Action]:
    job = state.jobs.get(job_id)
    if job is None and state.arrivals.recorded_job(job_id) is not None:
        return [_no(event, _looked_at(event.targets[0]))]
    if job is None:
        hint = f"`qm suspend {job_id}` lets a running job stand still."
        error = f"job {job_id} does not wait: only a waiting job is held or released"
        return [_no(event, error, hint=hint if job_id in state.runs else "")]
    reason = None if event.verb == "release" else _hold_reason(event)
    if reason is None and job.state is not State.HELD:
        return [_no(event, f"job {job_id} is not held")]
    return set_mark(state, job, reason, event.request)


def _hold_reason(event: ev.Asked) -> Reason:
    said = " ".join(str(event.data.get("reason") or "").split())[:200]
    return Reason("User", f"held by {event.who}" + (f": {said}" if said else ""))


def on_held(state: CoreState, event: ev.Held, now: Now) -> list[act.Action]:
    """The hold mark was set or taken away, or was found just before a claim."""
    actions: list[act.Action] = []
    run = state.runs.get(event.id)
    if run is not None and run.before is not None:
        state.drop_run(event.id)
        if run.stop is not None:
            actions = cancel(state, run.before, Place.WAITING, run.stop[0], now)
        else:
            actions = vacate(state, run.before.name, now)
            actions += enqueue(state, run.before, None, now)
    job = state.jobs.get(event.id)
    if job is None and event.request is not None:
        settling = state.arrivals.recorded_job(event.id)
        if settling is not None:
            # It is looked at again, and that look finds the mark.
            held = State.QUEUED if event.reason is None else State.HELD
            data = {"id": settling.id, "name": settling.name, "state": str(held)}
            return [*actions, act.Answer(event.request, True, data)]
    if job is None:
        answer = "the job does not wait any more"
        refusal = act.Answer(event.request or "", False, {"error": answer})
        return [*actions, refusal] if event.request is not None else actions
    if job.id in state.marks:
        state.marks[job.id] = Mark.WRITTEN
    actions += mark_job(state, job, event.reason, now)
    job = state.jobs[job.id]
    if event.request is not None:
        data = {"id": job.id, "name": job.name, "state": str(job.state)}
        actions.append(act.Answer(event.request, True, data))
    return actions


def _accepted(state: CoreState, event: ev.Asked, now: Now) -> list[act.Action]:
    return await_submissions(state, event.request, event.targets)


def _reload(state: CoreState, event: ev.Asked, now: Now) -> list[act.Action]:
    return [act.Reload(event.request)]


def _remove(state: CoreState, event: ev.Asked, now: Now) -> list[act.Action]:
    for target in event.targets:
        job_id = find(state, target)
        if job_id is not None and job_id not in state.ending:
            run = state.runs.get(job_id)
            what = "is running" if run is not None else "waits"
            hint = f"`qm kill {job_id}` ends it first"
            return [_no(event, f"job {job_id} {what}: only ended jobs are removed; {hint}")]
    return [act.Remove(event.request, event.targets)]


_FOR_ALL: dict[str, Callable[[CoreState, ev.Asked, Now], list[act.Action]]] = {
    "accepted": _accepted,
    "rm": _remove,
    "drain": on_drain,
    "limit": on_limit,
    "stop": on_stop,
    "reload": _reload,
}
"""Requests that are not about one job."""

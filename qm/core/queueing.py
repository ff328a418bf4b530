"""The queue of jobs that wait: what keeps each from starting, and what sets it free."""

from __future__ import annotations

import heapq
from dataclasses import replace

from qm.core import actions as act
from qm.core.closing import close
from qm.core.dependencies import bound_without_ring, cycle, failed, open_job, waits_for
from qm.core.settings import Now
from qm.core.state import STARTING, CoreState, changed, needs_of
from qm.model import Dependency, Job, Outcome, Place, Reason, State
from qm.planner import Waiting
from qm.records import End
from qm.times import known_seconds, local_text, utc_text


def enqueue(state: CoreState, job: Job, fingerprint: int | None, now: Now) -> list[act.Action]:
    """A job lies in QM_qJobs and waits from now on, or is held."""
    state.add_waiting(job, fingerprint)
    looked_up = link(state, job)
    job = state.jobs[job.id]
    # Those before a job that is back may have come to wait for it meanwhile.
    never = failed(state, job) or cycle(state, job)
    if never is not None:
        return [*looked_up, *abort(state, job, never, now)]
    settle(state, job.id, now)
    return [act.Show(state.jobs[job.id]), *looked_up]


def link(state: CoreState, job: Job) -> list[act.Action]:
    """A job waits from now on: bind it, and have jobs before it looked up that have ended."""
    job = bound_without_ring(state, job)
    state.jobs[job.id] = job
    if not job.depends:
        return []
    state.dependents.link(job)
    return [] if state.obstacle is STARTING else _look_up(state, job)


def _look_up(state: CoreState, job: Job) -> list[act.Action]:
    unknown = [one.target for one in job.depends if not _is_known(state, one)]
    ids = {one.target: one.id for one in job.depends if one.id is not None}
    if not unknown:
        return []
    return [act.FindEnded(job.id, {target: ids.get(target) for target in unknown})]


def _is_known(state: CoreState, one: Dependency) -> bool:
    if one.id is None:
        return False
    ends = state.dependents.ends
    if one.id not in ends and open_job(state, one.id) is None:
        lately = state.dependents.recent(one.target, one.id)
        if lately is not None:
            ends[one.id] = lately
    return one.id in ends or open_job(state, one.id) is not None


def review(state: CoreState, job_id: int, now: Now) -> list[act.Action]:
    """What a waiting job's dependencies mean for it now."""
    job = state.jobs.get(job_id)
    if job is None:
        return []
    never = failed(state, job)
    if never is not None:
        return abort(state, job, never, now)
    return settle(state, job_id, now)


def settle(state: CoreState, job_id: int, now: Now) -> list[act.Action]:
    """Let a waiting job stand in the queue, or not yet; shows it where its reason is another."""
    job = state.jobs[job_id]
    if job.state is State.HELD:
        state.planner.remove(job_id)
        return []
    reason = _not_yet(state, job, now)
    if reason is None:
        if job_id not in state.planner or job.reason is not None:
            state.planner.add(_waiting(job))
    else:
        state.planner.remove(job_id)
    if reason == job.reason:
        return []
    state.jobs[job_id] = job = replace(job, reason=reason)
    return [act.Show(job)]


def _waiting(job: Job) -> Waiting:
    options = job.options
    return Waiting(
        id=job.id,
        needs=needs_of(job),
        walltime=options.walltime,
        priority=options.priority,
        arrival=job.arrival,
        since=known_seconds(job.submitted) or 0.0,
    )


def _not_yet(state: CoreState, job: Job, now: Now) -> Reason | None:
    """What a queued job waits for beside its turn."""
    dependency = waits_for(state, job)
    if dependency is not None:
        return dependency
    for moment, word in ((job.options.begin, "BeginTime"), (job.not_before, "Retry")):
        seconds = known_seconds(moment)
        if seconds is not None and seconds > now.wall:
            heapq.heappush(state.due, (seconds, job.id))
            return Reason(word, _at(word, job, local_text(seconds)))
    return None


def _at(word: str, job: Job, when: str) -> str:
    if word == "BeginTime":
        return f"not before {when}"
    return f"attempt {job.failures + 1} of {job.options.retries + 1} at {when}"


def on_due(state: CoreState, now: Now) -> list[act.Action]:
    """Jobs whose time has come."""
    actions: list[act.Action] = []
    while state.due and state.due[0][0] <= now.wall:
        job_id = heapq.heappop(state.due)[1]
        if job_id not in state.jobs:
            continue
        if job_id in state.unfound:
            state.unfound.discard(job_id)
            actions += _look_up(state, state.jobs[job_id])
        actions += review(state, job_id, now)
    return actions


def abort(state: CoreState, job: Job, reason: Reason, now: Now) -> list[act.Action]:
    """A waiting job never starts: one that it comes after did not end as asked."""
    state.drop_waiting(job.id)
    outcome = Outcome(ended=utc_text(now.wall), reason=reason)
    gone = replace(changed(job, State.ABORTED, reason), outcome=outcome)
    log = f"Job aborted by QM at: {local_text(now.wall)} ({reason})\n"
    end = End(job.attempt, State.ABORTED, outcome)
    return close(state, act.Close(gone, Place.WAITING, end, log))

"""What happens to jobs and means something to those that come after them."""

from __future__ import annotations

import heapq
from dataclasses import replace

from qm.core import actions as act
from qm.core import events as ev
from qm.core.dependencies import bound_without_ring, open_job
from qm.core.dependents import KnownEnd
from qm.core.queueing import link, review
from qm.core.settings import Now
from qm.core.state import CoreState
from qm.model import Job

_LOOK_AGAIN = 30.0


def on_start_over(state: CoreState, now: Now) -> list[act.Action]:
    """Every job that was there at the start is known: bind those that come after others."""
    actions: list[act.Action] = []
    waiting = {child for children in state.dependents.awaited.values() for child in children}
    for job_id in sorted(waiting):
        if job_id in state.jobs:
            actions += link(state, state.jobs[job_id])
            actions += review(state, job_id, now)
    return actions


def on_ends_found(state: CoreState, event: ev.EndsFound, now: Now) -> list[act.Action]:
    """The ended jobs that a waiting one comes after, or that there are none."""
    job = state.jobs.get(event.id)
    if job is None:
        return []
    if not event.ends:
        state.unfound.add(job.id)
        heapq.heappush(state.due, (now.wall + _LOOK_AGAIN, job.id))
    depends = []
    for one in job.depends:
        end = event.ends.get(one.target)
        # What ended while the lookup was under way may not have stood there yet.
        lately = state.dependents.recent(one.target, one.id)
        if lately is not None and one.target in event.ends and (end is None or end.id <= lately.id):
            end = lately
        if end is not None and (one.id is None or one.id == end.id):
            one = replace(one, id=end.id)
            if open_job(state, end.id) is None:
                state.dependents.ends[end.id] = end
        depends.append(one)
    rebound = replace(job, depends=tuple(depends))
    actions: list[act.Action] = []
    if rebound != job:
        state.jobs[job.id] = rebound
        actions.append(act.Record(rebound))
    state.dependents.link(rebound)
    return actions + review(state, job.id, now)


def on_arrival(state: CoreState, job: Job, now: Now) -> list[act.Action]:
    """A newer job of a name, or the job of an id, that others come after: they come after it."""
    actions: list[act.Action] = []
    for child_id in _awaiting(state, job):
        child = state.jobs.get(child_id)
        if child is None or child.id == job.id:
            continue
        rebound = bound_without_ring(state, child)
        if rebound != child:
            state.jobs[child.id] = rebound
            state.dependents.link(rebound)
            actions.append(act.Record(rebound))
        actions += review(state, child.id, now)
    return actions


def on_end(state: CoreState, job: Job, now: Now) -> list[act.Action]:
    """A job has ended, on record: those after it may start, or never will."""
    reason = None if job.reason is None else str(job.reason)
    actions = _bind_to_ended(state, job)
    state.dependents.remember(KnownEnd(job.id, job.name, job.state, reason))
    children = state.dependents.children.get(job.id, ())
    return [*actions, *(a for child in sorted(children) for a in review(state, child, now))]


def _bind_to_ended(state: CoreState, job: Job) -> list[act.Action]:
    """Those that wait for a job of this name or id, and know of none yet, come after this one."""
    actions: list[act.Action] = []
    for child_id in _awaiting(state, job):
        child = state.jobs.get(child_id)
        if child is None or child_id == job.id:
            continue
        means = (job.name, str(job.id))
        depends = tuple(
            replace(one, id=job.id) if one.id is None and one.target in means else one
            for one in child.depends
        )
        if depends != child.depends:
            state.jobs[child_id] = child = replace(child, depends=depends)
            state.dependents.link(child)
            actions.append(act.Record(child))
    return actions


def _awaiting(state: CoreState, job: Job) -> list[int]:
    """The waiting jobs that come after something called like this one."""
    awaited = state.dependents.awaited
    return sorted(awaited.get(job.name, set()) | awaited.get(str(job.id), set()))


def on_change(state: CoreState, job_id: int, now: Now) -> list[act.Action]:
    """A job before others is in another state, or is open again."""
    if open_job(state, job_id) is not None:
        state.dependents.reopen(job_id)
    children = state.dependents.children.get(job_id, ())
    return [action for child in sorted(children) for action in review(state, child, now)]


def on_taken_away(state: CoreState, job_id: int, now: Now) -> list[act.Action]:
    """A person took a waiting job away: those after it wait for another of that name."""
    actions: list[act.Action] = []
    for child_id in sorted(state.dependents.children.get(job_id, ())):
        child = state.jobs.get(child_id)
        if child is None:
            continue
        loose = tuple(replace(d, id=None) if d.id == job_id else d for d in child.depends)
        child = bound_without_ring(state, replace(child, depends=loose))
        state.jobs[child_id] = child
        state.dependents.link(child)
        actions += [act.Record(child), *review(state, child_id, now)]
    return actions

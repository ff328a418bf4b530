"""The claim of a waiting job: before its script starts, it is moved and written down."""

from __future__ import annotations

from dataclasses import replace

from qm.core import actions as act
from qm.core import events as ev
from qm.core.arrivals import Arrival
from qm.core.arriving import look, vacate, wait
from qm.core.closing import cancel
from qm.core.depending import on_change
from qm.core.queueing import enqueue
from qm.core.requeueing import requeue
from qm.core.settings import Now
from qm.core.state import CoreState, Run, changed, needs_of
from qm.core.steering import nothing_starts, show_obstacle
from qm.drops import Settling
from qm.model import Job, Place, Reason, State

_FULL_RETRY = 5.0
_STUCK_RETRY = 60.0
_LATE = 600.0
MOST_RECENT = 2000
"""Claims that are remembered: a copy that is overtaken by more of them is hardly still coming."""


def plan(state: CoreState, now: Now) -> list[act.Action]:
    """Claim every job that may start now."""
    if nothing_starts(state) is not None:
        return []
    actions: list[act.Action] = []
    while (job_id := state.planner.next(now.wall)) is not None:
        actions.append(_claim(state, job_id, now))
    return actions


def _claim(state: CoreState, job_id: int, now: Now) -> act.Claim:
    before = state.jobs[job_id]
    fingerprint = state.drop_waiting(job_id)
    needs = state.capacity.demand(needs_of(before))
    job = replace(
        before,
        attempt=before.attempt + 1,
        token=state.new_token(),
        started=None,
        not_before=None,
        cpus=state.cpus.take(needs.processors),
        gpus=state.gpus.take(needs.gpus),
    )
    state.add_run(Run(job, before=before, claimed_at=now.wall))
    state.recent_claims.pop(job.name, None)
    state.recent_claims[job.name] = (now.mono, job.id)
    _forget_claims(state, now)
    return act.Claim(job, fingerprint)


def _forget_claims(state: CoreState, now: Now) -> None:
    recent = state.recent_claims
    while len(recent) > MOST_RECENT or now.mono - next(iter(recent.values()))[0] > _LATE:
        del recent[next(iter(recent))]


def on_claimed(state: CoreState, event: ev.Claimed, now: Now) -> list[act.Action]:
    """The claim is on disk: the script may start."""
    run = state.runs.get(event.job.id)
    if run is None:
        return _claimed_for_nothing(state, event.job)
    run.before = None
    if run.stop is not None:
        state.drop_run(event.job.id)
        return cancel(state, event.job, Place.RUNNING, run.stop[0], now)
    run.job = changed(event.job, State.RUNNING, None)
    start = act.Start(run.job, event.command, event.note)
    return [start, act.Show(run.job), *on_change(state, run.job.id, now)]


def _claimed_for_nothing(state: CoreState, job: Job) -> list[act.Action]:
    """It was held while its claim was under way, and the claim did not see the mark."""
    held = state.jobs.get(job.id)
    if held is None:
        return []
    state.drop_waiting(job.id)
    return requeue(state, job, Place.RUNNING, held.reason if held.state is State.HELD else None)


def _claim_taken_back(state: CoreState, job_id: int) -> Run | None:
    """The run of a claim that came to nothing; None where a hold has ended that claim already."""
    run = state.runs.get(job_id)
    return None if run is None or run.before is None else state.drop_run(job_id)


def on_changed(state: CoreState, event: ev.Changed, now: Now) -> list[act.Action]:
    """It was edited after it had been accepted: it settles again and keeps its place."""
    run = _claim_taken_back(state, event.id)
    if run is None or run.before is None:
        return []
    job = replace(run.before, name=event.name)
    if run.stop is not None:
        return cancel(state, job, Place.WAITING, run.stop[0], now)
    left = vacate(state, event.name, now)
    arrival = Arrival(
        name=event.name,
        order=job.arrival,
        since=job.submitted,
        settling=Settling.begin(now.mono),
        job=job,
        recorded=True,
    )
    state.arrivals[event.name] = arrival
    state.dependents.link(job)
    reason = Reason("Settling", "it was changed after it had been accepted")
    return [*left, act.Show(replace(job, reason=reason)), *look(arrival)]


def on_unclaimable(state: CoreState, event: ev.Unclaimable, now: Now) -> list[act.Action]:
    """It stays in QM_qJobs; with no space left, so does everything."""
    run = _claim_taken_back(state, event.id)
    if run is None or run.before is None:
        return []
    job = run.before
    if run.stop is not None:
        return cancel(state, job, Place.WAITING, run.stop[0], now)
    left = vacate(state, job.name, now)
    if event.full:
        return [*left, *enqueue(state, job, None, now), *block(state, event.reason, now)]
    arrival = Arrival(
        job.name, job.arrival, job.submitted, Settling.begin(now.mono), job=job, recorded=True
    )
    state.arrivals[job.name] = arrival
    state.dependents.link(job)
    return [*left, *wait(state, arrival, event.reason, _STUCK_RETRY, now)]


def block(state: CoreState, reason: Reason, now: Now) -> list[act.Action]:
    """Start nothing for a few seconds, and say why."""
    if state.obstacle is not None and state.obstacle_until is None:
        return []  # What ends by an event is not to end by time.
    state.obstacle, state.obstacle_until = reason, now.mono + _FULL_RETRY
    return [show_obstacle(state)]

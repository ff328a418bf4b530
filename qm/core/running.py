"""From the claim of a job to its end."""

from __future__ import annotations

import heapq
from dataclasses import replace

from qm.core import actions as act
from qm.core import events as ev
from qm.core.answers import end_known
from qm.core.arriving import look, refused, stuck, vacate, wait
from qm.core.closing import cancel, close
from qm.core.settings import Now
from qm.core.state import STARTING, Arrival, CoreState, Ending, Run, changed
from qm.core.vanishing import vanished_while_running
from qm.drops import Settling
from qm.jobdir import Records
from qm.model import Job, Outcome, Place, Reason, State
from qm.policy import Evidence, Reading, fits, read_evidence
from qm.records import End
from qm.times import local_text, utc_text

_LAUNCHES = 3
_FULL_RETRY = 5.0
_STUCK_RETRY = 60.0
_PROBE_EVERY = 3.0
_FOREIGN_EVERY = 30.0
_LATE = 600.0


def plan(state: CoreState, now: Now) -> list[act.Action]:
    """Claim every job that may start now."""
    if state.obstacle is not None:
        return []
    capacity = state.settings.capacity
    actions: list[act.Action] = []
    while True:
        job_id = state.waiting.best(
            lambda nb_proc: fits(nb_proc, state.used, len(state.runs), capacity)
        )
        if job_id is None:
            return actions
        before = state.jobs[job_id]
        fingerprint = state.drop_waiting(job_id)
        job = replace(before, attempt=before.attempt + 1, token=state.new_token(), started=None)
        state.add_run(Run(job, before=before))
        state.recent_claims.pop(job.name, None)
        state.recent_claims[job.name] = (now.mono, job.id)
        while now.mono - next(iter(state.recent_claims.values()))[0] > _LATE:
            del state.recent_claims[next(iter(state.recent_claims))]
        actions.append(act.Claim(job, fingerprint))


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
    return [act.Start(run.job, event.command, event.note), act.Show(run.job)]


def _claimed_for_nothing(state: CoreState, job: Job) -> list[act.Action]:
    """It was held while its claim was under way, and the claim did not see the mark."""
    held = state.jobs.get(job.id)
    if held is None:
        return []
    state.drop_waiting(job.id)
    return _requeue(state, job, Place.RUNNING, held.reason if held.state is State.HELD else None)


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
    left = vacate(state, event.name)
    arrival = Arrival(
        name=event.name,
        order=job.arrival,
        since=job.submitted,
        settling=Settling.begin(now.mono),
        job=job,
        recorded=True,
    )
    state.arrivals[event.name] = arrival
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
    left = vacate(state, job.name)
    if event.full:
        state.add_waiting(job, None)
        return [*left, *block(state, event.reason, now)]
    arrival = Arrival(
        job.name, job.arrival, job.submitted, Settling.begin(now.mono), job=job, recorded=True
    )
    state.arrivals[job.name] = arrival
    return [*left, *wait(state, arrival, event.reason, _STUCK_RETRY, now)]


def block(state: CoreState, reason: Reason, now: Now) -> list[act.Action]:
    """Start nothing for a few seconds, and say why."""
    if state.obstacle is not None and state.obstacle_until is None:
        return []  # What ends by an event is not to end by time.
    state.obstacle, state.obstacle_until = reason, now.mono + _FULL_RETRY
    return [act.ShowObstacle(reason)]


def on_started(state: CoreState, event: ev.Started, now: Now) -> list[act.Action]:
    """The script runs."""
    run = state.runs.get(event.id)
    if run is None or run.job.token != event.token:
        return []
    run.job = replace(run.job, started=event.started)
    return [act.Show(run.job)]


def on_ended(state: CoreState, event: ev.Ended, now: Now) -> list[act.Action]:
    """The attempt is over: its processors are free now, the folder follows."""
    run = state.runs.get(event.id)
    if run is None or run.job.token != event.token:
        return []
    if event.vanished:
        return vanished_while_running(state, run, event.outcome)
    return _finish(state, run.job, run.place, event.outcome)


def _finish(state: CoreState, job: Job, place: Place, outcome: Outcome) -> list[act.Action]:
    if job.id in state.runs:
        state.drop_run(job.id)
    if job.state is not State.RUNNING:
        job = changed(job, State.RUNNING, None)
    ended = changed(job, outcome.state(), outcome.why())
    action = act.Finish(replace(ended, outcome=outcome, started=outcome.started), place)
    state.ending[job.id] = Ending(action)
    return [action]


def on_not_started(state: CoreState, event: ev.NotStarted, now: Now) -> list[act.Action]:
    """The supervisor left it alone: the files say what it is."""
    run = state.runs.get(event.id)
    if run is None or run.job.token != event.token:
        return []
    return [act.Probe(run.job, run.place)]


def on_launch_failed(state: CoreState, event: ev.LaunchFailed, now: Now) -> list[act.Action]:
    """Nothing ran: back into the queue, and on hold after the third time in a row."""
    run = state.runs.get(event.id)
    if run is None or run.job.token != event.token:
        return []
    if event.full:
        blocked = block(state, Reason("DiskFull", event.why), now)
        return blocked + _requeue(state, run.job, run.place, None)
    launches = run.job.launches + 1
    hold = Reason("LaunchFailed", event.why) if launches >= _LAUNCHES else None
    job = replace(run.job, launches=0 if hold else launches)
    return _requeue(state, job, run.place, hold)


def _requeue(
    state: CoreState,
    job: Job,
    place: Place,
    hold: Reason | None,
    *,
    end_tree: bool = False,
) -> list[act.Action]:
    if job.id in state.runs:
        state.drop_run(job.id)
    action = act.Requeue(job, place, hold, end_tree)
    state.requeueing[job.id] = Ending(action)
    return [action]


def on_requeued(state: CoreState, event: ev.Requeued, now: Now) -> list[act.Action]:
    """It is back in QM_qJobs."""
    requeueing = state.requeueing.pop(event.id, None)
    if requeueing is None:
        return []
    job = requeueing.action.job
    job = replace(job, state=State.QUEUED, reason=None, name=event.name, token=None)
    if job.id in state.asked:
        return cancel(state, job, Place.WAITING, Reason("User", "cancelled"), now)
    left = vacate(state, event.name)
    if event.hold is not None:
        job = changed(job, State.HELD, event.hold)
    state.add_waiting(job, None)
    return [*left, act.Show(job)]


def on_still_locked(state: CoreState, event: ev.StillLocked, now: Now) -> list[act.Action]:
    """It was to be taken back, and runs after all."""
    requeueing = state.requeueing.pop(event.id, None)
    if requeueing is None:
        return []
    job = replace(requeueing.action.job, state=State.RUNNING, reason=None)
    place = requeueing.action.place
    state.add_run(Run(job, place=place, probe_at=now.mono + _PROBE_EVERY / 3))
    # Whoever asked for its end while it was taken back meant it running or not.
    killed, grace = Reason("User", "killed"), state.settings.kill_grace
    stops = [act.Stop(job, place, killed, grace, r) for r in state.asked.get(job.id, [])[-1:]]
    return [act.Show(job), *stops]


def on_supervisor_gone(state: CoreState, event: ev.SupervisorGone, now: Now) -> list[act.Action]:
    """Its records and its lock say what that means."""
    run = state.runs.get(event.id)
    if run is None or run.job.token != event.token:
        return []
    run.watched = False
    run.probe_at = now.mono + _PROBE_EVERY
    return [act.Probe(run.job, run.place)]


def on_probed(state: CoreState, event: ev.Probed, now: Now) -> list[act.Action]:
    """The restart table: the same reading of the same files."""
    job, records = event.job, event.records
    run = state.runs.get(job.id)
    known = (state.ending, state.requeueing, state.jobs)
    if run is None and any(job.id in jobs for jobs in known):
        return []
    if run is None and job.id not in state.probing and state.obstacle is not STARTING:
        return []  # Its end came before this answer, and is over.
    state.probing.discard(job.id)
    if run is not None and run.job.attempt != job.attempt:
        return []
    reading = read_evidence(_evidence(state, event))
    state.next_id = max(state.next_id, job.id + 1)
    state.last_order = max(state.last_order, job.arrival)
    if reading is Reading.RUNS or reading is Reading.FOREIGN:
        return _runs(state, event, run, now)
    if reading is Reading.ENDED:
        assert records.exit is not None
        return _finish(state, job, event.place, records.exit)
    among_ended = event.place in (Place.DONE, Place.LOST)
    if among_ended and run is None and records.end is not None:
        return []  # It has ended since it was seen without an end.
    if among_ended and reading is Reading.NOT_STARTED:
        moved = Reason("User", f"its folder was moved to {event.place.value}")
        return cancel(state, job, event.place, moved, now)
    if reading is Reading.NOT_STARTED:
        return _requeue(state, job, event.place, None)
    if job.options.rerunnable:
        return _requeue(state, job, event.place, None, end_tree=True)
    return _lost(state, job, event.place, records, now)


def _evidence(state: CoreState, event: ev.Probed) -> Evidence:
    records = event.records
    claim = records.claim
    return Evidence(
        locked=event.locked,
        has_exit=records.exit is not None,
        has_start=records.start is not None,
        claimed=claim is not None and claim.claimed,
        claim_boot="" if claim is None else claim.boot,
        start_host="" if records.start is None else records.start.host,
        boot=state.settings.boot,
        host=state.settings.host,
    )


def _runs(state: CoreState, event: ev.Probed, run: Run | None, now: Now) -> list[act.Action]:
    start = event.records.start
    actions: list[act.Action] = []
    if run is None:
        started = None if start is None else start.started
        job = replace(event.job, state=State.RUNNING, reason=None, started=started)
        run = Run(job, place=event.place)
        state.add_run(run)
        actions.append(act.Show(job))
    run.place = event.place
    run.probe_at = now.mono + (_PROBE_EVERY if event.locked else _FOREIGN_EVERY)
    if start is not None and event.locked and not run.watched:
        run.watched = True
        actions.append(act.Watch(run.job, start.supervisor, start.supervisor_started))
    return actions


def _lost(state: CoreState, job: Job, place: Place, records: Records, now: Now) -> list[act.Action]:
    if job.id in state.runs:
        state.drop_run(job.id)
    boot = records.claim.boot if records.claim is not None else ""
    if boot != state.settings.boot:
        reason = Reason("MachineDown", "the machine stopped while it ran; nobody saw it end")
    else:
        reason = Reason("SupervisorDied", "the process beside it was killed; nobody saw it end")
    started = None if records.start is None else records.start.started or None
    outcome = Outcome(ended=utc_text(now.wall), started=started, reason=reason)
    log = f"Job lost by QM at: {local_text(now.wall)} ({reason})\n"
    lost = replace(job, state=State.LOST, reason=reason, started=started, outcome=outcome)
    end = End(job.attempt, State.LOST, outcome)
    return close(state, act.Close(lost, place, end, log, end_tree=True))


def on_moved(state: CoreState, event: ev.Moved, now: Now) -> list[act.Action]:
    """An ended job lies in its last place."""
    ending = state.ending.pop(event.id, None)
    if ending is None:
        return []
    job = replace(ending.action.job, name=event.name)
    if job.state is State.REJECTED:
        return refused(state, job, now)
    return end_known(state, job)


def on_unmovable(state: CoreState, event: ev.Unmovable, now: Now) -> list[act.Action]:
    """Somebody holds the folder: try on; nothing else waits for it."""
    ending = state.ending.get(event.id) or state.requeueing.get(event.id)
    if ending is None:
        return []
    actions = stuck(state, event.id, event.why, now)
    if actions is not None:
        return actions
    ending.tries += 1
    ending.retry_at = now.mono + min(0.25 * 2 ** min(ending.tries, 8), 30.0)
    return []


def on_tick(state: CoreState, now: Now) -> list[act.Action]:
    """Probes, second tries and ends of obstacles that are due."""
    actions: list[act.Action] = []
    for run in state.runs.values():
        if run.probe_at is not None and run.probe_at <= now.mono:
            run.probe_at = now.mono + _PROBE_EVERY
            actions.append(act.Probe(run.job, run.place))
    for ending in (*state.ending.values(), *state.requeueing.values()):
        if ending.retry_at is not None and ending.retry_at <= now.mono:
            ending.retry_at = None
            actions.append(ending.action)
    if state.obstacle_until is not None and state.obstacle_until <= now.mono:
        state.obstacle, state.obstacle_until = None, None
        actions.append(act.ShowObstacle(None))
    due = []
    while state.timers and state.timers[0][0] <= now.mono:
        when, name = heapq.heappop(state.timers)
        arrival = state.arrivals.get(name)
        if arrival is not None and arrival.due == when:
            due.append(arrival)
    return actions + [action for arrival in due if not arrival.busy for action in look(arrival)]


def next_wake(state: CoreState) -> float | None:
    """The monotonic time at which :func:`on_tick` has something to do; None: never."""
    times = [run.probe_at for run in state.runs.values() if run.probe_at is not None]
    moving = (*state.ending.values(), *state.requeueing.values())
    times += [ending.retry_at for ending in moving if ending.retry_at is not None]
    if state.obstacle_until is not None:
        times.append(state.obstacle_until)
    if state.timers:
        times.append(state.timers[0][0])
    return min(times, default=None)

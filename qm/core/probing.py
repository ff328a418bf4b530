"""Reading the records of claimed jobs that nobody tells about: the restart table."""

from __future__ import annotations

from dataclasses import replace

from qm.core import actions as act
from qm.core import events as ev
from qm.core.closing import cancel, close
from qm.core.depending import on_arrival, on_change
from qm.core.finishing import finish
from qm.core.pausing import over_while_pausing
from qm.core.requeueing import requeue
from qm.core.settings import Now
from qm.core.state import STARTING, CoreState, Run
from qm.jobdir import Records
from qm.model import Job, Outcome, Place, Reason, State
from qm.policy import Evidence, Reading, read_evidence
from qm.records import End
from qm.times import local_text, utc_text

PROBE_EVERY = 3.0
_FOREIGN_EVERY = 30.0


def on_supervisor_gone(state: CoreState, event: ev.SupervisorGone, now: Now) -> list[act.Action]:
    """Its records and its lock say what that means."""
    run = state.runs.get(event.id)
    if run is None or run.job.token != event.token:
        return []
    run.watched = False
    run.probe_at = now.mono + PROBE_EVERY
    return [act.Probe(run.job, run.place)]


def on_probed(state: CoreState, event: ev.Probed, now: Now) -> list[act.Action]:
    """The restart table: the same reading of the same files."""
    job, records = event.job, event.records
    run = state.runs.get(job.id)
    known = (state.ending, state.requeueing, state.jobs)
    if run is None and any(job.id in jobs for jobs in known):
        return []
    if run is None and state.arrivals.of_job(job.id) is not None:
        return []  # A person moved it back meanwhile, and it is being looked at.
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
        return finish(state, job, event.place, records.exit, now)
    among_ended = event.place in (Place.DONE, Place.LOST)
    if records.unarchived and reading is Reading.NOT_STARTED:
        return requeue(state, job, event.place, None)  # It was on its way back into the queue.
    if records.end is not None:
        return _ended_before(state, job, event.place, records.end)
    if among_ended and reading is Reading.NOT_STARTED:
        if run is not None:
            state.drop_run(job.id)
        moved = Reason("User", f"its folder was moved to {event.place.value}")
        return cancel(state, job, event.place, moved, now)
    if reading is Reading.NOT_STARTED:
        return requeue(state, job, event.place, None)
    if job.options.rerunnable:
        return requeue(state, job, event.place, None, end_tree=True)
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
        suspended = event.records.suspended
        standing = State.SUSPENDED if suspended else State.RUNNING
        job = replace(event.job, state=standing, reason=None, started=started)
        run = Run(job, place=event.place, claimed_at=now.wall)
        run.paused_at = now.wall if suspended else None
        state.add_run(run)
        actions += [act.Show(job), *on_change(state, job.id, now), *on_arrival(state, job, now)]
    run.place = event.place
    run.probe_at = now.mono + (PROBE_EVERY if event.locked else _FOREIGN_EVERY)
    if start is not None and event.locked and not run.watched:
        run.watched = True
        actions.append(act.Watch(run.job, start.supervisor, start.supervisor_started))
    return actions


def _ended_before(state: CoreState, job: Job, place: Place, end: End) -> list[act.Action]:
    """Its end stands on record; the folder was moved since, or could not be moved yet."""
    if job.id in state.runs:
        state.drop_run(job.id)
    elif place in (Place.DONE, Place.LOST):
        return []
    outcome = end.outcome
    ended = replace(job, state=end.state, reason=outcome.why(), outcome=outcome)
    return close(state, act.Close(replace(ended, started=outcome.started), place, end, ""))


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
    told = over_while_pausing(state, job.id, f"ended as {lost.state}")
    return [*close(state, act.Close(lost, place, end, log, end_tree=True)), *told]

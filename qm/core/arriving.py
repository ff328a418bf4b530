"""From the first sight of a folder in QM_qJobs to a job that waits."""

from __future__ import annotations

from dataclasses import replace

from qm.core import actions as act
from qm.core import events as ev
from qm.core.accepting import accept, is_sealed, reject
from qm.core.answers import end_known, end_refused, submission_known
from qm.core.arrivals import Arrival
from qm.core.braking import held_by_brake
from qm.core.closing import cancel
from qm.core.depending import on_arrival, on_end, on_taken_away
from qm.core.marking import look_at_mark, set_mark
from qm.core.queueing import enqueue
from qm.core.setting import is_set, not_set
from qm.core.settings import Now
from qm.core.state import STARTING, CoreState, Ending, changed
from qm.drops import Refuse, Settling, Wait, judge
from qm.inspection import Inspection, Kind
from qm.jobdir import Records
from qm.model import Job, Place, Reason, State
from qm.names import shown
from qm.times import utc_text

_STUCK_RETRY = 60.0
_FULL_RETRY = 5.0
_MARKS = 100
"""So many held jobs are looked at, every few seconds, for marks taken away by hand."""


def on_appeared(state: CoreState, event: ev.Appeared, now: Now) -> list[act.Action]:
    """A name is there, or may be another folder than before: look at it."""
    if event.name in state.by_name:
        return [act.Inspect(event.name, known=True)]
    arrival = state.arrivals.get(event.name)
    if arrival is None:
        arrival = Arrival(
            name=event.name,
            order=state.next_order(now.wall),
            since=utc_text(now.wall),
            settling=Settling.begin(now.mono),
        )
        state.arrivals[event.name] = arrival
    arrival.settling.committed |= event.committed
    return look(arrival)


def look(arrival: Arrival) -> list[act.Action]:
    """Have the arrival looked at, once more where that is under way already."""
    if arrival.busy:
        arrival.again = True
        return []
    arrival.busy = True
    return [act.Inspect(arrival.name, known=not arrival.recorded)]


def on_gone(state: CoreState, event: ev.Gone, now: Now) -> list[act.Action]:
    """A listing misses it, perhaps one from before it was put back: look."""
    if event.name in state.by_name:
        return [act.Inspect(event.name, known=True)]
    arrival = state.arrivals.get(event.name)
    return [] if arrival is None else look(arrival)


def on_present(state: CoreState, event: ev.Present, now: Now) -> list[act.Action]:
    """What lies there and is unknown has appeared; what is known and not there is gone."""
    moving = {run.before.name for run in state.runs.values() if run.before is not None}
    moving |= {e.action.job.name for e in (*state.ending.values(), *state.requeueing.values())}
    unknown = event.names - state.by_name.keys() - state.arrivals.keys() - moving
    missing = state.by_name.keys() - event.names
    held = [job for job in state.jobs.values() if job.state is State.HELD]
    missing |= {job.name for job in held[:_MARKS]}
    return [
        *(
            action
            for name in sorted(unknown)
            for action in on_appeared(state, ev.Appeared(name), now)
        ),
        *(act.Inspect(name, known=True) for name in sorted(missing)),
    ]


def on_renamed(state: CoreState, event: ev.Renamed, now: Now) -> list[act.Action]:
    """The same folder under a new name keeps its place in the queue."""
    job_id = state.by_name.get(event.old)
    if job_id is not None and event.new not in state.by_name:
        left = vacate(state, event.new, now)
        job = state.rename_waiting(job_id, event.new)
        shown_now: list[act.Action] = [act.Show(job), act.Inspect(event.new, known=True)]
        return [*left, *shown_now, *on_arrival(state, job, now)]
    arrival = state.arrivals.get(event.old)
    taken = event.new in state.arrivals or event.new in state.by_name
    if arrival is None or arrival.busy or taken:
        gone = on_gone(state, ev.Gone(event.old), now)
        return gone + on_appeared(state, ev.Appeared(event.new), now)
    del state.arrivals[event.old]
    arrival.name = event.new
    state.arrivals[event.new] = arrival
    return [act.HideArrival(event.old), *look(arrival)]


def on_inspected(state: CoreState, event: ev.Inspected, now: Now) -> list[act.Action]:
    """A look is done: the folder may be a known job, gone, or one step further."""
    seen = event.inspection
    job_id = state.by_name.get(seen.name)
    if job_id is not None:
        return _look_at_waiting(state, state.jobs[job_id], seen, now)
    arrival = state.arrivals.get(seen.name)
    if arrival is None:
        return []
    if _is_being_written(state, arrival):
        # An older look, from before its acceptance or refusal was begun.
        arrival.again = True
        return []
    arrival.busy = False
    if seen.kind is Kind.GONE:
        return leave(state, arrival, now) + _look_for_another(state, arrival, now)
    if _is_another_folder(arrival, seen):
        return leave(state, arrival, now) + on_appeared(state, ev.Appeared(seen.name), now)
    if arrival.again:
        arrival.again = False
        return look(arrival)
    records = seen.records
    if not arrival.recorded and records is not None and records.job is not None:
        if _is_under_way(state, records.job, records):
            del state.arrivals[arrival.name]
            return [act.HideArrival(arrival.name)]
        if seen.unfinished:
            del state.arrivals[arrival.name]
            state.probing.add(records.job.id)
            return [act.HideArrival(arrival.name), act.Probe(records.job, Place.WAITING)]
        if _is_accepted(state, records):
            del state.arrivals[arrival.name]
            return [act.HideArrival(arrival.name), *adopt(state, records, now)]
    return _settle(state, arrival, seen, now)


def _is_under_way(state: CoreState, job: Job, records: Records) -> bool:
    """Whether it runs, or is on its way out or back: then nobody has put it here to run again."""
    known = (state.ending, state.runs, state.requeueing)
    return records.is_ours and any(job.id in jobs for jobs in known)


def _is_accepted(state: CoreState, records: Records) -> bool:
    """Whether the records are an accepted job's that has not ended."""
    if records.job is None or records.ended:
        return False
    if records.is_ours:
        return True
    restored = state.settings.adopt_records and state.obstacle is STARTING
    # Of two folders with one job's records the first is the job, the other a copy of it.
    known = (state.jobs, state.runs, state.requeueing, state.ending)
    return restored and not any(records.job.id in jobs for jobs in known)


def _is_being_written(state: CoreState, arrival: Arrival) -> bool:
    return arrival.job is not None and arrival.job.id in state.accepting


def _is_another_folder(arrival: Arrival, seen: Inspection) -> bool:
    """Whether the name of a job that has its id already is another folder's now."""
    if arrival.job is None or seen.identity is None:
        return False
    return not arrival.job.identity.same_folder(seen.identity)


def _look_for_another(state: CoreState, arrival: Arrival, now: Now) -> list[act.Action]:
    """Something came under the name of an arrival that is gone."""
    return on_appeared(state, ev.Appeared(arrival.name), now) if arrival.again else []


def _look_at_waiting(state: CoreState, job: Job, seen: Inspection, now: Now) -> list[act.Action]:
    if seen.identity is not None and seen.identity.same_folder(job.identity):
        return look_at_mark(state, job, seen.records, now)
    if seen.kind is Kind.GONE:
        return forget(state, job, now)
    # Another folder has taken its place.
    return forget(state, job, now) + on_appeared(state, ev.Appeared(seen.name), now)


def forget(state: CoreState, job: Job, now: Now) -> list[act.Action]:
    """A person took a waiting job away."""
    state.drop_waiting(job.id)
    return [act.Forget(job), *on_taken_away(state, job.id, now)]


def vacate(state: CoreState, name: str, now: Now) -> list[act.Action]:
    """A folder is known to have this name: whatever had it before has lost it.

    Where that went, a listing tells.
    """
    arrival, job_id = state.arrivals.get(name), state.by_name.get(name)
    left = [] if arrival is None else leave(state, arrival, now)
    return left if job_id is None else [*left, *forget(state, state.jobs[job_id], now)]


def leave(state: CoreState, arrival: Arrival, now: Now) -> list[act.Action]:
    """An arrival is not there any more, or not under this name."""
    del state.arrivals[arrival.name]
    job = arrival.job
    if job is None:
        return [act.HideArrival(arrival.name)]
    state.accepting.pop(job.id, None)
    state.dependents.unlink(job.id)
    told = [] if job.id in state.ending else end_known(state, job)
    # Found under another name meanwhile, it has not gone.
    forgotten = arrival.recorded and job.id not in state.jobs and job.id not in state.runs
    told += not_set(state, job.id, f"the folder of job {job.id} was taken away")
    if not forgotten:
        return [act.HideArrival(arrival.name), *told]
    return [act.Forget(job), *told, *on_taken_away(state, job.id, now)]


def adopt(state: CoreState, records: Records, now: Now) -> list[act.Action]:
    """A folder in QM_qJobs whose records say that it is an accepted job."""
    job = records.job
    assert job is not None
    state.next_id = max(state.next_id, job.id + 1)
    state.last_order = max(state.last_order, job.arrival)
    if job.id in state.runs or job.id in state.ending or job.id in state.requeueing:
        return []  # A person moved it while it runs: its end finds it.
    if job.id in state.jobs:
        job = state.rename_waiting(job.id, job.name)
        return [act.Show(job), *on_arrival(state, job, now)]
    actions: list[act.Action] = []
    settling = state.arrivals.of_job(job.id)
    if settling is not None:
        # Renamed while it was looked at, or while its record was written again.
        state.accepting.pop(job.id, None)
        state.dependents.unlink(job.id)
        del state.arrivals[settling.name]
        actions += not_set(state, job.id, f"{shown(settling.name)} was renamed; try again")
    if records.claim is not None and records.claim.claimed:
        state.probing.add(job.id)
        return [*actions, act.Probe(job, Place.WAITING)]
    if records.unarchived and records.is_ours:
        # Put back, and a crash came before what lies there of its last attempt was put away.
        action = act.Requeue(job, Place.WAITING, records.hold)
        state.requeueing[job.id] = Ending(action)
        return [*actions, action]
    if not records.is_ours:
        job = replace(job, identity=records.identity)
        actions.append(act.Accept(job, fresh=False, hold=records.hold))
    if records.hold is not None:
        job = changed(job, State.HELD, records.hold)
    actions += enqueue(state, job, None, now)
    arrived = [] if state.obstacle is STARTING else on_arrival(state, job, now)
    return [*actions, *submission_known(state, job), *arrived]


def _settle(state: CoreState, arrival: Arrival, seen: Inspection, now: Now) -> list[act.Action]:
    arrival.settling.committed |= is_sealed(seen.records)
    verdict = judge(arrival.settling, seen, now.mono, state.settings.rules)
    if isinstance(verdict, Wait):
        return wait(state, arrival, verdict.reason, verdict.after, now)
    arrival.busy = True
    if isinstance(verdict, Refuse):
        return reject(state, arrival, seen, verdict, now)
    return accept(state, arrival, seen, verdict, now)


def wait(
    state: CoreState, arrival: Arrival, reason: Reason, after: float, now: Now
) -> list[act.Action]:
    """Look again ``after`` seconds, and say why."""
    state.set_timer(now.mono + after, arrival)
    if reason == arrival.reason:
        return []
    arrival.reason = reason
    if arrival.job is not None and arrival.recorded:
        return [act.Show(replace(arrival.job, reason=reason))]
    return [act.ShowArrival(arrival.name, reason, arrival.since)]


def on_accepted(state: CoreState, event: ev.Accepted, now: Now) -> list[act.Action]:
    """Its first record is written: it is a job."""
    name = state.accepting.pop(event.id, None)
    if name is None:
        return []
    arrival = state.arrivals[name]
    del state.arrivals[name]
    job = arrival.job
    assert job is not None
    if job.id in state.asked:
        state.dependents.unlink(job.id)
        gone = cancel(state, job, Place.WAITING, Reason("User", "cancelled"), now)
        told = not_set(state, job.id, f"job {job.id} was cancelled")
        return [act.HideArrival(name), *submission_known(state, job), *told, *gone]
    hold = event.hold or held_by_brake(state, job)
    if hold is not None:
        job = changed(job, State.HELD, hold)
    actions: list[act.Action] = [act.HideArrival(name)]
    actions += enqueue(state, job, arrival.settling.fingerprint, now)
    if hold is not None and event.hold is None and job.id in state.jobs:
        actions += set_mark(state, job, hold)
    if arrival.again:
        actions.append(act.Inspect(name, known=True))
    told = [*submission_known(state, job), *is_set(state, job)]
    return [*actions, *told, *on_arrival(state, job, now)]


def on_not_accepted(state: CoreState, event: ev.NotAccepted, now: Now) -> list[act.Action]:
    """Its first record could not be written."""
    name = state.accepting.pop(event.id, None)
    arrival = state.arrivals.get(name) if name is not None else None
    if arrival is None:
        return []
    arrival.busy = False
    if event.gone:
        return leave(state, arrival, now) + _look_for_another(state, arrival, now)
    refusals = end_refused(state, event.id, f"job {event.id} is not accepted yet: {event.reason}")
    after = _STUCK_RETRY if event.reason.word == "Stuck" else _FULL_RETRY
    return refusals + wait(state, arrival, event.reason, after, now)


def refused(state: CoreState, job: Job, now: Now, *, dropped_as: str) -> list[act.Action]:
    """A refused folder lies in QM_lost+found; others may wait for the name it was dropped with."""
    told = [*submission_known(state, job), *end_known(state, job)]
    told += not_set(state, job.id, f"job {job.id} was refused: {job.reason}")
    told += on_end(state, replace(job, name=dropped_as), now)
    name = state.accepting.pop(job.id, None)
    arrival = None if name is None else state.arrivals.get(name)
    if arrival is None:
        return told
    del state.arrivals[arrival.name]
    return [act.HideArrival(arrival.name), *_look_for_another(state, arrival, now), *told]


def stuck(state: CoreState, job_id: int, why: str, now: Now) -> list[act.Action] | None:
    """A folder that is to be refused cannot be moved; None where it is no arrival."""
    name = state.accepting.pop(job_id, None)
    arrival = state.arrivals.get(name) if name is not None else None
    if arrival is None:
        return None
    del state.ending[job_id]
    arrival.busy = False
    if arrival.job is not None:
        # It keeps its id; the next look decides afresh.
        arrival.job = replace(arrival.job, state=State.QUEUED)
    return wait(state, arrival, Reason("Stuck", why), _STUCK_RETRY, now)

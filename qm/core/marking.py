"""The hold marks of waiting jobs: anybody sets one or takes it away, QM as well."""

from __future__ import annotations

from qm.core import actions as act
from qm.core import events as ev
from qm.core.braking import on_release
from qm.core.queueing import settle
from qm.core.settings import Now
from qm.core.state import CoreState, Mark, changed
from qm.jobdir import Records
from qm.model import Job, Reason, State


def set_mark(
    state: CoreState, job: Job, reason: Reason | None, request: str | None = None
) -> list[act.Action]:
    """Have the mark written, or taken away: until that is told, what a look says is old."""
    state.marks[job.id] = Mark.UNDER_WAY
    return [act.SetHold(job, reason, request)]


def look_at_mark(state: CoreState, job: Job, records: Records | None, now: Now) -> list[act.Action]:
    """A look at a waiting job is done: what the mark says counts, where it is not ours."""
    mark = state.marks.get(job.id)
    if records is None or not records.is_ours or mark is Mark.UNDER_WAY:
        return []
    if mark is Mark.MISSING and records.hold is None:
        return set_mark(state, job, job.reason)
    state.marks.pop(job.id, None)
    none = records.hold is None and job.state is not State.HELD
    if none or records.hold == job.reason:
        return []
    if mark is Mark.WRITTEN:
        # That look may have begun before our mark was written. The next one has not.
        return [act.Inspect(job.name, known=True)]
    return mark_job(state, job, records.hold, now)


def mark_job(state: CoreState, job: Job, hold: Reason | None, now: Now) -> list[act.Action]:
    """A waiting job is held from now on, or not any more."""
    if hold is None and job.state is State.HELD:
        on_release(state, job)
    state.jobs[job.id] = changed(job, State.QUEUED if hold is None else State.HELD, hold)
    settle(state, job.id, now)
    return [act.Show(state.jobs[job.id])]


def on_not_held(state: CoreState, event: ev.NotHeld, now: Now) -> list[act.Action]:
    """The mark is as it was. What the brake holds stays held, though, and is marked later."""
    if event.id in state.marks:
        if event.reason is None or event.request is not None:
            del state.marks[event.id]
        else:
            state.marks[event.id] = Mark.MISSING
    if event.request is None:
        return []
    error = event.why if event.id in state.jobs else "the job does not wait any more"
    return [act.Answer(event.request, False, {"error": error})]

"""``qm rerun``: an ended job takes its place in the queue again, with its next attempt."""

from __future__ import annotations

from dataclasses import replace

from qm.core import actions as act
from qm.core import events as ev
from qm.core.answers import job_data
from qm.core.requeueing import requeue
from qm.core.settings import Now
from qm.core.state import CoreState
from qm.model import State
from qm.times import utc_text


def on_rerun(state: CoreState, event: ev.Rerun, now: Now) -> list[act.Action]:
    """The ended job was found: put it back, behind those that wait already."""
    job = event.job
    if job.rerun_by == event.request:
        return [act.Answer(event.request, True, job_data(job))]  # It has even ended since.
    known = (state.jobs, state.runs, state.ending, state.requeueing, state.accepting)
    if any(job.id in jobs for jobs in known) or state.arrivals.of_job(job.id) is not None:
        error = f"job {job.id} has not ended"
        return [act.Answer(event.request, False, {"error": error})]
    again = replace(
        job,
        state=State.QUEUED,
        reason=None,
        outcome=None,
        started=None,
        arrival=state.next_order(now.wall),
        submitted=utc_text(now.wall),
        launches=0,
        failures=0,
        not_before=None,
        put_back=job.attempt,
        rerun_by=event.request,
        cpus=(),
        gpus=(),
    )
    state.rerunning[job.id] = [event.request]
    return requeue(state, again, event.place, event.hold)

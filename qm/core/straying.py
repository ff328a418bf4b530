"""Jobs that a person moved to a folder where nobody put them."""

from __future__ import annotations

from qm.core import actions as act
from qm.core import events as ev
from qm.core.settings import Now
from qm.core.state import CoreState


def on_strayed(state: CoreState, event: ev.Strayed, now: Now) -> list[act.Action]:
    """A job without an end lies there: one that nobody knows is read as at a restart."""
    job = event.job
    if job.id in state.jobs:
        # The listing of QM_qJobs has not missed it yet; it will stray again.
        return [act.Inspect(state.jobs[job.id].name, known=True)]
    if any(job.id in known for known in (state.runs, state.ending, state.requeueing)):
        return []  # It is found by its identity when it matters.
    if state.arrivals.of_job(job.id) is not None:
        return []
    state.probing.add(job.id)
    return [act.Probe(job, event.place)]

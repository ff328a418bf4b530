"""From the start of a script to its end."""

from __future__ import annotations

from dataclasses import replace

from qm.core import actions as act
from qm.core import events as ev
from qm.core.claiming import block
from qm.core.finishing import finish
from qm.core.probing import PROBE_EVERY
from qm.core.requeueing import requeue
from qm.core.settings import Now
from qm.core.state import CoreState
from qm.core.vanishing import vanished_while_running
from qm.model import Reason

_LAUNCHES = 3


def on_started(state: CoreState, event: ev.Started, now: Now) -> list[act.Action]:
    """The script runs."""
    run = state.runs.get(event.id)
    if run is None or run.job.token != event.token:
        return []
    run.job = replace(run.job, started=event.started)
    state.plan_run(run)
    return [act.Show(run.job)]


def on_ended(state: CoreState, event: ev.Ended, now: Now) -> list[act.Action]:
    """The attempt is over: its processors are free now, the folder follows."""
    run = state.runs.get(event.id)
    if run is None or run.job.token != event.token:
        return []
    if event.vanished:
        return vanished_while_running(state, run, event.outcome, now)
    return finish(state, run.job, run.place, event.outcome, now)


def on_not_started(state: CoreState, event: ev.NotStarted, now: Now) -> list[act.Action]:
    """The supervisor left it alone: the files say what it is."""
    run = state.runs.get(event.id)
    if run is None or run.job.token != event.token:
        return []
    run.probe_at = now.mono + PROBE_EVERY
    return [act.Probe(run.job, run.place)]


def on_launch_failed(state: CoreState, event: ev.LaunchFailed, now: Now) -> list[act.Action]:
    """Nothing ran: back into the queue, and on hold after the third time in a row."""
    run = state.runs.get(event.id)
    if run is None or run.job.token != event.token:
        return []
    if event.fault is not None:
        blocked = block(state, event.fault, now)
        return blocked + requeue(state, run.job, run.place, None)
    launches = run.job.launches + 1
    hold = Reason("LaunchFailed", event.why) if launches >= _LAUNCHES else None
    job = replace(run.job, launches=0 if hold else launches)
    return requeue(state, job, run.place, hold)

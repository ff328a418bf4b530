"""Folders on their way, tried until they arrive; and what is due with time."""

from __future__ import annotations

import heapq
from dataclasses import replace

from qm.core import actions as act
from qm.core import events as ev
from qm.core.answers import end_known
from qm.core.arriving import look, refused, stuck
from qm.core.depending import on_end
from qm.core.probing import PROBE_EVERY
from qm.core.queueing import on_due
from qm.core.settings import Now
from qm.core.state import CoreState
from qm.core.steering import look_at_clock, show_obstacle
from qm.model import State


def on_moved(state: CoreState, event: ev.Moved, now: Now) -> list[act.Action]:
    """An ended job lies in its last place."""
    ending = state.ending.pop(event.id, None)
    if ending is None:
        return []
    job = replace(ending.action.job, name=event.name)
    if job.state is State.REJECTED:
        return refused(state, job, now, dropped_as=ending.action.job.name)
    told = end_known(state, job)
    if isinstance(ending.action, act.Finish):
        return told  # Those after it know since its record was written.
    # In QM_lost+found it may have another name, as its own was taken; others come after that.
    return [*told, *on_end(state, ending.action.job, now)]


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
            run.probe_at = now.mono + PROBE_EVERY
            actions.append(act.Probe(run.job, run.place))
    for ending in (*state.ending.values(), *state.requeueing.values()):
        if ending.retry_at is not None and ending.retry_at <= now.mono:
            ending.retry_at = None
            actions.append(ending.action)
    if state.obstacle_until is not None and state.obstacle_until <= now.mono:
        state.obstacle, state.obstacle_until = None, None
        actions.append(show_obstacle(state))
    actions += [*look_at_clock(state, now), *on_due(state, now)]
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
    if state.due:
        times.append(state.due[0][0] - state.offset)
    if state.settings.hours.spans:
        times.append(state.hours_until - state.offset)
    return min(times, default=None)

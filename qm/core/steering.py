"""What holds for all jobs: drain, limits, hours, the configuration, and the end of QM."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from qm.core import actions as act
from qm.core import events as ev
from qm.core.settings import Now
from qm.core.state import CoreState, Leaving
from qm.model import Drain, Reason
from qm.quantities import format_size
from qm.times import local_text, utc_seconds, utc_text

_HOUR = 3600.0
_MOST_PROCESSORS = 100_000


def nothing_starts(state: CoreState) -> Reason | None:
    """Why no job is started just now, whatever is free; None where jobs may start."""
    if state.obstacle is not None:
        return state.obstacle
    if state.leaving is not None:
        return Reason("Stopping", f"QM is about to end, says {state.leaving.who}")
    drain = state.steering.drain
    if drain is not None:
        since = local_text(utc_seconds(drain.since))
        return Reason("Drain", f"set by {drain.who} at {since}; `qm drain off` ends it")
    return state.closed


def show_obstacle(state: CoreState) -> act.ShowObstacle:
    """What the lists say of all waiting jobs."""
    return act.ShowObstacle(nothing_starts(state))


def on_drain(state: CoreState, event: ev.Asked, now: Now) -> list[act.Action]:
    """Start nothing new, or start again; without a word, only say."""
    on = event.data.get("on")
    before = state.steering.drain
    if not isinstance(on, bool) or on is (before is not None):
        return [act.Answer(event.request, True, _drain_data(before))]
    drain = Drain(utc_text(now.wall), event.who) if on else None
    state.steering = replace(state.steering, drain=drain)
    return [
        show_obstacle(state),
        act.Steer(state.steering, event.request, _drain_data(drain)),
    ]


def _drain_data(drain: Drain | None) -> dict[str, Any]:
    return {
        "drain": drain is not None,
        "since": None if drain is None else drain.since,
        "who": None if drain is None else drain.who,
    }


def on_limit(state: CoreState, event: ev.Asked, now: Now) -> list[act.Action]:
    """Other limits than the configured ones, or those again; running jobs go on."""
    wanted = {name: event.data[name] for name in ("processors", "memory") if name in event.data}
    wrong = _wrong_limit(wanted)
    if wrong is not None:
        return [act.Answer(event.request, False, {"error": wrong})]
    if not wanted:
        return [act.Answer(event.request, True, _limit_data(state))]
    state.steering = replace(state.steering, **wanted)
    state.planner.set_capacity(state.capacity)
    return [
        act.ShowCapacity(state.capacity),
        act.Steer(state.steering, event.request, _limit_data(state)),
    ]


def _wrong_limit(wanted: dict[str, Any]) -> str | None:
    for name, value in wanted.items():
        whole = isinstance(value, int) and not isinstance(value, bool)
        if value is not None and not (whole and value >= 1):
            return f"{name} = {value!r} is not a whole number of at least 1"
    processors = wanted.get("processors")
    if processors is not None and processors > _MOST_PROCESSORS:
        return f"{processors} processors are more than any machine has"
    return None


def _limit_data(state: CoreState) -> dict[str, Any]:
    configured, now = state.settings.capacity, state.capacity
    return {
        "processors": now.processors,
        "memory": now.memory,
        "configured": {"processors": configured.processors, "memory": configured.memory},
        "shown_memory": None if now.memory is None else format_size(now.memory),
    }


def on_reconfigured(state: CoreState, event: ev.Reconfigured, now: Now) -> list[act.Action]:
    """The configuration was read again: what it says holds from now on."""
    state.settings = event.settings
    state.planner.reserve_after = event.settings.reserve_after
    state.planner.set_capacity(state.capacity)
    state.hours_until = 0.0
    return [act.ShowCapacity(state.capacity), *look_at_clock(state, now)]


def look_at_clock(state: CoreState, now: Now) -> list[act.Action]:
    """Whether the Active_hours have begun or are over."""
    if now.wall < state.hours_until <= now.wall + _HOUR:
        return []
    hours = state.settings.hours
    moment = datetime.fromtimestamp(now.wall, UTC).astimezone()
    change = hours.next_change(moment)
    # Looked at every hour at least: the clock may be changed by hand or for the summer.
    state.hours_until = now.wall + _HOUR
    if change is not None:
        state.hours_until = min(state.hours_until, change.timestamp())
    before = state.closed
    state.closed = None
    if not hours.open_at(moment) and change is not None:
        text = f"jobs start from {local_text(change.timestamp())} on (Active_hours: {hours})"
        state.closed = Reason("ActiveHours", text)
    return [] if state.closed == before else [show_obstacle(state)]


def on_stop(state: CoreState, event: ev.Asked, now: Now) -> list[act.Action]:
    """End QM: at once, when nothing runs any more, or after everything that runs was killed."""
    mode = str(event.data.get("mode", "now"))
    if mode not in ("now", "wait", "kill"):
        return [act.Answer(event.request, False, {"error": f"there is no way {mode!r} to stop"})]
    earlier = () if state.leaving is None else state.leaving.requests
    state.leaving = Leaving(mode, (*earlier, event.request), event.who)
    stops: list[act.Action] = []
    if mode == "kill":
        stops = _kill_all(state, event)
    return [show_obstacle(state), *stops, *leave_if_due(state)]


def _kill_all(state: CoreState, event: ev.Asked) -> list[act.Action]:
    reason = Reason("User", f"killed by {event.who}, who stopped QM")
    grace = state.settings.kill_grace if event.grace is None else event.grace
    actions: list[act.Action] = []
    for run in state.runs.values():
        if run.before is not None:
            run.stop = (reason, grace, event.request)
        else:
            actions.append(act.Stop(run.job, run.place, reason, grace, event.request))
    return actions


def on_steered(state: CoreState, event: ev.Steered, now: Now) -> list[act.Action]:
    """Drain or limits are kept for the next start, too: whoever asked is told."""
    if event.problem is not None:
        return [act.Answer(event.action.request, False, {"error": event.problem})]
    return [act.Answer(event.action.request, True, event.action.data)]


def on_withdrawn(state: CoreState, event: ev.Withdrawn, now: Now) -> list[act.Action]:
    """Whoever asked QM to end has thought better of it."""
    leaving = state.leaving
    if leaving is None or leaving.told or event.request not in leaving.requests:
        return []
    others = tuple(request for request in leaving.requests if request != event.request)
    state.leaving = replace(leaving, requests=others) if others else None
    return [show_obstacle(state)]


def leave_if_due(state: CoreState) -> list[act.Action]:
    """End QM where somebody has asked for it and nothing is to be waited for any more."""
    leaving = state.leaving
    if leaving is None or leaving.told:
        return []
    busy = state.runs or state.ending or state.requeueing
    if leaving.mode != "now" and busy:
        return []
    state.leaving = replace(leaving, told=True)
    data = {"running": sorted(state.runs)}
    *others, last = leaving.requests
    return [*(act.Answer(request, True, data) for request in others), act.Leave(last, data)]

"""The core: one door for events, one for plans, and when to be woken."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from qm.core import actions as act
from qm.core import arriving, asking, running, straying, vanishing
from qm.core import events as ev
from qm.core.settings import Now, Settings
from qm.core.state import STARTING, CoreState, ForbiddenTransition

Handler = Callable[[CoreState, Any, Now], list[act.Action]]


def _on_frozen(state: CoreState, event: ev.Frozen, now: Now) -> list[act.Action]:
    if event.reason == state.obstacle:
        return []
    if event.reason is None and (state.obstacle is STARTING or state.obstacle_until is not None):
        return []  # Another obstacle has taken its place, and ends by itself.
    state.obstacle, state.obstacle_until = event.reason, None
    return [act.ShowObstacle(event.reason)]


def _on_listed(state: CoreState, event: ev.Listed, now: Now) -> list[act.Action]:
    return [act.EndOfStart()]


def _on_found(state: CoreState, event: ev.Found, now: Now) -> list[act.Action]:
    if state.obstacle is not STARTING:
        return []
    state.obstacle = None
    return [act.ShowObstacle(None)]


def _on_index_lost(state: CoreState, event: ev.IndexLost, now: Now) -> list[act.Action]:
    """Ended jobs are read from their folders; the rest is known here."""
    shown = [*state.jobs.values(), *(run.before or run.job for run in state.runs.values())]
    shown += [
        replace(arrival.job, reason=arrival.reason)
        for arrival in state.arrivals.values()
        if arrival.recorded and arrival.job is not None
    ]
    return [
        *(act.Show(job) for job in shown),
        *(
            act.ShowArrival(arrival.name, arrival.reason, arrival.since)
            for arrival in state.arrivals.values()
            if not arrival.recorded and arrival.reason is not None
        ),
        act.ShowObstacle(state.obstacle),
    ]


def _on_tick(state: CoreState, event: ev.Tick, now: Now) -> list[act.Action]:
    return running.on_tick(state, now)


HANDLERS: dict[type[ev.Event], Handler] = {
    ev.Appeared: arriving.on_appeared,
    ev.Gone: arriving.on_gone,
    ev.Present: arriving.on_present,
    ev.Renamed: arriving.on_renamed,
    ev.Inspected: arriving.on_inspected,
    ev.Accepted: arriving.on_accepted,
    ev.NotAccepted: arriving.on_not_accepted,
    ev.Claimed: running.on_claimed,
    ev.Changed: running.on_changed,
    ev.Unclaimable: running.on_unclaimable,
    ev.Held: asking.on_held,
    ev.Vanished: vanishing.on_vanished,
    ev.Started: running.on_started,
    ev.Ended: running.on_ended,
    ev.NotStarted: running.on_not_started,
    ev.LaunchFailed: running.on_launch_failed,
    ev.SupervisorGone: running.on_supervisor_gone,
    ev.Probed: running.on_probed,
    ev.Strayed: straying.on_strayed,
    ev.Requeued: running.on_requeued,
    ev.StillLocked: running.on_still_locked,
    ev.Moved: running.on_moved,
    ev.Unmovable: running.on_unmovable,
    ev.Listed: _on_listed,
    ev.Found: _on_found,
    ev.IndexLost: _on_index_lost,
    ev.Frozen: _on_frozen,
    ev.Asked: asking.on_asked,
    ev.Tick: _on_tick,
}


class Core:
    """The queue's decisions. ``refusals`` tells of transitions that the table forbids."""

    def __init__(
        self,
        settings: Settings,
        new_token: Callable[[], str],
        *,
        next_id: int = 1,
        last_order: int = 0,
    ) -> None:
        self.state = CoreState(settings, new_token, next_id=next_id, last_order=last_order)
        self.refusals: list[str] = []

    def handle(self, event: ev.Event, now: Now) -> list[act.Action]:
        """What to do about one event."""
        try:
            return HANDLERS[type(event)](self.state, event, now)
        except ForbiddenTransition as error:
            # Refused, recorded and survived: the folder stays where it is.
            self.refusals.append(str(error))
            return []

    def plan(self, now: Now) -> list[act.Action]:
        """What to start; called once after each batch of events."""
        return running.plan(self.state, now)

    def next_wake(self) -> float | None:
        """The monotonic time of the next Tick that has something to do; None: none."""
        return running.next_wake(self.state)

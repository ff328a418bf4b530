"""The core: one door for events, one for plans, and when to be woken."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from qm.core import actions as act
from qm.core import (
    arriving,
    asking,
    claiming,
    depending,
    marking,
    moving,
    pausing,
    probing,
    requeueing,
    rerunning,
    running,
    steering,
    straying,
    vanishing,
)
from qm.core import events as ev
from qm.core.settings import Now, Settings
from qm.core.state import STARTING, CoreState, ForbiddenTransition
from qm.core.steering import show_obstacle
from qm.model import Steering

Handler = Callable[[CoreState, Any, Now], list[act.Action]]


def _on_frozen(state: CoreState, event: ev.Frozen, now: Now) -> list[act.Action]:
    if state.obstacle is STARTING:
        state.frozen_at_start = event.reason
        return []
    if event.reason == state.obstacle:
        return []
    if event.reason is None and state.obstacle_until is not None:
        return []  # Another obstacle has taken its place, and ends by itself.
    state.obstacle, state.obstacle_until = event.reason, None
    return [show_obstacle(state)]


def _on_listed(state: CoreState, event: ev.Listed, now: Now) -> list[act.Action]:
    return [act.EndOfStart()]


def _on_found(state: CoreState, event: ev.Found, now: Now) -> list[act.Action]:
    if state.obstacle is not STARTING:
        return []
    state.obstacle = state.frozen_at_start
    actions = [show_obstacle(state), *depending.on_start_over(state, now)]
    early, state.early = state.early, []
    for asked in early:
        actions += asking.on_asked(state, asked, now)
    return actions


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
        act.ShowCapacity(state.capacity),
        show_obstacle(state),
    ]


def _on_index_complete(state: CoreState, event: ev.IndexComplete, now: Now) -> list[act.Action]:
    """Jobs that others come after were perhaps looked up in an index without them."""
    return [] if state.obstacle is STARTING else depending.on_start_over(state, now)


def _on_tick(state: CoreState, event: ev.Tick, now: Now) -> list[act.Action]:
    return moving.on_tick(state, now)


HANDLERS: dict[type[ev.Event], Handler] = {
    ev.Appeared: arriving.on_appeared,
    ev.Gone: arriving.on_gone,
    ev.Present: arriving.on_present,
    ev.Renamed: arriving.on_renamed,
    ev.Inspected: arriving.on_inspected,
    ev.Accepted: arriving.on_accepted,
    ev.NotAccepted: arriving.on_not_accepted,
    ev.Claimed: claiming.on_claimed,
    ev.Changed: claiming.on_changed,
    ev.Unclaimable: claiming.on_unclaimable,
    ev.Held: asking.on_held,
    ev.NotHeld: marking.on_not_held,
    ev.Vanished: vanishing.on_vanished,
    ev.Started: running.on_started,
    ev.Ended: running.on_ended,
    ev.Paused: pausing.on_paused,
    ev.NotPaused: pausing.on_not_paused,
    ev.EndsFound: depending.on_ends_found,
    ev.Rerun: rerunning.on_rerun,
    ev.Reconfigured: steering.on_reconfigured,
    ev.Withdrawn: steering.on_withdrawn,
    ev.Steered: steering.on_steered,
    ev.NotStarted: running.on_not_started,
    ev.LaunchFailed: running.on_launch_failed,
    ev.SupervisorGone: probing.on_supervisor_gone,
    ev.Probed: probing.on_probed,
    ev.Strayed: straying.on_strayed,
    ev.Requeued: requeueing.on_requeued,
    ev.StillLocked: requeueing.on_still_locked,
    ev.Moved: moving.on_moved,
    ev.Unmovable: moving.on_unmovable,
    ev.Listed: _on_listed,
    ev.Found: _on_found,
    ev.IndexLost: _on_index_lost,
    ev.IndexComplete: _on_index_complete,
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
        steering: Steering | None = None,
    ) -> None:
        self.state = CoreState(
            settings,
            new_token,
            next_id=next_id,
            last_order=last_order,
            steering=steering or Steering(),
        )
        self.refusals: list[str] = []

    def handle(self, event: ev.Event, now: Now) -> list[act.Action]:
        """What to do about one event."""
        self.state.offset = now.wall - now.mono
        try:
            return HANDLERS[type(event)](self.state, event, now)
        except ForbiddenTransition as error:
            # Refused, recorded and survived: the folder stays where it is.
            self.refusals.append(str(error))
            return []

    def plan(self, now: Now) -> list[act.Action]:
        """What to start; called once after each batch of events."""
        self.state.offset = now.wall - now.mono
        clock = steering.look_at_clock(self.state, now)
        return [*clock, *claiming.plan(self.state, now), *steering.leave_if_due(self.state)]

    @property
    def reserve_after(self) -> float | None:
        """Seconds after which resources are kept for the first job; None: never."""
        return self.state.settings.reserve_after

    def is_busy(self) -> bool:
        """True while anything runs, waits, arrives, is held or is on its way."""
        state = self.state
        going = (state.jobs, state.runs, state.arrivals, state.ending, state.requeueing)
        return any(going) or state.obstacle is STARTING

    def going_on(self) -> str:
        """What runs on without a manager, for the last line of its log."""
        count = len(self.state.runs)
        return f"; {count} running {'job goes' if count == 1 else 'jobs go'} on" if count else ""

    def next_wake(self) -> float | None:
        """The monotonic time of the next Tick that has something to do; None: none."""
        return moving.next_wake(self.state)

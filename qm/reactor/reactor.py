"""The reactor: takes events, asks the core, hands its actions out."""

from __future__ import annotations

import json
import logging
import math
import queue
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from qm.core import Core, Now
from qm.core import actions as act
from qm.core import events as ev
from qm.index import ArrivalRow, Index, row_of
from qm.names import shown
from qm.osops import started_at, wait_for_end
from qm.planner import Capacity
from qm.reactor.lane import Lane
from qm.systems.local import LocalSystem

log = logging.getLogger("qm")

_TRIM_EVERY = 10.0
_BATCH = 512


class Inbox:
    """The events that anybody posts, from any thread."""

    def __init__(self) -> None:
        self._queue: queue.SimpleQueue[ev.Event | None] = queue.SimpleQueue()

    def post(self, event: ev.Event) -> None:
        """Tell the reactor what happened."""
        self._queue.put(event)

    def stop(self) -> None:
        """Let the reactor end once it has come to this point."""
        self._queue.put(None)

    def take(self, timeout: float | None) -> list[ev.Event | None]:
        """What has come, at least one unless ``timeout`` seconds pass."""
        batch: list[ev.Event | None] = []
        try:
            batch.append(self._queue.get(timeout=timeout))
            while len(batch) < _BATCH:
                batch.append(self._queue.get_nowait())
        except queue.Empty:
            pass
        return batch

    def keep(self, events: list[ev.Event | None]) -> None:
        """Leave these for :meth:`rest`."""
        for event in events:
            self._queue.put(event)

    def rest(self) -> list[ev.Event]:
        """What came after the stop."""
        events: list[ev.Event] = []
        while batch := self.take(0.0):
            events += [event for event in batch if event is not None]
        return events


@dataclass(frozen=True, slots=True)
class Workers:
    """The lanes that carry out actions."""

    drops: Lane[Any]
    turns: Lane[Any]
    leaves: Lane[Any]
    control: Lane[Any]

    def all(self) -> tuple[Lane[Any], ...]:
        """Every lane, in the order in which they are stopped."""
        return (self.drops, self.turns, self.leaves, self.control)


class Reactor:
    """Owns the core; its thread is the only one that touches it."""

    def __init__(
        self,
        core: Core,
        inbox: Inbox,
        workers: Workers,
        system: LocalSystem,
        index: Index,
        *,
        reload: Callable[[act.Reload], None],
        tell_brake: Callable[[act.TellBrake], None],
        idle_exit: float | None = None,
    ) -> None:
        self._core = core
        self._idle_exit = idle_exit
        self._busy_at = time.monotonic()
        self._inbox = inbox
        self._system = system
        self._index = index
        lanes: dict[Lane[Any], tuple[type[act.Action], ...]] = {
            workers.drops: (act.Inspect, act.Accept, act.SaveState, act.Steer, act.EndOfStart),
            workers.turns: (
                *(act.Claim, act.Finish, act.Probe),
                *(act.SetHold, act.Stop, act.Pause, act.Record),
            ),
            workers.leaves: (act.Close, act.Requeue),
            workers.control: (
                *(act.Answer, act.Remove, act.AnswerEnded),
                *(act.FindEnded, act.FindToRerun, act.Restore),
            ),
        }
        self._do: dict[type[act.Action], Callable[[Any], None]] = {
            kind: lane.put for lane, kinds in lanes.items() for kind in kinds
        }
        self._do |= {
            act.Start: self._start,
            act.Watch: self._watch,
            act.Show: self._show,
            act.Forget: self._forget,
            act.ShowArrival: self._show_arrival,
            act.HideArrival: self._hide_arrival,
            act.ShowObstacle: self._show_obstacle,
            act.ShowCapacity: self._show_capacity,
            act.Leave: self._leave,
            act.Reload: reload,
            act.TellBrake: tell_brake,
        }
        self._leaves = workers.leaves
        self._trim_at = 0.0
        self._was_held_up = False

    def run(self) -> None:
        """Work until the inbox is stopped."""
        while True:
            now = _now()
            wake = self._core.next_wake()
            until = self._trim_at if wake is None else min(wake, self._trim_at)
            until = min(until, self._idle_until())
            batch = self._inbox.take(max(0.0, until - now.mono))
            now = _now()
            for number, event in enumerate(batch):
                if event is None:
                    # Claims that were told behind the stop are put back by who shuts down.
                    self._inbox.keep(batch[number + 1 :])
                    return
                if isinstance(event, ev.Unmovable):
                    log.warning("job %d: %s; tried again", event.id, event.why)
                self._carry_out(self._core.handle(event, now))
            if wake is not None and now.mono >= wake:
                self._carry_out(self._core.handle(ev.Tick(), now))
            self._carry_out(self._core.plan(now))
            if now.mono >= self._trim_at:
                self._trim_at = now.mono + _TRIM_EVERY
                self._system.trim(now.mono)
            self._tell_refusals()
            if now.mono >= self._idle_until():
                log.info("nothing to do for %g s", self._idle_exit)
                return

    def _idle_until(self) -> float:
        """When to end for want of work; never while there is any."""
        if self._idle_exit is None:
            return math.inf
        if self._core.is_busy():
            self._busy_at = time.monotonic()
        return self._busy_at + self._idle_exit

    def _carry_out(self, actions: Iterable[act.Action]) -> None:
        for action in actions:
            self._do[type(action)](action)

    def _tell_refusals(self) -> None:
        for refusal in self._core.refusals:
            log.error("refused: %s", refusal)
        self._core.refusals.clear()

    def _start(self, action: act.Start) -> None:
        if self._was_held_up:
            self._was_held_up = False
            log.info("jobs are started again")
        self._system.run(action)

    def _show(self, action: act.Show) -> None:
        self._index.put(row_of(action.job))

    def _forget(self, action: act.Forget) -> None:
        job, name = action.job, shown(action.job.name)
        log.info("job %d (%s): its folder was taken away, or is another job's now", job.id, name)
        if action.record:
            self._leaves.put(action)
        else:
            self._index.remove(job.id)

    def _show_arrival(self, action: act.ShowArrival) -> None:
        row = ArrivalRow(action.name, str(action.reason), action.since)
        self._index.put_arrival(action.name, row)

    def _hide_arrival(self, action: act.HideArrival) -> None:
        self._index.put_arrival(action.name, None)

    def _show_obstacle(self, action: act.ShowObstacle) -> None:
        if action.reason is not None:
            log.warning("nothing is started: %s", action.reason)
            self._was_held_up = True
        self._index.put_fact("obstacle", "" if action.reason is None else str(action.reason))

    def _show_capacity(self, action: act.ShowCapacity) -> None:
        capacity = action.capacity
        self._system.set_slots(1 if capacity.blocking else capacity.processors)
        self._index.put_fact("capacity", capacity_text(capacity, self._core.reserve_after))

    def _leave(self, action: act.Leave) -> None:
        self._carry_out([act.Answer(action.request, True, action.data)])
        self._inbox.stop()

    def _watch(self, action: act.Watch) -> None:
        job = action.job
        assert job.token is not None
        gone = ev.SupervisorGone(job.id, job.token)

        def watch() -> None:
            born = started_at(action.pid)
            if born is None or action.started is None or abs(born - action.started) < 1.0:
                wait_for_end(action.pid)
            self._inbox.post(gone)

        threading.Thread(target=watch, name=f"qm-watch-{job.id}", daemon=True).start()


def capacity_text(capacity: Capacity, reserve_after: float | None) -> str:
    """The fact ``capacity`` of the index: what may be used, for whoever explains the queue."""
    return json.dumps(
        {
            "processors": capacity.processors,
            "memory": capacity.memory,
            "gpus": capacity.gpus,
            "blocking": capacity.blocking,
            "reserve_after": reserve_after,
        }
    )


def _now() -> Now:
    return Now(time.monotonic(), time.time())

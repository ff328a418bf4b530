"""Beside a running script: its limits, what people ask for, and its end."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

from qm.osops import Orders, ScriptProcess
from qm.supervisor.clock import RunClock
from qm.supervisor.limits import Limits
from qm.supervisor.marks import Marks
from qm.supervisor.memory import MemoryWatch
from qm.supervisor.usage import UsageRecorder
from qm.times import utc_text

Report = Callable[[dict[str, Any]], None]

_SHORT = 0.02
"""A job that ends within this time is reported once, not twice."""
_LOOK_EVERY = 1.0
_MEMORY_GRACE = 0.3
"""Seconds for a program that takes too much memory: meanwhile it takes more."""
_LEFT_BEHIND_GRACE = 2.0
_END_PATIENCE = 30.0


class Watch:
    """Follows one script to its end. Afterwards it tells why it ended, where QM ended it."""

    def __init__(
        self,
        script: ScriptProcess,
        limits: Limits,
        marks: Marks,
        orders: Orders,
        report: Report,
        recorder: UsageRecorder,
    ) -> None:
        self.ending: tuple[str, str] | None = None
        """The word and the text of the reason."""
        self.remark: str | None = None
        """What the log should say beside it."""
        self._orders = orders
        self._report = report
        self._script = script
        self._marks = marks
        self._grace, self._walltime, self._warning, memory = limits
        self._kill_at: float | None = None
        now = time.monotonic()
        self._clock = RunClock(now)
        self._memory = None if memory is None else MemoryWatch(script, memory, now)
        self._recorder = recorder
        self._next_look = now + _LOOK_EVERY

    @property
    def suspended_seconds(self) -> float:
        """How long the script was suspended in all."""
        return self._clock.stood(time.monotonic())

    def follow(self, started: float) -> None:
        """Return when nothing of the job is left; ``started`` (seconds since the epoch) is told.

        A fault of ours ends the script: it must not run on beside a second start of it.
        """
        try:
            self._follow(started)
        except Exception as error:
            self.remark = f"QM failed beside it: {error!r}"
            self._finish_off()
        now = time.monotonic()
        self._clock.go_on(now)
        self._recorder.finish(now)
        self._marks.forget_suspend()

    def _follow(self, started: float) -> None:
        self._hear(_SHORT)
        announced = False
        while not self._is_over():
            if not announced:
                announced = True
                self._report({"started": utc_text(started), "token": self._script.token})
            now = time.monotonic()
            self._keep_time(now)
            self._look_for_marks(now)
            self._measure(now)
            if self._kill_at is not None and now >= self._kill_at:
                self._finish_off()
                return
            self._hear(max(0.0, self._next_duty() - now))
        if self._script.survivors():
            self._end_left_behind()

    def _is_over(self) -> bool:
        # Once it is being ended, the rest of the tree has the same grace as the script.
        return self._script.poll() and not (self.ending and self._script.survivors())

    def _next_duty(self) -> float:
        times = [self._next_look, self._recorder.next_look, self._kill_at]
        if self._memory is not None:
            times.append(self._memory.next_look)
        if self.ending is None:
            times += [self._time_of_warning(), self._time_of_end()]
        return min(moment for moment in times if moment is not None)

    def _time_of_end(self) -> float | None:
        return None if self._walltime is None else self._clock.moment(self._walltime)

    def _time_of_warning(self) -> float | None:
        if self._warning is None or self._walltime is None:
            return None
        return self._clock.moment(self._walltime - self._warning.before)

    def _keep_time(self, now: float) -> None:
        if self.ending is not None:
            return
        warn_at, end_at = self._time_of_warning(), self._time_of_end()
        if self._warning is not None and warn_at is not None and now >= warn_at:
            self._script.warn(self._warning.signal)
            self._warning = None
        if end_at is not None and now >= end_at:
            text = f"ran longer than its walltime, {self._walltime:g} s"
            self._end(("TimeLimit", text), self._grace)

    def _measure(self, now: float) -> None:
        reason = None if self._memory is None else self._memory.look(now)
        if reason is not None:
            self._end(reason, min(self._grace, _MEMORY_GRACE))
        self._recorder.look(now)

    def _look_for_marks(self, now: float) -> None:
        if now < self._next_look:
            return
        self._next_look = now + _LOOK_EVERY
        if self.ending is None:
            self._obey_kill(self._marks.kill())
            self._suspend(self._marks.suspend_changed())

    def _hear(self, timeout: float) -> None:
        for line in self._orders.wait(timeout):
            try:
                order = json.loads(line)
            except ValueError:
                continue
            if isinstance(order, dict):
                self._obey(order)

    def _obey(self, order: dict[str, Any]) -> None:
        self._obey_kill(order.get("kill"))
        for word, wanted in (("suspend", True), ("resume", False)):
            if self._marks.is_mine(order.get(word)):
                # The mark that goes with it is no news any more.
                self._marks.suspend_changed()
                self._suspend(wanted)

    def _obey_kill(self, mark: Any) -> None:
        """A request to end, from the mark in the folder or straight from the manager."""
        if not self._marks.is_mine(mark):
            return
        grace = mark.get("grace")
        if isinstance(grace, int | float) and 0 <= grace <= 86400:
            self._grace = float(grace)
        self._end((str(mark.get("reason", "User")), str(mark.get("text", "killed"))), self._grace)

    def _suspend(self, wanted: bool | None) -> None:
        """Suspend or resume the script, unless it is so already, or is being ended."""
        if wanted in {None, self._clock.stands} or self.ending or self._script.poll():
            return
        if wanted:
            self._script.suspend()
            self._clock.stop(time.monotonic())
        else:
            self._script.resume()
            self._clock.go_on(time.monotonic())
        self._tell_suspended()

    def _end(self, reason: tuple[str, str], grace: float) -> None:
        now = time.monotonic()
        if self.ending is not None:
            # It is on its way; too much memory may make that shorter.
            self._kill_at = min(now + grace, self._kill_at or now)
            return
        # Who ended first wins: a script that is over already has its own end.
        if self._script.poll():
            return
        self.ending = reason
        self._kill_at = now + grace
        self._script.ask_to_end()
        if self._clock.stands:
            # It goes on, to hear that it shall end.
            self._clock.go_on(now)
            self._tell_suspended()

    def _tell_suspended(self) -> None:
        self._report({"suspended": self._clock.stands, "token": self._script.token})

    def _finish_off(self) -> None:
        left = self._script.end_now(_END_PATIENCE, self._orders.wait)
        if left:
            self.remark = f"could not end the processes {', '.join(map(str, left))}"

    def _end_left_behind(self) -> None:
        """What a script started and left is ended with it, as batch systems do."""
        count = len(self._script.survivors())
        self._script.ask_to_end()
        until = time.monotonic() + min(_LEFT_BEHIND_GRACE, self._grace)
        while self._script.survivors() and time.monotonic() < until:
            self._orders.wait(0.02)
            self._script.poll()
        self.remark = f"{count} processes that the script left behind were ended"
        if self._script.survivors():
            self._finish_off()

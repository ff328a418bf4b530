"""A thread that brings notices one way: tries, waits, tries again, gives up after a day."""

from __future__ import annotations

import heapq
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count

from qm.notify.channel import Channel, Undelivered
from qm.notify.notice import Notice
from qm.notify.spool import Parcel
from qm.quantities import format_duration
from qm.times import utc_seconds

log = logging.getLogger("qm")

_CUT_EVERY = 0.1
Locate = Callable[[Notice], str | None]
"""Where the job's folder lies now; None where it is gone."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """When a notice is tried. All in seconds."""

    settle: float = 1.0
    """Before the first try: by then the job's folder lies in its last place."""
    pauses: tuple[float, ...] = (10.0, 60.0, 300.0, 1800.0)
    """After the first failure, the second, …; the last one goes on."""
    give_up_after: float = 86400.0
    """A notice that is older is given up when a try fails, and not before one has."""

    def pause(self, failures: int) -> float:
        """How long to wait after so many failures in a row, 1 or more."""
        return self.pauses[min(failures, len(self.pauses)) - 1]


@dataclass(frozen=True, slots=True)
class Report:
    """What came of one try."""

    notice: Notice
    detail: str
    ok: bool
    final: bool
    """Nothing more is tried this way; true of what has arrived as well."""


@dataclass(slots=True)
class _Delivery:
    notice: Notice
    noted: float
    failures: int = 0


@dataclass(slots=True)
class _Outage:
    """A target that does not work: everything for it waits, one try finds out."""

    failures: int = 0
    until: float = 0.0
    """Monotonic."""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class _Expired:
    """Too old to wait for a target that does not work."""

    delivery: _Delivery
    fault: Undelivered


class Courier:
    """Delivers through one channel. Its thread starts with the first notice."""

    def __init__(
        self,
        name: str,
        channel: Channel | None,
        locate: Locate,
        report: Callable[[str, Report], None],
        schedule: Schedule,
        clock: Callable[[], float],
    ) -> None:
        """``report`` is called in the courier's thread, with its name, after each try.

        ``clock`` gives seconds since the epoch: a notice's age counts over restarts.
        """
        self.name = name
        self._channel = channel
        self._locate = locate
        self._report = report
        self._schedule = schedule
        self._clock = clock
        self._waiting: list[tuple[float, int, _Delivery]] = []
        self._keys: set[str] = set()
        self._outages: dict[str, _Outage] = {}
        self._order = count()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._stopping = False

    def add(self, parcel: Parcel) -> None:
        """Take on a notice; one that it has already is not taken twice."""
        with self._changed:
            if parcel.notice.key in self._keys or self._stopping:
                return
            self._keys.add(parcel.notice.key)
            delivery = _Delivery(parcel.notice, utc_seconds(parcel.noted))
            self._push(delivery, time.monotonic() + self._schedule.settle)
            if self._thread is None:
                name = f"notify {self.name}"
                self._thread = threading.Thread(target=self._run, name=name, daemon=True)
                self._thread.start()
            self._changed.notify()

    def use(self, channel: Channel | None) -> None:
        """Go on through another channel; None: this way is closed, what waits is given up."""
        with self._changed:
            self._channel = channel
        self.wake()

    def wake(self) -> None:
        """Try everything now, whatever failed before."""
        with self._changed:
            self._outages.clear()
            now = time.monotonic()
            self._waiting = [(min(due, now), at, one) for due, at, one in self._waiting]
            heapq.heapify(self._waiting)
            self._changed.notify()

    def stop(self) -> None:
        """End soon; what has not arrived stays in the spool."""
        with self._changed:
            self._stopping = True
            channel = self._channel
            self._changed.notify()
        if channel is not None:
            channel.cut()

    def join(self, timeout: float) -> bool:
        """Wait for the thread's end, at most so many seconds; True if it has ended."""
        thread, until = self._thread, time.monotonic() + timeout
        while thread is not None and thread.is_alive():
            left = until - time.monotonic()
            if left <= 0:
                return False
            if self._channel is not None and self._stopping:
                # What was just being begun when the stop came had nothing to be cut yet.
                self._channel.cut()
            thread.join(min(left, _CUT_EVERY))
        return True

    def _push(self, delivery: _Delivery, due: float) -> None:
        heapq.heappush(self._waiting, (due, next(self._order), delivery))

    def _run(self) -> None:
        used: Channel | None = None
        while not self._stopping:
            with self._changed:
                channel, due = self._channel, self._due()
            if used is not None and (due is None or used is not channel):
                used.rest()
                used = None
            if due is None:
                self._wait()
            elif isinstance(due, _Expired):
                self._failed(due.delivery, channel, due.fault)
            else:
                used = channel
                self._carry(due, channel)
        if used is not None:
            used.rest()

    def _wait(self) -> None:
        with self._changed:
            if self._stopping:
                return
            if not self._waiting:
                self._outages.clear()
                self._changed.wait()
                return
            pause = self._waiting[0][0] - time.monotonic()
            if pause > 0:
                self._changed.wait(pause)

    def _due(self) -> _Delivery | _Expired | None:
        """The next one to try. What is for a target that is down is put off without a try."""
        now = time.monotonic()
        while self._waiting and self._waiting[0][0] <= now:
            _, _, delivery = heapq.heappop(self._waiting)
            outage = self._outage(delivery.notice)
            if outage is None or outage.until <= now:
                return delivery
            if self._age(delivery) > self._schedule.give_up_after:
                return _Expired(delivery, Undelivered(outage.detail, down=True))
            self._push(delivery, outage.until)
        return None

    def _age(self, delivery: _Delivery) -> float:
        return self._clock() - delivery.noted

    def _outage(self, notice: Notice) -> _Outage | None:
        return None if self._channel is None else self._outages.get(self._channel.target(notice))

    def _carry(self, delivery: _Delivery, channel: Channel | None) -> None:
        notice = delivery.notice
        try:
            if channel is None:
                raise Undelivered("it is switched off in QMserv.cfg now", final=True)
            detail = channel.deliver(notice, self._folder_of(notice))
        except Undelivered as fault:
            self._failed(delivery, channel, fault)
        except Exception as error:
            log.exception("%s for job %d", self.name, notice.id)
            self._failed(delivery, channel, Undelivered(f"a fault of QM: {error!r}"))
        else:
            with self._changed:
                if channel is not None:
                    self._outages.pop(channel.target(notice), None)
                self._keys.discard(notice.key)
            self._report(self.name, Report(notice, detail, ok=True, final=True))

    def _folder_of(self, notice: Notice) -> str | None:
        try:
            return self._locate(notice)
        except Exception:
            # To find the folder is a help, no more: the message goes without it.
            log.exception("where the folder of job %d lies", notice.id)
            return None

    def _failed(self, delivery: _Delivery, channel: Channel | None, fault: Undelivered) -> None:
        """Another try later, unless that is of no use or has been tried for long enough."""
        if self._stopping and not fault.final:
            return  # Cut by the stop: it is no fault of the target's.
        delivery.failures += 1
        age = self._age(delivery)
        final = fault.final or age > self._schedule.give_up_after
        detail = fault.detail
        with self._changed:
            if final:
                self._keys.discard(delivery.notice.key)
                if not fault.final:
                    detail += f"; given up after {format_duration(age)}"
            else:
                pause = self._put_off(delivery, channel, fault)
                detail += f"; next try in {format_duration(pause)}"
        self._report(self.name, Report(delivery.notice, detail, ok=False, final=final))

    def _put_off(self, delivery: _Delivery, channel: Channel | None, fault: Undelivered) -> float:
        now = time.monotonic()
        pause = self._schedule.pause(delivery.failures)
        if fault.down and channel is not None:
            outage = self._outages.setdefault(channel.target(delivery.notice), _Outage())
            outage.failures += 1
            pause = self._schedule.pause(outage.failures)
            outage.until = now + pause
            outage.detail = fault.detail
        self._push(delivery, now + pause)
        return pause

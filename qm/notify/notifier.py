"""The manager's door to mail, web addresses and commands."""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import replace

from qm.config import Config
from qm.crashpoints import crash_point
from qm.notify.channel import Channel
from qm.notify.courier import Courier, Locate, Report, Schedule
from qm.notify.journal import Journal
from qm.notify.notice import Notice
from qm.notify.spool import Parcel, Spool
from qm.notify.webhook import Webhook
from qm.times import utc_text

log = logging.getLogger("qm")

KINDS = {
    "mail": "mail",
    "webhook": "webhook",
    "webhook_of_all": "webhook",
    "command": "command",
}
"""The ways of telling somebody, as notices in the spool name them, and their kind of event."""
LARGEST = 10_000
"""Notices that wait at most; more can only mean that nobody has cared for days."""


def channels_of(config: Config, host: str) -> dict[str, Channel]:
    """The ways that are open by this configuration, by their names in :data:`KINDS`."""
    everybody = config.notify_url

    def own_url(notice: Notice) -> str | None:
        return notice.notify_url

    def url_of_all(notice: Notice) -> str | None:
        return None if notice.notify_url == everybody else everybody

    channels: dict[str, Channel] = {"webhook": Webhook(own_url, host)}
    if config.mail_active:
        from qm.notify.mail import Mail  # Late: smtplib and ssl are large.

        channels["mail"] = Mail(config.mail, host)
    if everybody is not None:
        channels["webhook_of_all"] = Webhook(url_of_all, host)
    if config.notify_command is not None:
        from qm.notify.command import Command

        channels["command"] = Command(config.notify_command, str(config.folder), host)
    return channels


class Notifier:
    """Notes what is to be told, and tells it in threads of its own.

    Nothing here raises into the manager, and nothing here can change a job:
    what fails is an event. A notice may arrive twice, if QM is killed at the
    moment at which it is delivered; it is never lost.
    """

    def __init__(
        self,
        config: Config,
        spool: str,
        events: str,
        locate: Locate,
        *,
        host: str | None = None,
        schedule: Schedule | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """``spool`` is the folder of the notices, ``events`` the file of the events.

        ``locate`` tells where a job's folder lies now; it is called in other threads.
        """
        self._host = socket.gethostname() if host is None else host
        self._clock = clock
        self._spool = Spool(spool, sync=config.sync)
        self._journal = Journal(events, clock)
        self._lock = threading.Lock()
        self._parcels: dict[str, Parcel] = {}
        self._channels = channels_of(config, self._host)
        times = Schedule() if schedule is None else schedule
        self._couriers = {
            name: Courier(name, self._channels.get(name), locate, self._reported, times, clock)
            for name in KINDS
        }

    def start(self) -> None:
        """Go on with what an earlier manager has left in the spool."""
        try:
            parcels, faults = self._spool.load()
        except OSError as error:
            parcels, faults = [], [f"the notices cannot be read: {error.strerror}"]
        for fault in faults:
            log.warning("%s", fault)
        for parcel in parcels:
            self._take(parcel)

    def tell(self, notices: Iterable[Notice]) -> None:
        """Note these durably, where somebody is to be told of them; delivered a moment later.

        Cheap, and without a trace, where nobody is. To be called before the
        job's end is written to the history: a crash between the two notes it again.
        """
        for notice in notices:
            if pending := self._wanted_by(notice):
                parcel = Parcel(notice, utc_text(self._clock()), pending)
                if self._is_new(parcel):
                    self._write(parcel)
                    self._take(parcel)

    def wake(self) -> None:
        """Try everything now, whatever failed before."""
        for courier in self._couriers.values():
            courier.wake()

    def reconfigure(self, config: Config) -> None:
        """Go on by another configuration, with what waits as well."""
        channels = channels_of(config, self._host)
        self._channels = channels
        for name, courier in self._couriers.items():
            courier.use(channels.get(name))

    def waiting(self) -> int:
        """How many notices have not arrived everywhere yet."""
        with self._lock:
            return len(self._parcels)

    def stop(self) -> None:
        """End soon; what has not arrived stays in the spool."""
        for courier in self._couriers.values():
            courier.stop()

    def join(self, timeout: float) -> bool:
        """Wait for the threads' end, at most so many seconds in all; True if all have ended."""
        until = time.monotonic() + timeout
        ended = True
        for courier in self._couriers.values():
            ended = courier.join(max(0.0, until - time.monotonic())) and ended
        return ended

    def _wanted_by(self, notice: Notice) -> frozenset[str]:
        return frozenset(name for name, channel in self._channels.items() if channel.wants(notice))

    def _is_new(self, parcel: Parcel) -> bool:
        with self._lock:
            if parcel.notice.key in self._parcels:
                return False
            if len(self._parcels) < LARGEST:
                return True
        for name in parcel.pending:
            detail = f"given up: {LARGEST} others wait already"
            self._journal.add(KINDS[name], parcel.notice.id, ok=False, detail=detail)
        return False

    def _write(self, parcel: Parcel) -> None:
        try:
            self._spool.write(parcel)
        except OSError as error:
            # It is told all the same, unless QM ends before.
            log.warning("the notice for job %d cannot be kept: %s", parcel.notice.id, error)

    def _take(self, parcel: Parcel) -> None:
        with self._lock:
            self._parcels[parcel.notice.key] = parcel
        known = parcel.pending & KINDS.keys()
        for name in known:
            self._couriers[name].add(parcel)
        for name in parcel.pending - known:
            # Of a later version of QM, whose spool this is.
            self._strike(parcel.notice.key, name)
            self._forget(parcel.notice.key)

    def _reported(self, name: str, report: Report) -> None:
        """On disk first: what has arrived is not to be told again by the next manager."""
        if report.final:
            self._strike(report.notice.key, name)
        self._journal.add(KINDS[name], report.notice.id, ok=report.ok, detail=report.detail)
        self._forget(report.notice.key)

    def _strike(self, key: str, name: str) -> None:
        """This way is done with: off the notice with it, and the file away with the last one."""
        crash_point("notice.delivered", name)
        with self._lock:
            parcel = self._parcels[key]
            left = replace(parcel, pending=parcel.pending - {name})
            self._parcels[key] = left
            try:
                if left.pending:
                    self._spool.write(left)
                else:
                    self._spool.remove(key)
            except OSError as error:
                # Told once more after a restart: better than not at all.
                log.warning("the notice %s cannot be brought up to date: %s", key, error)

    def _forget(self, key: str) -> None:
        with self._lock:
            parcel = self._parcels.get(key)  # None: another way came to its end just now.
            if parcel is not None and not parcel.pending:
                del self._parcels[key]

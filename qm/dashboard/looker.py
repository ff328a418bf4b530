"""The thread that looks: the screen never waits for a disk, a share or a manager."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from qm.dashboard.look import Observer
from qm.dashboard.snapshot import LogTail, Snapshot
from qm.view import Entry

EVERY = 1.0
"""Seconds between two looks."""
_STOP_PATIENCE = 2.0


@dataclass(frozen=True, slots=True)
class Told:
    """Whom the looker tells, from its own thread."""

    snapshot: Callable[[Snapshot], None]
    log: Callable[[LogTail], None]
    trouble: Callable[[Exception], None]


class Looker:
    """Looks every second, and at once at the log of another job."""

    def __init__(self, observer: Observer, told: Told) -> None:
        self._observer = observer
        self._told = told
        self._watched: tuple[Entry, int] | None = None
        self._part = ""
        self._wake = threading.Event()
        self._stopped = False
        self._hurried = False
        self._look_at = 0.0
        # A daemon: a look at a share that hangs shall not keep the terminal.
        self._thread = threading.Thread(target=self._run, name="looker", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """End, unless a look takes too long."""
        self._stopped = True
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(_STOP_PATIENCE)

    def watch(self, entry: Entry | None, limit: int) -> None:
        """Read the last ``limit`` bytes of this job's log from now on."""
        wanted = None if entry is None else (entry, limit)
        if wanted != self._watched:
            self._watched = wanted
            self._wake.set()

    def seek(self, part: str) -> None:
        """Look only at jobs with this in their names, from now on."""
        self._part = part
        self.hurry()

    def hurry(self) -> None:
        """Look now: something has been done."""
        self._hurried = True
        self._wake.set()

    def _run(self) -> None:
        while not self._stopped:
            self._wake.clear()
            try:
                self._look()
            except Exception as error:
                self._told.trouble(error)
            self._wake.wait(max(0.0, self._look_at - time.monotonic()))

    def _look(self) -> None:
        watched = self._watched
        if watched is not None:
            # First: whoever has moved to another row waits for this.
            tail = self._observer.read_log(*watched)
            if tail is not None:
                self._told.log(tail)
        now = time.monotonic()
        if self._hurried:
            self._hurried, self._look_at = False, now
            self._observer.hurry()
        if now >= self._look_at:
            self._look_at = now + EVERY
            self._told.snapshot(self._observer.look(time.time(), self._part))

"""Have the manager end: now, when its jobs have ended, or with its jobs."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Literal

from qm.cli.presence import holder, runs
from qm.control.client import ask
from qm.errors import NotRunning, QMError
from qm.folders.layout import Layout
from qm.model import ACTIVE_STATES
from qm.times import utc_text
from qm.view import load

Mode = Literal["now", "wait", "kill"]

FOREVER = 366 * 86400.0
"""Seconds; a request has to have an end."""
_LAST_STEPS = 40.0
"""Seconds for a manager that has answered to finish what is under way, and let its lock go."""
_POLL = 0.05
_LOOK_EVERY = 1.0
_NAMED = 5


def leave(layout: Layout, mode: Mode, *, timeout: float) -> bool:
    """Have the manager end; returns once its lock is free. False where none ran.

    ``now``: running jobs go on. ``wait``: nothing new is started, and it ends
    when nothing runs. ``kill``: running jobs are stopped first. ``timeout`` is
    in seconds; after it, and when the caller is interrupted, the request is
    taken back. Raises QMError where the manager does not end in time.
    """
    if not runs(layout):
        return False
    who = holder(layout)
    try:
        ask(layout, "stop", (), timeout=timeout, data={"mode": mode})
    except NotRunning:
        return True  # It has ended; its answer, if there was one, went with it.
    until = time.monotonic() + _LAST_STEPS
    while runs(layout) and holder(layout) == who:
        if time.monotonic() > until:
            raise QMError(
                f"QM was told to stop, and still runs ({who})",
                "Its log tells what it waits for. Ending that process by force harms no job.",
            )
        time.sleep(_POLL)
    return True


class Watcher:
    """Tells, while somebody waits, which jobs still run: at first, and when that changes."""

    def __init__(self, layout: Layout, tell: Callable[[str], None]) -> None:
        self._layout = layout
        self._tell = tell
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="qm-watcher", daemon=True)

    def __enter__(self) -> Watcher:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join(_LOOK_EVERY)

    def _watch(self) -> None:
        told: list[str] = []
        while not self._over.is_set():
            try:
                running = self._running()
            except (OSError, QMError):
                running = told  # It is told again when it can be read.
            if running != told and not self._over.is_set():
                told = running
                if told:
                    self._tell(_waits_for(told))
            self._over.wait(_LOOK_EVERY)

    def _running(self) -> list[str]:
        view = load(self._layout, utc_text(time.time()))
        return [entry.label for entry in view.entries if entry.state in ACTIVE_STATES]


def _waits_for(labels: list[str]) -> str:
    named = ", ".join(labels[:_NAMED])
    more = len(labels) - _NAMED
    return f"Waits for {named}" + (f" and {more} more" if more > 0 else "")

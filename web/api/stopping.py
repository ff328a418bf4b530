"""Stopping a job takes as long as its grace: whoever asks may wait for it, or not."""

from __future__ import annotations

import threading
from typing import Any

from qm.control.client import ask
from qm.errors import QMError
from qm.folders.layout import Layout
from web.problem import Problem

_AT_ONCE = 32
_WAITING = 8
"""Requests that may wait for the end of a job: each one holds a thread of the page."""
_PATIENCE = 30.0
"""Seconds beyond the grace for a tree of processes to go and its record to be written."""


class Stops:
    """Asks the manager to end jobs, on a thread for each that is not over at once."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._places = threading.BoundedSemaphore(_AT_ONCE)
        self._waits = threading.BoundedSemaphore(_WAITING)

    def stop(
        self, job_id: int, grace: float | None, usual_grace: float, wait: float
    ) -> dict[str, Any] | None:
        """Have a job ended; what became of it, or None if that takes longer than ``wait`` s.

        It goes on all the same then. Where many wait already, ``wait`` is nothing.
        ``grace`` None: what the manager is configured with, ``usual_grace``. Raises as
        :func:`qm.control.client.ask`, and Problem 503 where too many are being ended.
        """
        if not self._places.acquire(blocking=False):
            raise Problem(
                503, "Many jobs are being stopped just now.", "Try again.", {"Retry-After": "2"}
            )
        timeout = (usual_grace if grace is None else grace) + _PATIENCE
        asked = _Asked(self._layout, job_id, timeout, grace, self._places)
        threading.Thread(target=asked.run, name="qm-stop", daemon=True).start()
        if not self._waits.acquire(blocking=False):
            return asked.result(0.0)
        try:
            return asked.result(wait)
        finally:
            self._waits.release()


class _Asked:
    """One request and its answer."""

    def __init__(
        self,
        layout: Layout,
        job_id: int,
        timeout: float,
        grace: float | None,
        place: threading.BoundedSemaphore,
    ) -> None:
        self._layout = layout
        self._job_id = job_id
        self._timeout = timeout
        self._grace = grace
        self._place = place
        self._over = threading.Event()
        self._answer: dict[str, Any] = {}
        self._error: Exception | None = None

    def run(self) -> None:
        try:
            target = (str(self._job_id),)
            self._answer = ask(
                self._layout, "kill", target, timeout=self._timeout, grace=self._grace
            )
        except (QMError, OSError) as error:
            self._error = error
        finally:
            self._place.release()
            self._over.set()

    def result(self, wait: float) -> dict[str, Any] | None:
        if not self._over.wait(wait):
            return None
        if self._error is not None:
            raise self._error
        return self._answer

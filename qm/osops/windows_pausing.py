"""Processes on Windows that stand still."""

from __future__ import annotations

import sys

assert sys.platform == "win32"

import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import psutil

_ROUND = 0.01
_PATIENCE = 1.0


class Paused:
    """The processes that were suspended, to be resumed once each.

    Windows counts: a process that was suspended twice stands until it has
    been resumed twice.
    """

    def __init__(self) -> None:
        self._processes: list[psutil.Process] = []

    def suspend(self, tree: Callable[[], Iterable[int]]) -> None:
        """Suspend what ``tree`` tells, until two looks in a row find nothing new.

        A process may start another while it is being suspended.
        """
        import psutil

        seen = {process.pid for process in self._processes}
        until = time.monotonic() + _PATIENCE
        clean = 0
        while clean < 2 and time.monotonic() < until:
            found = [pid for pid in tree() if pid not in seen]
            clean = 0 if found else clean + 1
            seen.update(found)
            for pid in found:
                try:
                    process = psutil.Process(pid)
                    process.suspend()
                except psutil.Error:
                    continue
                self._processes.append(process)
            time.sleep(_ROUND)

    def resume(self) -> None:
        """Resume each, the last first; those that have ended meanwhile are no fault."""
        if not self._processes:
            return
        import psutil

        while self._processes:
            try:
                self._processes.pop().resume()
            except psutil.Error:
                continue

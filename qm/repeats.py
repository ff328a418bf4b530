"""What is warned of again and again is written down now and then, with a count."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

FIRST = 15.0
"""Seconds for which a warning is not written a second time; doubled with each time that it is."""
LONGEST = 3600.0
OVER = 30.0
"""Seconds of silence after which the same warning is a new one."""
_MOST = 500


@dataclass(slots=True)
class _Said:
    written: float
    heard: float
    pause: float
    since: int = 0
    """How often it came since it was written."""


class Repeats(logging.Filter):
    """Holds back warnings that say what was just said: a fault that lasts does not fill the log."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._lock = threading.Lock()
        self._said: dict[str, _Said] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """True if the record is to be written; one that came often says how often."""
        if record.levelno < logging.WARNING:
            return True
        text, now = record.getMessage(), self._clock()
        with self._lock:
            said = self._said.get(text)
            if said is None or now - said.heard > OVER:
                self._said.pop(text, None)
                self._said[text] = _Said(now, now, FIRST)
                while len(self._said) > _MOST:
                    del self._said[next(iter(self._said))]
                return True
            said.heard = now
            said.since += 1
            if now - said.written < said.pause:
                return False
            record.msg, record.args = f"{text} (came {said.since} times more)", ()
            said.written, said.since = now, 0
            said.pause = min(2 * said.pause, LONGEST)
            return True

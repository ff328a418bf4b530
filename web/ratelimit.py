"""How often, and how many at once."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from types import TracebackType

from web.problem import Problem

_MOST_KEYS = 4096


class RateLimit:
    """At most ``count`` events for each key within ``window`` seconds."""

    def __init__(self, count: int, window: float, clock: Callable[[], float]) -> None:
        self._count = count
        self._window = window
        self._clock = clock
        self._lock = threading.Lock()
        self._events: dict[str, deque[float]] = {}

    def wait(self, key: str) -> float:
        """Seconds until ``key`` may act again; 0 where it may now. Counts nothing."""
        with self._lock:
            return self._wait(key, self._clock())

    def take(self, key: str) -> float:
        """Count an event of ``key``: 0 if it is within the limit, else the seconds to wait."""
        with self._lock:
            now = self._clock()
            wait = self._wait(key, now)
            if not wait:
                self._make_room(now)
                self._events.setdefault(key, deque()).append(now)
            return wait

    def taken(self, key: str) -> int:
        """How many events of ``key`` lie within the window."""
        with self._lock:
            self._forget(key, self._clock())
            return len(self._events.get(key, ()))

    def _wait(self, key: str, now: float) -> float:
        self._forget(key, now)
        events = self._events.get(key)
        if not events or len(events) < self._count:
            return 0.0
        return events[0] + self._window - now

    def _forget(self, key: str, now: float) -> None:
        events = self._events.get(key)
        if events is None:
            return
        while events and events[0] <= now - self._window:
            events.popleft()
        if not events:
            del self._events[key]

    def _make_room(self, now: float) -> None:
        # Addresses can be made up in any number; memory cannot.
        if len(self._events) >= _MOST_KEYS:
            for key in list(self._events):
                self._forget(key, now)
        while len(self._events) >= _MOST_KEYS:
            del self._events[next(iter(self._events))]


class Turnstile:
    """Lets ``count`` threads in at once: ``with turnstile: ...``."""

    def __init__(self, count: int) -> None:
        self._slots = threading.BoundedSemaphore(count)

    def __enter__(self) -> None:
        """Raises Problem 503 where it is full."""
        if not self._slots.acquire(blocking=False):
            raise Problem(503, "QM is busy with such requests.", "Try again.", {"Retry-After": "1"})

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._slots.release()

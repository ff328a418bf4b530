"""How often, and how many at once."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import TypeVar

from web.hosts import network_of
from web.problem import Problem

_MOST_KEYS = 4096
_T = TypeVar("_T")


class RateLimit:
    """At most ``count`` events for each key within ``window`` seconds."""

    def __init__(self, count: int, window: float, clock: Callable[[], float]) -> None:
        self._count = count
        self._window = window
        self._clock = clock
        self._lock = threading.Lock()
        self._events: dict[str, deque[float]] = {}

    def take(self, key: str) -> float:
        """Count an event of ``key``: 0 if it is within the limit, else the seconds to wait."""
        with self._lock:
            now = self._clock()
            wait = self._wait(key, now)
            if not wait:
                self._make_room(now)
                self._events.setdefault(key, deque()).append(now)
            return wait

    def give_back(self, key: str) -> None:
        """Let the newest event of ``key`` not count; harmless where there is none."""
        with self._lock:
            events = self._events.get(key)
            if events:
                events.pop()

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


class Guesses:
    """At most ``count`` wrong guesses of a secret from one network within ``window`` seconds."""

    def __init__(self, count: int, window: float, clock: Callable[[], float]) -> None:
        self._limit = RateLimit(count, window, clock)

    def attempt(self, address: str, look: Callable[[], _T | None]) -> _T | None:
        """What ``look`` finds for somebody at ``address``; None is a wrong guess.

        Problem 429 where there were too many: then also a right one is not looked at.
        """
        network = network_of(address)
        # Counted before it is looked at: of many at once no more than the limit are.
        wait = self._limit.take(network)
        if wait:
            seconds = str(int(wait) + 1)
            raise Problem(
                429, "Too many wrong tokens.", f"Wait {seconds} s.", {"Retry-After": seconds}
            )
        found = look()
        if found is not None:
            self._limit.give_back(network)
        return found

    def wrong(self, address: str) -> int:
        """How many there were of this network within the window."""
        return self._limit.taken(network_of(address))


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

"""Places for answers that go on for long, shared out so that nobody takes them all."""

from __future__ import annotations

import threading
from collections import Counter

from web.problem import Problem
from web.roles import Caller

EVENT_SLOTS = 48
"""Those who follow the events hold a thread each; 16 are left to all other requests."""
PER_SESSION = 4
PER_ADDRESS = 12


def event_slots() -> Slots:
    """The places for those who follow the events."""
    return Slots(EVENT_SLOTS, per_session=PER_SESSION, per_address=PER_ADDRESS)


class Slots:
    """``total`` places; a session has some of them at most, and so has an address without one."""

    def __init__(self, total: int, *, per_session: int, per_address: int) -> None:
        self.total = total
        self._per_session = per_session
        self._per_address = per_address
        self._lock = threading.Lock()
        self._taken: Counter[str] = Counter()

    @property
    def taken(self) -> int:
        """How many are taken now."""
        with self._lock:
            return self._taken.total()

    def take(self, who: Caller) -> Slot:
        """A place, to be given back; Problem 503 where there is none for this caller."""
        key = f"address {who.address}" if who.session is None else who.key
        most = self._per_address if who.session is None else self._per_session
        with self._lock:
            if self._taken.total() >= self.total or self._taken[key] >= most:
                raise Problem(
                    503,
                    "As many browsers as can be follow the events already.",
                    "Ask for the summary every few seconds instead.",
                    {"Retry-After": "15"},
                )
            self._taken[key] += 1
        return Slot(self, key)

    def give_back(self, key: str) -> None:
        """The end of :meth:`take`; :class:`Slot` does it."""
        with self._lock:
            self._taken[key] -= 1
            self._taken += Counter()


class Slot:
    """One place that was taken."""

    def __init__(self, slots: Slots, key: str) -> None:
        self._slots: Slots | None = slots
        self._key = key
        self._lock = threading.Lock()

    def free(self) -> None:
        """Give it back; a second time does nothing."""
        with self._lock:
            slots, self._slots = self._slots, None
        if slots is not None:
            slots.give_back(self._key)

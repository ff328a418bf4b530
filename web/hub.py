"""What changes, told to everybody who listens: one ring of events, read by each at its own pace.

Nobody has a queue, so a listener that does not read costs no memory. Whoever
comes back says which event it has seen last; if that is too long ago, or of
another hub, it is told to look at everything again.
"""

from __future__ import annotations

import secrets
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

RING = 1000

ALL: frozenset[str] = frozenset()
"""As topics to listen to: every one."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something has changed. ``jobs`` has figures by id, for those that run."""

    number: int
    topics: frozenset[str]
    jobs: Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Heard:
    """What there was to hear: ``last`` is the name of the newest event, heard or not.

    ``reset``: events were missed.
    """

    events: tuple[Event, ...]
    last: str
    reset: bool = False


class Hub:
    """Passes events from :meth:`publish` on to everybody in :meth:`wait`."""

    def __init__(self, ring: int = RING) -> None:
        self._epoch = secrets.token_hex(4)
        self._changed = threading.Condition()
        self._ring: deque[Event] = deque(maxlen=ring)
        self._number = 0
        self._wanted: Counter[str] = Counter()
        self._listeners = 0
        self._on_first: Callable[[], None] = lambda: None

    def when_first_listens(self, act: Callable[[], None]) -> None:
        """Have ``act`` called, quickly done, whenever there is a listener after there was none."""
        self._on_first = act

    @property
    def listeners(self) -> int:
        """How many there are."""
        return self._listeners

    def listen(self, topics: frozenset[str]) -> None:
        """Count somebody who listens to ``topics``; :data:`ALL` for every one."""
        with self._changed:
            self._wanted.update(topics or {""})
            self._listeners += 1
            first = self._listeners == 1
        if first:
            self._on_first()

    def leave(self, topics: frozenset[str]) -> None:
        """The end of :meth:`listen`."""
        with self._changed:
            self._wanted.subtract(topics or {""})
            self._wanted += Counter()
            self._listeners -= 1

    def wanted(self) -> frozenset[str]:
        """All topics that anybody listens to; ``""`` is among them where one wants every one."""
        with self._changed:
            return frozenset(self._wanted)

    def publish(
        self, topics: Iterable[str], jobs: Mapping[str, Mapping[str, Any]] | None = None
    ) -> None:
        """Tell everybody."""
        with self._changed:
            self._number += 1
            self._ring.append(Event(self._number, frozenset(topics), jobs or {}))
            self._changed.notify_all()

    def now(self) -> str:
        """The name of the newest event."""
        with self._changed:
            return self._name(self._number)

    def wait(self, last: str | None, topics: frozenset[str], timeout: float) -> Heard:
        """What came after the event ``last`` about ``topics``, or nothing after ``timeout`` s.

        ``last`` None is for somebody who comes for the first time: it has to look
        at everything, as has one whose event is not known.
        """
        seen = self._number_of(last)
        with self._changed:
            if seen is None or seen > self._number or seen < self._number - len(self._ring):
                return Heard((), self._name(self._number), reset=True)
            self._changed.wait_for(lambda: self._number > seen, timeout)
            if seen < self._number - len(self._ring):
                return Heard((), self._name(self._number), reset=True)
            missed = self._number - seen
            new = [self._ring[-count] for count in range(missed, 0, -1)]
            name = self._name(self._number)
        return Heard(
            tuple(_about(event, topics) for event in new if _is_about(event, topics)), name
        )

    def _name(self, number: int) -> str:
        return f"{self._epoch}-{number}"

    def _number_of(self, name: str | None) -> int | None:
        epoch, _, number = (name or "").partition("-")
        known = epoch == self._epoch and number.isascii() and number.isdigit() and len(number) < 19
        return int(number) if known else None

    def name_of(self, event: Event) -> str:
        """What a listener says who has heard this event last."""
        return self._name(event.number)


def _is_about(event: Event, topics: frozenset[str]) -> bool:
    return not topics or not topics.isdisjoint(event.topics)


def _about(event: Event, topics: frozenset[str]) -> Event:
    """The event without what nobody asked for."""
    if not topics:
        return event
    named = event.topics & topics
    jobs = event.jobs
    if "progress" not in topics:
        jobs = {job: facts for job, facts in jobs.items() if f"job:{job}" in topics}
    return Event(event.number, named, jobs)

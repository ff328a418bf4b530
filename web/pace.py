"""How often what changes all the time is told: at once, soon again, and then in steps. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

Figures = Mapping[str, Any]
"""Of one running job: ``log`` is the size of its log in bytes, ``fraction`` and ``text`` are
its progress, ``left`` the seconds until its end; what is not known is None.
"""

STEP = 0.25
"""Seconds between two events about one job, or about the queue, on the average."""
SOON = 0.05
"""The least between two of them: the end of a job and the start of the next come close together,
and the second is not held back for the first.
"""
PROGRESS_STEP = 1.0
"""Seconds between two events about the progress of all jobs together."""
PROGRESS = "progress"

_NEVER = (float("-inf"), float("-inf"))


class Pace:
    """Holds topics back until they are due; times are in seconds, by a clock that only grows."""

    def __init__(self) -> None:
        self._told: dict[str, tuple[float, float]] = {}
        """When each topic was told the last time but one, and the last time."""
        self._topics: set[str] = set()
        self._jobs: dict[str, Figures] = {}

    def add(self, topics: Iterable[str], jobs: Mapping[str, Figures] | None = None) -> None:
        """Something has changed; of several figures of a job the last ones count."""
        self._topics |= set(topics)
        self._jobs |= jobs or {}

    def due(self, now: float) -> tuple[frozenset[str], dict[str, Figures]]:
        """What is to be told now; it is held back no more."""
        topics = frozenset(topic for topic in self._topics if self._is_due(topic, now))
        self._topics -= topics
        for topic in topics:
            self._told[topic] = self._told.get(topic, _NEVER)[1], now
        self._forget(now)
        told = self._jobs if PROGRESS in topics else self._of(topics)
        jobs = dict(told)
        if PROGRESS not in self._topics:
            # Nobody waits for them any more.
            waiting = self._of(self._topics)
            self._jobs = dict(waiting)
        return topics, jobs

    def _of(self, topics: Iterable[str]) -> dict[str, Figures]:
        names = {topic.removeprefix("job:") for topic in topics}
        return {job: figures for job, figures in self._jobs.items() if job in names}

    def _is_due(self, topic: str, now: float) -> bool:
        before, last = self._told.get(topic, _NEVER)
        if topic == PROGRESS:
            return now - last >= PROGRESS_STEP
        return now - last >= SOON and now - before >= 2 * STEP

    def _forget(self, now: float) -> None:
        if len(self._told) > 1000:
            self._told = {t: at for t, at in self._told.items() if now - at[1] < PROGRESS_STEP}

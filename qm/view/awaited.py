"""Jobs that somebody waits for, wherever their queue is: which are over, and which are not."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable
from typing import NamedTuple

from qm.model import ACTIVE_STATES, State
from qm.times import utc_text
from qm.view.entries import Entry

PAUSE = 0.05
"""Seconds between two looks at whether anything has changed."""


class Tally(NamedTuple):
    """How many of the jobs stand where."""

    total: int
    finished: int
    failed: int
    """Ended in any other way, or were taken away."""
    running: int

    @property
    def ended(self) -> int:
        """Those that are over."""
        return self.finished + self.failed

    @property
    def left(self) -> int:
        """Those that are not."""
        return self.total - self.ended

    @property
    def waiting(self) -> int:
        """Those that have not been started."""
        return self.left - self.running


class Awaited(ABC):
    """The jobs that somebody waits for. :meth:`look` is called again and again."""

    def __init__(self, manager_runs: bool) -> None:
        self.manager_runs = manager_runs
        self.tally = Tally(0, 0, 0, 0)
        """How many stand where, as last seen."""
        self.ended: list[Entry] = []
        """In the order in which they were seen to end; one that was taken away has no state."""
        self._open: dict[int, Entry] = {}
        self._arriving: dict[str, Entry] = {}
        """What is no job yet."""
        self._after: dict[str, int] = {}
        """By the name of what arrives: jobs of this name up to here are not the one."""
        self._missed: dict[str, float] = {}
        """Since when there is no trace of what arrives."""

    @property
    def left(self) -> list[Entry]:
        """The jobs that are not over, as last seen."""
        return [*self._open.values(), *self._arriving.values()]

    @property
    def is_stuck(self) -> bool:
        """True if nothing can end before somebody starts a manager."""
        return not self.manager_runs and not self.tally.running and bool(self.left)

    @abstractmethod
    def look(self) -> bool:
        """See what has become of the jobs; True if anything is new. Cheap where nothing is."""

    def _take(self, entries: Iterable[Entry]) -> None:
        """These are how jobs stand now."""
        for entry in entries:
            if entry.id is None:
                self._arriving[entry.name] = entry
                continue
            self._open.pop(entry.id, None)
            if entry.ended is None:
                self._open[entry.id] = entry
            else:
                self.ended.append(entry)

    def _take_arrived(self, name: str, job: Entry) -> None:
        """What arrived as ``name`` is this job now."""
        del self._arriving[name]
        self._missed.pop(name, None)
        self._take([job])

    def _missing(self, name: str) -> float:
        """Seconds without a trace of what arrives, from the first look that found none on."""
        now = time.monotonic()
        return now - self._missed.setdefault(name, now)

    def _give_up(self, name: str) -> None:
        """What was to arrive will not: it was taken away."""
        self._missed.pop(name, None)
        self.ended.append(taken_away(self._arriving.pop(name)))

    def _count(self) -> None:
        self.tally = _tally_of(self.ended, self._open.values(), len(self._arriving))


def _tally_of(ended: Collection[Entry], still: Collection[Entry], arriving: int) -> Tally:
    finished = sum(entry.state == State.FINISHED for entry in ended)
    running = sum(entry.state in ACTIVE_STATES for entry in still)
    total = len(ended) + len(still) + arriving
    return Tally(total, finished, len(ended) - finished, running)


def taken_away(entry: Entry) -> Entry:
    """The entry of a job, or of what was to be one, whose folder is gone."""
    ended = utc_text(time.time())
    return entry._replace(state="", reason="Removed: its folder was taken away", ended=ended)

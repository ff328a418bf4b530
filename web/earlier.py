"""How long earlier runs of a job took, by its name: read from the index, remembered for a while."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Mapping

from qm.folders.layout import Layout
from qm.index import IndexReader, reading
from qm.model import State
from qm.view.entries import seconds

RUNS = 10
"""The last ones that ended well count: older ones may have been another program."""
_KEEP = 30.0
_MOST_NAMES = 1000


class EarlierRuns:
    """For any thread."""

    def __init__(self, layout: Layout, clock: Callable[[], float] = time.monotonic) -> None:
        self._layout = layout
        self._clock = clock
        self._guard = threading.Lock()
        self._known: dict[str, tuple[float, tuple[float, ...]]] = {}

    def durations(self, names: Iterable[str]) -> Mapping[str, tuple[float, ...]]:
        """Seconds that the last finished jobs of each name took, the newest first.

        None for a name that has none, or where there is no index.
        """
        wanted = frozenset(names)
        with self._guard:
            now = self._clock()
            known = {name: self._known[name] for name in wanted if name in self._known}
            fresh = {name: one for name, one in known.items() if one[0] > now}
            missing = sorted(wanted - fresh.keys())
            if missing:
                found = {name: (now + _KEEP, took) for name, took in self._read(missing).items()}
                if len(self._known) + len(found) > _MOST_NAMES:
                    self._known.clear()
                self._known |= found
                fresh |= found
        return {name: took for name, (_, took) in fresh.items() if took}

    def _read(self, names: Iterable[str]) -> Mapping[str, tuple[float, ...]]:
        try:
            with reading(self._layout.index_file) as index, index.snapshot():
                return {name: _durations(index, name) for name in names}
        except sqlite3.Error:
            return {}  # It is being made anew: the next look tells.


def _durations(index: IndexReader, name: str) -> tuple[float, ...]:
    # By the id, in which order the index has them: a name may have ended 100,000 times.
    rows = index.rows(
        "name = ? AND state = ? AND started IS NOT NULL",
        (name, State.FINISHED.value),
        f"ORDER BY id DESC LIMIT {RUNS}",
    )
    spans = ((seconds(row.started), seconds(row.ended)) for row in rows)
    return tuple(end - start for start, end in spans if start is not None and end is not None)

"""Earlier runs of a job, known by its name: read from the index, remembered as long as is fit."""

from __future__ import annotations

import re
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Mapping

from qm.folders.layout import Layout
from qm.index import IndexReader, Row, reading
from qm.model import State
from qm.view.entries import seconds

MOST = 20
"""Runs that are known of one name."""
RUNS = 10
"""The last ones that ended well tell how long it takes: older ones may be another program."""
_SPARE = 20.0
"""Reading takes at most one part in this of the time."""
_LONGEST = 30.0
_MOST_NAMES = 1000
_NEWEST = 500
"""Jobs of a name that are looked through, the newest first."""
_SUFFIX = re.compile(r"(.+)\.(?:[2-9]|[1-9][0-9]{1,8})", re.DOTALL)
# By names and ids alone, which the index has in order: a name may have ended 100,000 times.
_OF_NAME = f"""
    id IN (
        SELECT id FROM (
            SELECT id FROM jobs WHERE name = ?
            UNION ALL SELECT id FROM jobs WHERE name >= ? AND name < ?
        ) ORDER BY id DESC LIMIT {_NEWEST}
    ) AND ended IS NOT NULL
"""

Runs = tuple[Row, ...]


def base_name(name: str) -> str:
    """``train`` for ``train.3``: QM appends a number where the name of a folder is taken."""
    found = _SUFFIX.fullmatch(name)
    return name if found is None else found[1]


class EarlierRuns:
    """For any thread."""

    def __init__(self, layout: Layout, clock: Callable[[], float] = time.monotonic) -> None:
        self._layout = layout
        self._clock = clock
        self._guard = threading.Lock()
        self._known: dict[str, tuple[float, Runs]] = {}

    def runs(self, name: str) -> Runs:
        """Ended jobs of this name, with whatever number behind it, the newest first.

        None where there is no index.
        """
        return self._of_bases({base_name(name)})[base_name(name)]

    def durations(self, names: Iterable[str]) -> Mapping[str, tuple[float, ...]]:
        """Seconds that the last finished runs of each name took, the newest first.

        A name that has none is left out.
        """
        bases = {name: base_name(name) for name in names}
        found = self._of_bases(frozenset(bases.values()))
        took = {name: _durations(found[base]) for name, base in bases.items()}
        return {name: durations for name, durations in took.items() if durations}

    def _of_bases(self, bases: Iterable[str]) -> Mapping[str, Runs]:
        with self._guard:
            began = self._clock()
            missing = [b for b in bases if b not in self._known or self._known[b][0] <= began]
            if missing:
                read = self._read(missing)
                done = self._clock()
                until = done + min(_SPARE * (done - began), _LONGEST)
                if len(self._known) + len(missing) > _MOST_NAMES:
                    self._known = {b: self._known[b] for b in bases if b in self._known}
                self._known |= {base: (until, read.get(base, ())) for base in missing}
            return {base: self._known[base][1] for base in bases}

    def _read(self, bases: Iterable[str]) -> Mapping[str, Runs]:
        try:
            with reading(self._layout.index_file) as index, index.snapshot():
                return {base: _runs(index, base) for base in bases}
        except sqlite3.Error:
            return {}  # It is being made anew: the next look tells.


def _runs(index: IndexReader, base: str) -> Runs:
    arguments = (base, f"{base}.1", f"{base}.:")
    rows = index.rows(_OF_NAME, arguments, "ORDER BY id DESC")
    return tuple(row for row in rows if base_name(row.name) == base)[:MOST]


def _durations(runs: Runs) -> tuple[float, ...]:
    well = [run for run in runs if run.state == State.FINISHED][:RUNS]
    spans = ((seconds(run.started), seconds(run.ended)) for run in well)
    return tuple(end - start for start, end in spans if start is not None and end is not None)

"""Following a job's log to the end of the job, over all of its attempts."""

from __future__ import annotations

import os
import time

from qm.control.managerlock import manager_runs
from qm.errors import QMError
from qm.jobdir import read_records
from qm.model import Place, State
from qm.view.joblog import LogReader, Write, no_log
from qm.view.load import locate

_POLL = 0.2
_MOVE_PATIENCE = 10.0
"""Seconds for a failed attempt to be put back, or away, by a manager that runs."""
_END_PLACES = frozenset({Place.DONE.value, Place.LOST.value})


def follow(reader: LogReader, write: Write, tell: Write) -> None:
    """Write the log as it grows, until the job has ended. QMError where its folder is gone.

    An attempt that fails and is tried again is not the end; ``tell`` gets a line
    where another attempt begins, and where there is nothing to read yet.
    """
    told = False
    end = _End(reader)
    while True:
        # Asked first: what the script wrote before it ended is read after that.
        ended = end.has_come()
        there = reader.read(write, tell)
        if ended:
            reader.finish(write)
            return
        if not there and not told:
            tell(_what_is_awaited(reader))
        told = not there
        time.sleep(_POLL)


def _what_is_awaited(reader: LogReader) -> str:
    if reader.inode:
        return f"{reader.entry.label}: this attempt is over; waiting for another one"
    return no_log(reader.entry) + "; waiting for it"


class _End:
    """Whether the job is over: its last attempt is, and no other comes."""

    def __init__(self, reader: LogReader) -> None:
        self._reader = reader
        self._since: float | None = None

    def has_come(self) -> bool:
        reader = self._reader
        path = locate(reader.layout, reader.entry)
        if path is None:
            raise QMError(f"the folder of {reader.entry.label} was taken away")
        reader.folder = path
        try:
            records = read_records(path, os.path.basename(path))
        except FileNotFoundError:
            return False  # It has just moved on.
        if not records.ended:
            self._since = None
            return False
        outcome = records.exit
        if outcome is None or outcome.state() is not State.FAILED:
            return True
        return os.path.basename(os.path.dirname(path)) in _END_PLACES or self._is_left_there()

    def _is_left_there(self) -> bool:
        """A failure may be tried again: the manager decides, if there is one, and soon."""
        now = time.monotonic()
        if self._since is None:
            self._since = now
        late = now - self._since > _MOVE_PATIENCE
        return late or not manager_runs(self._reader.layout)

"""Stop a job, by the manager or, where none runs, by the mark that its supervisor obeys."""

from __future__ import annotations

import os
import time
from typing import Any

from qm.control.client import ask, who_asks
from qm.errors import NotRunning, QMError
from qm.folders.layout import Layout
from qm.jobdir import own_folder, read_records, write_kill
from qm.model import ACTIVE_STATES, Place, Reason, State
from qm.rows import row_from_records
from qm.view import Entry, find, locate

_PATIENCE = 30.0
"""Seconds beyond the grace for a tree of processes to go and its record to be written."""
_POLL = 0.05


def stop(layout: Layout, target: str, grace: float | None, usual_grace: float) -> dict[str, Any]:
    """Have a job ended; returns its id, name and state once its processes are gone.

    ``grace`` is in seconds; None leaves it to the manager, which takes the
    configured ``usual_grace``. Raises QMError where there is no such job, or
    it has ended already.
    """
    timeout = (usual_grace if grace is None else grace) + _PATIENCE
    try:
        return ask(layout, "kill", (target,), timeout=timeout, grace=grace)
    except NotRunning as not_running:
        mark_grace = usual_grace if grace is None else grace
        return _stop_by_mark(layout, find(layout, target), mark_grace, not_running)


def _stop_by_mark(
    layout: Layout, entry: Entry, grace: float, not_running: NotRunning
) -> dict[str, Any]:
    who = entry.label
    if entry.ended is not None:
        raise QMError(f"{who} had ended already: {entry.state}")
    path = locate(layout, entry)
    if entry.id is None or entry.state not in ACTIVE_STATES or path is None:
        raise not_running
    _mark(path, who, grace)
    if not _wait_for_end(path, time.monotonic() + grace + _PATIENCE):
        raise QMError(
            f"{who} still runs, though it was told to end", "`qm kill` tells it once more."
        )
    return _what_became(path, entry)


def _mark(path: str, who: str, grace: float) -> None:
    records = read_records(path, os.path.basename(path))
    with own_folder(path) as own:
        # Without a manager nobody else probes locks: it is ours for a moment, and given back.
        lock = own.lock("lock")
        if lock is not None:
            lock.release()
            raise QMError(
                f"no process runs {who} any more",
                "Its end was not recorded; `qm serve` finds out and tells.",
            )
        if records.job is None:
            raise QMError(f"the record of {who} cannot be understood", "`qm doctor` tells more.")
        write_kill(own, records.job, Reason("User", f"killed by {who_asks()}"), grace, "")


def _wait_for_end(path: str, until: float) -> bool:
    """True once the supervisor has let the lock go: it does so when the whole tree is gone."""
    while time.monotonic() < until:
        with own_folder(path) as own:
            lock = own.lock("lock")
        if lock is not None:
            lock.release()
            return True
        time.sleep(_POLL)
    return False


def _what_became(path: str, entry: Entry) -> dict[str, Any]:
    name = os.path.basename(path)
    row = row_from_records(read_records(path, name), name, Place.RUNNING, adopt=True)
    state = State.LOST.value if row is None or row.ended is None else row.state
    return {"id": entry.id, "name": name, "state": state}

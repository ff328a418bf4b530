"""The manager as others see it: whether it runs, whether it serves yet, and as which process."""

from __future__ import annotations

import re
import sqlite3
import time
from dataclasses import dataclass

from qm.control.managerlock import manager_runs, manager_says
from qm.folders.layout import Layout

_LOOKS = 4
_PAUSE = 0.02
_PROCESS = re.compile(r"host (.*), process (\d+)")


@dataclass(frozen=True, slots=True)
class Holder:
    """The process that holds the manager's lock."""

    host: str
    pid: int

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}"


def runs(layout: Layout) -> bool:
    """Whether a manager holds the lock, and not just somebody who looks at it for a moment."""
    for look in range(_LOOKS):
        if look:
            time.sleep(_PAUSE)
        if not manager_runs(layout):
            return False
    return True


def holder(layout: Layout) -> Holder | None:
    """What the lock's text says; None where it says nothing, or was not yet written."""
    found = _PROCESS.search(manager_says(layout))
    return None if found is None else Holder(found[1], int(found[2]))


def serves(layout: Layout) -> Holder | None:
    """The manager that has read its folders and takes requests; None where there is none yet."""
    from qm.index import reading
    from qm.view.by_index import facts_of

    if not manager_runs(layout):
        return None
    said = manager_says(layout)
    try:
        with reading(layout.index_file) as index:
            ready = facts_of(index, said) is not None
    except sqlite3.Error:
        return None
    # Who has just got the lock writes his name a moment later: then it says another one soon.
    return holder(layout) if ready and runs(layout) and manager_says(layout) == said else None

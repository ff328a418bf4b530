"""What the commands that look are shown: an index, and a manager as far as others can tell."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from typing import Any

from qm.folders.layout import Layout
from qm.index import Index, Row
from qm.model import PLACE_OF, State
from qm.osops import FolderHandle
from qm.times import utc_text

NOW = 1_767_225_600.0
"""2026-01-01T00:00:00Z, in seconds since the epoch."""


@contextlib.contextmanager
def managed(layout: Layout) -> Iterator[Index]:
    """An index with a manager's facts, and its lock held."""
    layout.create()
    index = Index(layout.index_file)
    index.open()
    with FolderHandle.open(layout.own) as own:
        lock = own.lock("manager.lock")
    assert lock is not None
    lock.write("host here, process 4711\n")
    tell_facts(index)
    try:
        yield index
    finally:
        lock.release()
        index.close()


def tell_facts(index: Index) -> None:
    """What a manager says of itself once its index is complete."""
    index.put_fact("capacity", json.dumps({"processors": 4, "blocking": False}))
    index.put_fact("manager", json.dumps({"host": "here", "pid": 4711, "started": 1.0}))
    index.put_fact("obstacle", "")
    index.flush()


def a_row(job: int, state: State = State.QUEUED, **values: Any) -> Row:
    """A job as the index has it; ``values`` are other members than the usual ones."""
    row = Row(
        id=job,
        name=f"job{job}",
        state=state.value,
        reason=None,
        exit_code=0 if state is State.FINISHED else None,
        signal=None,
        nb_proc=1,
        priority=0,
        owner="anna",
        info=None,
        submitted=utc_text(NOW),
        started=None,
        ended=None,
        place=PLACE_OF[state].value,
        arrival=job,
        attempt=0,
        mem=None,
        walltime=None,
        cpu_seconds=None,
        peak_memory=None,
        inode=job,
        nb_gpu=0,
        token=None,
    )
    return row._replace(**values)


def put(index: Index, *rows: Row) -> None:
    """Show these jobs."""
    for row in rows:
        index.put(row)
    index.flush()

"""An index and a history with many jobs, made without running them, under a manager's lock."""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

from qm.folders.layout import Layout
from qm.index import Index, Row
from qm.model import PLACE_OF, State
from qm.osops import FolderHandle
from qm.records import FORMAT
from qm.times import utc_text

_OWNERS = ("anna", "bert", "carl")
_RAN = 60.0
_RUNNING = 2


@contextlib.contextmanager
def filled(root: Path, waiting: int, ended: int, days: float) -> Iterator[tuple[Layout, Index]]:
    """A new QM_FOLDER whose manager shows two running jobs, ``waiting`` others, and ``ended``
    ones that ended evenly over the last ``days``; its history has a line for each of those.
    """
    layout = Layout(str(root))
    layout.create()
    index = Index(layout.index_file)
    index.open()
    with FolderHandle.open(layout.own) as own:
        lock = own.lock("manager.lock")
    assert lock is not None
    lock.write(f"host here, process {os.getpid()}\n")
    now = time.time()
    over = [_ended(n, now - days * 86400 * (1 - n / ended) - 1) for n in range(1, ended + 1)]
    for row in (*over, *_open_rows(ended, waiting, now)):
        index.put(row)
    index.put_fact("capacity", json.dumps({"processors": 4, "blocking": False}))
    index.put_fact("manager", json.dumps({"host": "here", "pid": os.getpid(), "started": now}))
    index.put_fact("obstacle", "")
    index.flush()
    lines = (json.dumps(_line(row)) + "\n" for row in over)
    Path(layout.history_file).write_text("".join(lines), encoding="utf-8")
    try:
        yield layout, index
    finally:
        lock.release()
        index.close()


def _open_rows(first: int, waiting: int, now: float) -> Iterator[Row]:
    for number in range(first + 1, first + _RUNNING + waiting + 1):
        if number <= first + _RUNNING:
            yield _row(number, State.RUNNING, utc_text(now), utc_text(now))
        else:
            yield _row(number, State.QUEUED, utc_text(now), None)


def _ended(number: int, moment: float) -> Row:
    state = State.FAILED if number % 10 == 0 else State.FINISHED
    start = utc_text(moment - _RAN)
    row = _row(number, state, utc_text(moment - 2 * _RAN), start)
    return row._replace(ended=utc_text(moment), exit_code=0, cpu_seconds=_RAN)


def _row(number: int, state: State, submitted: str, started: str | None) -> Row:
    return Row(
        id=number,
        name=f"simulation_{number:06}",
        state=state.value,
        reason=None,
        exit_code=None,
        signal=None,
        nb_proc=1 + number % 4,
        priority=number % 3,
        owner=_OWNERS[number % len(_OWNERS)],
        info=None,
        submitted=submitted,
        started=started,
        ended=None,
        place=PLACE_OF[state].value,
        arrival=number,
        attempt=0 if started is None else 1,
        mem=None,
        walltime=None,
        cpu_seconds=None,
        peak_memory=None,
        inode=number,
        nb_gpu=0,
        token=None,
    )


def _line(row: Row) -> dict[str, object]:
    """A line of the history, with the members and in the order that managers write."""
    return {
        "format": FORMAT,
        "id": row.id,
        "attempt": row.attempt,
        "name": row.name,
        "state": row.state,
        "exit_code": row.exit_code,
        "signal": row.signal,
        "reason": row.reason,
        "started": row.started,
        "ended": row.ended,
        "cpu_seconds": row.cpu_seconds,
        "peak_memory": 1 << 20,
        "owner": row.owner,
        "nb_proc": row.nb_proc,
        "nb_gpu": row.nb_gpu,
        "priority": row.priority,
        "info": row.info,
        "submitted": row.submitted,
        "arrival": row.arrival,
        "vanished": False,
    }

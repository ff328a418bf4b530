"""Processes that ended jobs left behind: known by the job's token, never by their name.

A job's end takes its processes along; one that could not be ended in time, or
whose supervisor was killed, may be left. Only tokens that stand in the records of
this QM_FOLDER's own ended attempts count: what runs is not touched, nor are the
jobs of another QM_FOLDER.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from qm.folders.layout import Layout
from qm.jobdir import Records, read_records
from qm.osops import TOKEN_VARIABLE, FolderHandle
from qm.records import LIMIT, RecordError, decode
from qm.trash import list_trash
from qm.view import load, locate

if TYPE_CHECKING:
    import psutil

_ID_VARIABLE = "QM_JOB_ID"
_ROUND = 0.05
_PATIENCE = 10.0
_COMMAND = 200


@dataclass(frozen=True, slots=True)
class Leftover:
    """A process that outlived the attempt that it belongs to."""

    pid: int
    command: str
    started: float
    """Seconds since the epoch."""
    token: str
    job_id: int
    job_name: str


def find_leftovers(layout: Layout) -> list[Leftover]:
    """Processes that carry the token of an ended attempt of this QM_FOLDER.

    The process that asks and those that it was started by are left out.
    """
    carried = list(_carriers(_spared()))
    if not carried:
        return []
    owners = _owners(layout, {job_id for _, _, job_id in carried})
    found = [
        _leftover(process, token, *owners[token])
        for process, token, _ in carried
        if token in owners
    ]
    return [one for one in found if one is not None]


def end_leftovers(
    found: Collection[Leftover],
    grace: float,
    *,
    clock: Callable[[], float] = time.monotonic,
    wait: Callable[[float], None] = time.sleep,
) -> list[int]:
    """Ask these to end, and after ``grace`` seconds make them; returns pids that are still there.

    What they start meanwhile carries their token, and goes with them.
    """
    tokens = {one.token for one in found}
    spared = _spared()
    begun = clock()
    asked: set[int] = set()
    while True:
        alive = [process for process, token, _ in _carriers(spared) if token in tokens]
        since = clock() - begun
        if not alive or since > grace + _PATIENCE:
            return [process.pid for process in alive]
        for process in alive:
            if since >= grace or process.pid not in asked:
                _end(process, force=since >= grace)
                asked.add(process.pid)
        wait(_ROUND)


def _end(process: psutil.Process, *, force: bool) -> None:
    import psutil

    try:
        # psutil knows the process by its start: another one of that id is not met.
        (process.kill if force else process.terminate)()
    except psutil.Error:
        return


def _spared() -> frozenset[int]:
    """This process and those above it: a job's script may ask as well."""
    import psutil

    try:
        above = [process.pid for process in psutil.Process().parents()]
    except psutil.Error:
        above = []
    return frozenset((os.getpid(), *above))


def _carriers(spared: Collection[int]) -> Iterator[tuple[psutil.Process, str, int]]:
    """Processes that carry a job's token, with the token and the job's id as they say it."""
    import psutil

    for process in psutil.process_iter():
        if process.pid in spared:
            continue
        try:
            environment = process.environ()
        except (psutil.Error, OSError):
            continue  # It has ended, or is somebody else's.
        token, job_id = environment.get(TOKEN_VARIABLE), environment.get(_ID_VARIABLE, "")
        if token and job_id.isascii() and job_id.isdecimal():
            yield process, token, int(job_id)


def _leftover(process: psutil.Process, token: str, job_id: int, name: str) -> Leftover | None:
    import psutil

    try:
        command = " ".join(process.cmdline()) or process.name()
        return Leftover(process.pid, command[:_COMMAND], process.create_time(), token, job_id, name)
    except (psutil.Error, OSError):
        return None


def _owners(layout: Layout, ids: Collection[int]) -> dict[str, tuple[int, str]]:
    """Tokens of ended attempts of the jobs with these ids, with the id and name of each."""
    ended: dict[str, tuple[int, str]] = {}
    running: set[str] = set()
    for job_id, path in _folders(layout, ids):
        name = os.path.basename(path)
        try:
            records = read_records(path, name)
        except OSError:
            continue  # It has just been moved on: the next look finds it.
        if records.job is None or not records.is_ours:
            continue  # A copy tells nothing of the processes of the original.
        current = _current_tokens(records)
        earlier = dict.fromkeys(_earlier_tokens(path), (job_id, name))
        if records.ended:
            ended |= earlier | dict.fromkeys(current, (job_id, name))
        else:
            running |= current
            ended |= earlier
    return {token: owner for token, owner in ended.items() if token not in running}


def _folders(layout: Layout, ids: Collection[int]) -> Iterator[tuple[int, str]]:
    """The folders of these jobs, also of those that a person removed."""
    for entry in load(layout, None).entries:
        if entry.id is not None and entry.id in ids:
            path = locate(layout, entry)
            if path is not None:
                yield entry.id, path
    for removed in list_trash(layout.trash):
        if removed.id is not None and removed.id in ids:
            yield removed.id, os.path.join(layout.trash, removed.folder)


def _current_tokens(records: Records) -> set[str]:
    tokens = {records.job.token if records.job is not None else None}
    tokens.add(records.start.token if records.start is not None else None)
    return {token for token in tokens if token}


def _earlier_tokens(path: str) -> Iterator[str]:
    """Of the attempts whose records were put aside: each ended before a next one was begun."""
    try:
        with FolderHandle.open(os.path.join(path, ".qm")) as own:
            names = [name for name in own.names() if name.startswith("attempt-")]
    except OSError:
        return
    for name in names:
        try:
            with FolderHandle.open(os.path.join(path, ".qm", name)) as archive:
                token = decode(archive.read("start.json", LIMIT) or b"").get("token")
        except (OSError, RecordError):
            continue
        if isinstance(token, str) and token:
            yield token

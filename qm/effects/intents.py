"""``.qm/intents``: ends that are decided and whose rename may not have happened yet.

An end record in QM_qJobs would look like a job that a person put back to run
again. The intent, written first, says that it is not.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass

from qm.folders.layout import Layout
from qm.identity import Identity
from qm.model import Place
from qm.osops import FolderHandle, NotAPlainFile
from qm.records import (
    LIMIT,
    End,
    Record,
    RecordError,
    decode,
    encode,
    end_from_record,
    end_record,
    job_from_record,
)


@dataclass(frozen=True, slots=True)
class Intent:
    """A close that was begun. ``job`` is the job's record, written where it has none yet."""

    id: int
    identity: Identity
    place: Place
    name: str
    target: str
    """The wished name in QM_lost+found."""
    end: End
    job: Record
    log: str
    fresh: bool


def write_intent(layout: Layout, intent: Intent, *, sync: bool) -> None:
    """Write an intent durably; OSError where the disk is full: then nothing has happened."""
    record = {
        "id": intent.id,
        "identity": list(intent.identity),
        "place": intent.place.value,
        "name": intent.name,
        "target": intent.target,
        "end": end_record(intent.end),
        "job": intent.job,
        "log": intent.log,
        "fresh": intent.fresh,
    }
    with FolderHandle.open(layout.intents) as intents:
        intents.write(f"{intent.id}.json", encode(record), sync=sync)
        if sync:
            intents.sync()


def remove_intent(layout: Layout, job_id: int, *, sync: bool) -> None:
    """It has happened. With ``sync`` no power cut brings it back: the job may run again soon."""
    with FolderHandle.open(layout.intents) as intents:
        intents.remove(f"{job_id}.json")
        if sync:
            intents.sync()


def void_intents(layout: Layout, jobs: Iterable[int | None], *, sync: bool) -> None:
    """Ends of these jobs that could not be carried out are not to be: the folder was mended
    since, or is another job's. Most jobs have none.
    """
    for job_id in jobs:
        if job_id is not None and os.path.lexists(os.path.join(layout.intents, f"{job_id}.json")):
            remove_intent(layout, job_id, sync=sync)


def read_intents(layout: Layout) -> tuple[list[Intent], list[str]]:
    """Every intent that an earlier manager left, and the names of damaged ones."""
    found, damaged = [], []
    for name in sorted(os.listdir(layout.intents)):
        if not name.endswith(".json") or name.startswith("."):
            continue
        try:
            with FolderHandle.open(layout.intents) as intents:
                data = intents.read(name, LIMIT)
            found.append(_parse(decode(data or b"")))
        except (RecordError, NotAPlainFile, KeyError, TypeError, ValueError):
            damaged.append(name)
    return found, damaged


def _parse(record: Record) -> Intent:
    device, inode, birth = (int(part) for part in record["identity"])
    name = str(record["name"])
    job_from_record({"format": 1, **record["job"]}, name)
    return Intent(
        id=int(record["id"]),
        identity=Identity(device, inode, birth),
        place=Place(record["place"]),
        name=name,
        target=str(record["target"]),
        end=end_from_record(record["end"]),
        job=record["job"],
        log=str(record["log"]),
        fresh=bool(record["fresh"]),
    )

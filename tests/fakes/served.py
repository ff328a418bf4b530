"""A QM_FOLDER that a manager seems to serve: its lock is held, its index has its facts."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any

from qm.folders.layout import Layout
from qm.index import ArrivalRow, Index, row_of
from qm.jobdir import own_folder, write_job
from qm.model import PLACE_OF, Job, Outcome, Reason, State
from qm.osops import FolderHandle
from qm.records import Claim
from qm.times import utc_text
from qm.view import Entry
from qm.view.entries import entry_of
from tests.fakes.jobs import a_job, a_job_folder


class ServedFolder:
    """Jobs are put in with their folders and records, as a manager leaves them."""

    def __init__(self, root: Path) -> None:
        self.layout = Layout(str(root))
        self.layout.create()
        self.index = Index(self.layout.index_file)
        self.index.open()
        with FolderHandle.open(self.layout.own) as own:
            self._lock = own.lock("manager.lock")
        assert self._lock is not None
        self._lock.write("host here, process 4711\n")
        self.fact("capacity", json.dumps({"processors": 8, "blocking": False}))
        self.fact("manager", json.dumps({"host": "here", "pid": 4711, "started": time.time()}))
        self.fact("obstacle", "")

    def __enter__(self) -> ServedFolder:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.die()
        self.index.close()

    def fact(self, name: str, value: str) -> None:
        """What the manager says of itself."""
        self.index.put_fact(name, value)
        self.index.flush()

    def die(self) -> None:
        """The manager is gone: its lock is free."""
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    def put(self, job_id: int, state: State, *, log: str | bytes = b"", **changes: Any) -> Job:
        """A job in its folder; one that has ended took a minute and ended ``job_id`` s ago."""
        place = PLACE_OF[state]
        name = changes.pop("name", f"job{job_id}")
        folder = Path(self.layout.path(place, name))
        job = a_job_folder(folder, job_id, state=state, **changes)
        if state not in (State.QUEUED, State.HELD):
            started = utc_text(time.time() - job_id - 60)
            job = replace(job, attempt=1, token=f"token{job_id}", started=started)
        if not place.value.endswith("Jobs") or place.value == "QM_dJobs":
            job = replace(job, outcome=self._outcome(job_id, state, job.started))
        if log:
            data = log.encode() if isinstance(log, str) else log
            (folder / "process.log").write_bytes(data)
        with own_folder(str(folder), create=True) as own:
            write_job(own, job, Claim("boot", claimed=state is State.RUNNING))
        self.show(job)
        return job

    @staticmethod
    def _outcome(job_id: int, state: State, started: str | None) -> Outcome:
        code = {State.FINISHED: 0, State.FAILED: 3}.get(state)
        why = Reason("User", "killed by anna") if state is State.KILLED else None
        return Outcome(utc_text(time.time() - job_id), started, code, None, why)

    def show(self, *jobs: Job) -> None:
        """Have the index show these."""
        for job in jobs:
            self.index.put(row_of(job))
        self.index.flush()

    def arrive(self, name: str) -> None:
        """A drop that is no job yet."""
        Path(self.layout.root, "QM_qJobs", name).mkdir()
        self.index.put_arrival(name, ArrivalRow(name, "Settling: 1 file", utc_text(time.time())))
        self.index.flush()

    def move(self, job: Job, state: State) -> Job:
        """The job has gone on to another state, and its folder to the place of that."""
        moved = replace(job, state=state)
        if moved.place is not job.place:
            self.layout.move(self.layout.path(job.place, job.name), moved.place, job.name)
        if state in (State.FINISHED, State.FAILED, State.KILLED):
            moved = replace(moved, outcome=self._outcome(0, state, job.started))
        self.show(moved)
        return moved


def an_entry(job_id: int = 7, **changes: Any) -> Entry:
    """A job as a list shows it."""
    return entry_of(row_of(a_job(job_id, **changes)), Layout("QM"))

"""Waiting for jobs of another QM to end."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence

from qm.errors import NoSuchJob
from qm.names import shown
from qm.remote.client import Unreachable
from qm.remote.jobs import RemoteJobs
from qm.times import utc_text
from qm.view.awaited import Awaited, taken_away
from qm.view.entries import Entry, plain
from qm.view.query import Query

_EVERY = 1.0
"""Seconds between two questions."""
_LOST_FOR = 120.0
"""Seconds without an answer, until there is none."""
_GONE_AFTER = 5.0
"""Seconds without a trace of a drop until it counts as taken away."""


class RemoteWait(Awaited):
    """Jobs of another QM, asked over HTTP."""

    def __init__(self, jobs: RemoteJobs, targets: Sequence[str]) -> None:
        """Those of ``targets``, or with none all that are open now. Raises NoSuchJob."""
        super().__init__(manager_runs=True)
        self._jobs = jobs
        self._etag = ""
        self._asked_at = float("-inf")
        self._heard_at = time.monotonic()
        self._take(self._resolved(targets))
        self._count()

    def look(self) -> bool:
        """See what has become of the jobs, at most once a second; True if anything is new."""
        now = time.monotonic()
        if now - self._asked_at < _EVERY:
            return False
        self._asked_at = now
        try:
            if not self._has_changed() and not self._missed:
                return False
            before = self.tally, len(self._arriving)
            self._look_for_ends()
            self._look_for_drops()
        except Unreachable:
            self._etag = ""
            if now - self._heard_at > _LOST_FOR:
                raise
            return False
        self._heard_at = now
        self._count()
        return (self.tally, len(self._arriving)) != before

    def _has_changed(self) -> bool:
        """Ask cheaply: nothing is sent where nothing is new."""
        known = {"If-None-Match": self._etag} if self._etag else {}
        reply = self._jobs.client.get("summary", headers=known)
        self._heard_at = time.monotonic()
        if reply.status == 304:
            return False
        self._etag = reply.headers.get("etag", "")
        self.manager_runs = bool(reply.json["manager_runs"])
        return True

    def _resolved(self, targets: Sequence[str]) -> Iterable[Entry]:
        if not targets:
            view = self._jobs.view(utc_text(time.time()), Query())
            return [entry for entry in view.entries if entry.ended is None]
        wanted = list(dict.fromkeys(map(plain, targets)))
        view = self._jobs.view(None, Query(targets=tuple(wanted)))
        self.manager_runs = view.manager_runs
        by_id = {str(entry.id): entry for entry in view.entries if entry.id is not None}
        named = self._jobs.named([name for name in wanted if name not in by_id])
        found = [by_id.get(name) or named.get(name) for name in wanted]
        for name, entry in zip(wanted, found, strict=True):
            if entry is None:
                hint = "`qm list --all` shows every job."
                raise NoSuchJob(f"there is no job {shown(name)}", hint)
            if entry.id is None:
                ids = [one.id for one in view.entries if one.name == name and one.id is not None]
                self._after[entry.name] = max(ids, default=0)
        return [entry for entry in found if entry is not None]

    def _look_for_ends(self) -> None:
        if not self._open:
            return
        query = Query(targets=tuple(map(str, self._open)))
        known = {entry.id: entry for entry in self._jobs.view(None, query).entries}
        self._take([known.get(job) or taken_away(old) for job, old in self._open.items()])

    def _look_for_drops(self) -> None:
        if not self._arriving:
            return
        query = Query(targets=tuple(self._arriving))
        entries = self._jobs.view(None, query).entries
        for name in list(self._arriving):
            jobs = [e for e in entries if e.name == name and (e.id or 0) > self._after.get(name, 0)]
            if jobs:
                self._take_arrived(name, max(jobs, key=lambda entry: entry.id or 0))
            elif any(entry.name == name and entry.id is None for entry in entries):
                self._missed.pop(name, None)
            elif self._missing(name) > _GONE_AFTER:
                self._give_up(name)

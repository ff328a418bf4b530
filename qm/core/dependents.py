"""Who waits for whom: waiting jobs by the jobs and names that they come after."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeVar

from qm.model import Job, State

_REMEMBERED = 1000

Key = TypeVar("Key")


@dataclass(frozen=True, slots=True)
class KnownEnd:
    """How a job ended that others wait for."""

    id: int
    name: str
    state: State
    reason: str | None


@dataclass(slots=True)
class Dependents:
    """The links between waiting jobs and those before them; each is kept while somebody waits."""

    children: dict[int, set[int]] = field(default_factory=dict)
    """Waiting jobs by the job that they are bound to."""
    awaited: dict[str, set[int]] = field(default_factory=dict)
    """Waiting jobs by the names and ids, as text, that they come after."""
    ends: dict[int, KnownEnd] = field(default_factory=dict)
    """Of those jobs before others that have ended."""
    _recent: dict[int, KnownEnd] = field(default_factory=dict)
    """The latest ends: a lookup on disk may come before they stand there."""
    _recent_names: dict[str, int] = field(default_factory=dict)
    linked: dict[int, Job] = field(default_factory=dict)
    """Jobs that come after others, from the check of their first record on."""

    def remember(self, end: KnownEnd) -> None:
        """A job has ended, whether another comes after it or not."""
        self.reopen(end.id)
        self._recent[end.id] = end
        self._recent_names[end.name] = max(end.id, self._recent_names.get(end.name, 0))
        while len(self._recent) > _REMEMBERED:
            self._forget_recent(next(iter(self._recent)))
        if end.id in self.children:
            self.ends[end.id] = end

    def reopen(self, job_id: int) -> None:
        """A job is to run again: its last end counts no more."""
        self.ends.pop(job_id, None)
        if job_id in self._recent:
            self._forget_recent(job_id)

    def _forget_recent(self, job_id: int) -> None:
        name = self._recent.pop(job_id).name
        if self._recent_names.get(name) == job_id:
            del self._recent_names[name]

    def recent(self, target: str, known: int | None) -> KnownEnd | None:
        """How the job of this id, or else the newest of this name, has ended lately."""
        if known is None and target.isascii() and target.isdigit():
            known = int(target) if int(target) in self._recent else None
        return self._recent.get(self._recent_names.get(target, 0) if known is None else known)

    def link(self, job: Job) -> None:
        """Remember what ``job`` comes after, instead of what was remembered of it."""
        self._remove(job.id)
        if job.depends:
            self.linked[job.id] = job
        for dependency in job.depends:
            self.awaited.setdefault(dependency.target, set()).add(job.id)
            if dependency.id is not None:
                self.children.setdefault(dependency.id, set()).add(job.id)
        self._forget_ends()

    def unlink(self, job_id: int) -> None:
        """``job_id`` does not wait any more."""
        if job_id in self.linked:
            self._remove(job_id)
            self._forget_ends()

    def _remove(self, job_id: int) -> None:
        job = self.linked.pop(job_id, None)
        for dependency in () if job is None else job.depends:
            _discard(self.awaited, dependency.target, job_id)
            if dependency.id is not None:
                _discard(self.children, dependency.id, job_id)

    def _forget_ends(self) -> None:
        if len(self.ends) > 2 * len(self.children) + 10:
            self.ends = {i: end for i, end in self.ends.items() if i in self.children}


def _discard(links: dict[Key, set[int]], key: Key, job_id: int) -> None:
    members = links.get(key)
    if members is not None:
        members.discard(job_id)
        if not members:
            del links[key]

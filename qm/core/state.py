"""Everything that the core remembers."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from qm.core import actions as act
from qm.core.settings import Settings
from qm.core.waiting import WaitingQueue
from qm.drops import Settling
from qm.model import TRANSITIONS, Job, Place, Reason, State

STARTING = Reason("Starting", "QM has just started and still looks at what is there")


@dataclass(slots=True)
class Arrival:
    """An entry of QM_qJobs that is no waiting job: it settles, or is settled again."""

    name: str
    order: int
    """Order of arrival."""
    since: str
    settling: Settling
    job: Job | None = None
    """The job that it is, or that its id is kept for."""
    recorded: bool = False
    """It was accepted before, and edited since."""
    busy: bool = False
    """A look, an acceptance or a refusal is under way."""
    again: bool = False
    """Something happened meanwhile: look once more."""
    due: float = 0.0
    reason: Reason | None = None


@dataclass(slots=True)
class Run:
    """A job that holds processors: from its claim until its end is known."""

    job: Job
    before: Job | None = None
    """The job as it was before its claim, while that is under way."""
    place: Place = Place.RUNNING
    probe_at: float | None = None
    """No supervisor of ours has it: when to ask its lock again."""
    watched: bool = False
    """Somebody waits for the end of its supervisor."""
    stop: tuple[Reason, float, str] | None = None
    """A request to stop it that came while it was being claimed."""


@dataclass(slots=True)
class Ending:
    """A job on its way out of QM_Jobs or QM_qJobs, tried until it arrives."""

    action: act.Finish | act.Close | act.Requeue
    tries: int = 0
    retry_at: float | None = None


@dataclass(slots=True)
class Awaiting:
    """A request that is answered once all its submissions are accepted or refused."""

    request: str
    open: set[str]
    results: dict[str, dict[str, Any]] = field(default_factory=dict)


@dataclass(slots=True)
class CoreState:
    """The queue as the manager knows it. Ended jobs are forgotten once they are moved."""

    settings: Settings
    new_token: Callable[[], str]
    next_id: int = 1
    last_order: int = 0
    arrivals: dict[str, Arrival] = field(default_factory=dict)
    accepting: dict[int, str] = field(default_factory=dict)
    """Names of arrivals whose first record is being written, or that are being refused."""
    jobs: dict[int, Job] = field(default_factory=dict)
    """Waiting and held jobs that are in QM_qJobs."""
    by_name: dict[str, int] = field(default_factory=dict)
    """Their names."""
    fingerprints: dict[int, int] = field(default_factory=dict)
    waiting: WaitingQueue = field(default_factory=WaitingQueue)
    runs: dict[int, Run] = field(default_factory=dict)
    requeueing: dict[int, Ending] = field(default_factory=dict)
    """Jobs on their way back into the queue."""
    probing: set[int] = field(default_factory=set)
    """Jobs that were found where nobody put them and are being probed."""
    ending: dict[int, Ending] = field(default_factory=dict)
    """Jobs that have ended and are being moved to their last place."""
    used: int = 0
    """Processors held by ``runs``."""
    obstacle: Reason | None = field(default=STARTING)
    obstacle_until: float | None = None
    """When to try again; None: until an event says that it is over."""
    asked: dict[int, list[str]] = field(default_factory=dict)
    """Requests that wait for a job's end."""
    awaiting: dict[str, Awaiting] = field(default_factory=dict)
    """Requests that wait until submissions are accepted, by submission."""
    submissions: dict[str, dict[str, Any]] = field(default_factory=dict)
    """What became of the latest submissions."""
    recent_claims: dict[str, tuple[float, int]] = field(default_factory=dict)
    """When a folder of this name was last claimed, and for which job."""
    timers: list[tuple[float, str]] = field(default_factory=list)
    """When to look at which arrival."""

    def next_order(self, wall: float) -> int:
        """An order of arrival after all earlier ones, whatever the clock does."""
        self.last_order = max(self.last_order + 1, int(wall * 1_000_000))
        return self.last_order

    def set_timer(self, due: float, arrival: Arrival) -> None:
        """Look at ``arrival`` at ``due``."""
        arrival.due = due
        heapq.heappush(self.timers, (due, arrival.name))

    def add_waiting(self, job: Job, fingerprint: int | None) -> None:
        """Take a job into the queue, or among the held ones."""
        self.jobs[job.id] = job
        self.by_name[job.name] = job.id
        if fingerprint is not None:
            self.fingerprints[job.id] = fingerprint
        if job.state is State.QUEUED:
            self.waiting.add(job)

    def drop_waiting(self, job_id: int) -> int | None:
        """Take a job out of the queue; returns its fingerprint."""
        job = self.jobs.pop(job_id)
        if self.by_name.get(job.name) == job_id:
            del self.by_name[job.name]
        self.waiting.remove(job_id)
        return self.fingerprints.pop(job_id, None)

    def rename_waiting(self, job_id: int, name: str) -> Job:
        """A waiting job's folder has a new name."""
        job = self.jobs[job_id]
        if self.by_name.get(job.name) == job_id:
            del self.by_name[job.name]
        self.jobs[job_id] = job = replace(job, name=name)
        self.by_name[name] = job_id
        return job

    def add_run(self, run: Run) -> None:
        """Give a job its processors."""
        self.runs[run.job.id] = run
        self.used += self.processors(run.job)

    def drop_run(self, job_id: int) -> Run:
        """Take its processors back."""
        run = self.runs.pop(job_id)
        self.used -= self.processors(run.job)
        return run

    def processors(self, job: Job) -> int:
        """What the job holds: one that was accepted on a larger machine holds all there is."""
        return min(job.options.nb_proc, self.settings.capacity.processors)


class ForbiddenTransition(Exception):
    """A job was to go from one state to another that does not follow it."""


def changed(job: Job, state: State, reason: Reason | None) -> Job:
    """``job`` in another state; ForbiddenTransition where the table does not allow that."""
    if state is not job.state and state not in TRANSITIONS[job.state]:
        raise ForbiddenTransition(f"job {job.id} cannot go from {job.state} to {state}")
    return replace(job, state=state, reason=reason)

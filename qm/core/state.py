"""Everything that the core remembers."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any

from qm.core import actions as act
from qm.core import events as ev
from qm.core.arrivals import Arrival, Arrivals
from qm.core.dependents import Dependents
from qm.core.pool import Pool
from qm.core.settings import Settings
from qm.model import TRANSITIONS, Job, Place, Reason, State, Steering
from qm.planner import Capacity, Needs, Planner, Running
from qm.times import known_seconds

STARTING = Reason("Starting", "QM has just started and still looks at what is there")


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
    claimed_at: float = 0.0
    """Seconds since the epoch."""
    paused: float = 0.0
    """Seconds that it stood still: its walltime ends so much later."""
    paused_at: float | None = None
    """When it was suspended, while it is."""


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
class Brake:
    """How a script's latest jobs ended."""

    failed: list[int] = field(default_factory=list)
    """Ids of those that failed soon after their start, with no success since."""
    engaged: bool = False
    """Its jobs are being held."""


class Mark(Enum):
    """How far the setting or taking away of a hold mark is."""

    UNDER_WAY = "being written"
    WRITTEN = "written, and not yet seen by a look that began afterwards"
    MISSING = "could not be written"


@dataclass(frozen=True, slots=True)
class Setting:
    """A request to change options of a waiting job."""

    request: str
    before: Job
    keys: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Leaving:
    """How QM is to end: ``now``, or when nothing runs (``wait``, ``kill``)."""

    mode: str
    requests: tuple[str, ...]
    """Of everybody who asked for it, the latest last; ``mode`` and ``who`` are the latest's."""
    who: str
    told: bool = False


@dataclass(slots=True)
class CoreState:
    """The queue as the manager knows it. Ended jobs are forgotten once they are moved."""

    settings: Settings
    new_token: Callable[[], str]
    next_id: int = 1
    last_order: int = 0
    arrivals: Arrivals = field(default_factory=Arrivals)
    accepting: dict[int, str] = field(default_factory=dict)
    """Names of arrivals whose first record is being written, or that are being refused."""
    jobs: dict[int, Job] = field(default_factory=dict)
    """Waiting and held jobs that are in QM_qJobs."""
    by_name: dict[str, int] = field(default_factory=dict)
    """Their names."""
    fingerprints: dict[int, int] = field(default_factory=dict)
    planner: Planner = field(init=False)
    """The queued jobs that wait for nothing but their turn, and what running ones hold."""
    dependents: Dependents = field(default_factory=Dependents)
    unfound: set[int] = field(default_factory=set)
    """Waiting jobs for which ended ones are to be looked up once more when they are due."""
    due: list[tuple[float, int]] = field(default_factory=list)
    """When (seconds since the epoch) to look again at which waiting job: a heap."""
    cpus: Pool = field(init=False)
    gpus: Pool = field(init=False)
    runs: dict[int, Run] = field(default_factory=dict)
    requeueing: dict[int, Ending] = field(default_factory=dict)
    """Jobs on their way back into the queue."""
    probing: set[int] = field(default_factory=set)
    """Jobs that were found where nobody put them and are being probed."""
    ending: dict[int, Ending] = field(default_factory=dict)
    """Jobs that have ended and are being moved to their last place."""
    early: list[ev.Asked] = field(default_factory=list)
    """Requests about jobs that nobody knows yet: they wait until the start is over."""
    obstacle: Reason | None = field(default=STARTING)
    """Why nothing is decided at all."""
    frozen_at_start: Reason | None = None
    """What is to stop everything once the start is over."""
    obstacle_until: float | None = None
    """When to try again; None: until an event says that it is over."""
    steering: Steering = field(default_factory=Steering)
    closed: Reason | None = None
    """The Active_hours are over: why nothing is started."""
    hours_until: float = 0.0
    """When (seconds since the epoch) to look at the hours again."""
    leaving: Leaving | None = None
    """A person asked QM to end, once something has happened."""
    brakes: dict[str, Brake] = field(default_factory=dict)
    """Quick failures in a row, by script."""
    marks: dict[int, Mark] = field(default_factory=dict)
    """Waiting jobs whose hold marks we set or take away."""
    setting: dict[int, Setting] = field(default_factory=dict)
    """Changes of jobs that are being checked and written."""
    pausing: dict[int, list[tuple[str, bool]]] = field(default_factory=dict)
    """Requests that wait for a job to stand still, or to go on."""
    rerunning: dict[int, list[str]] = field(default_factory=dict)
    """Requests that wait for a job to be back in the queue."""
    offset: float = 0.0
    """From monotonic time to seconds since the epoch, at the last event."""
    asked: dict[int, list[str]] = field(default_factory=dict)
    """Requests that wait for a job's end."""
    awaiting: dict[str, list[Awaiting]] = field(default_factory=dict)
    """Requests that wait until submissions are accepted, by submission."""
    submissions: dict[str, dict[str, Any]] = field(default_factory=dict)
    """What became of the latest submissions."""
    recent_claims: dict[str, tuple[float, int]] = field(default_factory=dict)
    """When a folder of this name was last claimed, and for which job."""
    timers: list[tuple[float, str]] = field(default_factory=list)
    """When to look at which arrival."""

    def __post_init__(self) -> None:
        self.planner = Planner(self.capacity, self.settings.reserve_after)
        self.cpus = Pool(self.settings.cpus)
        self.gpus = Pool(self.settings.gpus)

    @property
    def capacity(self) -> Capacity:
        """What may be used now: as configured, or as a person has set it since."""
        configured, steering = self.settings.capacity, self.steering
        processors = steering.processors or configured.processors
        memory = configured.memory if steering.memory is None else steering.memory
        return replace(configured, processors=processors, memory=memory)

    def next_order(self, wall: float) -> int:
        """An order of arrival after all earlier ones, whatever the clock does."""
        self.last_order = max(self.last_order + 1, int(wall * 1_000_000))
        return self.last_order

    def set_timer(self, due: float, arrival: Arrival) -> None:
        """Look at ``arrival`` at ``due``."""
        arrival.due = due
        heapq.heappush(self.timers, (due, arrival.name))

    def add_waiting(self, job: Job, fingerprint: int | None) -> None:
        """Remember a job that lies in QM_qJobs; :func:`queueing.enqueue` lets it wait."""
        self.jobs[job.id] = job
        self.by_name[job.name] = job.id
        if fingerprint is not None:
            self.fingerprints[job.id] = fingerprint

    def drop_waiting(self, job_id: int) -> int | None:
        """Take a job out of the queue; returns its fingerprint."""
        job = self.jobs.pop(job_id)
        if self.by_name.get(job.name) == job_id:
            del self.by_name[job.name]
        self.planner.remove(job_id)
        self.dependents.unlink(job_id)
        self.marks.pop(job_id, None)
        self.unfound.discard(job_id)
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
        """A job holds what it needs from now on."""
        self.runs[run.job.id] = run
        self.cpus.claim(run.job.cpus)
        self.gpus.claim(run.job.gpus)
        self.plan_run(run)

    def plan_run(self, run: Run) -> None:
        """Tell the planner of a run, or of its other times."""
        job = run.job
        known_start = known_seconds(job.started)
        started = run.claimed_at if known_start is None else known_start
        walltime = job.options.walltime
        known = walltime is not None and run.paused_at is None
        ends = started + run.paused + walltime if known and walltime is not None else None
        self.planner.started(
            Running(job.id, needs_of(job), job.options.priority, job.arrival, started, ends)
        )

    def drop_run(self, job_id: int) -> Run:
        """What it held is free."""
        run = self.runs.pop(job_id)
        self.planner.ended(job_id)
        self.cpus.give_back(run.job.cpus)
        self.gpus.give_back(run.job.gpus)
        return run


def needs_of(job: Job) -> Needs:
    """What a job asks for."""
    options = job.options
    return Needs(options.nb_proc, options.mem or 0, options.nb_gpu)


class ForbiddenTransition(Exception):
    """A job was to go from one state to another that does not follow it."""


def changed(job: Job, state: State, reason: Reason | None) -> Job:
    """``job`` in another state; ForbiddenTransition where the table does not allow that."""
    if state is not job.state and state not in TRANSITIONS[job.state]:
        raise ForbiddenTransition(f"job {job.id} cannot go from {job.state} to {state}")
    return replace(job, state=state, reason=reason)

"""The core on a test bench: a clock of the test's own, and its rules checked after every event."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any, TypeVar

from qm.core import Core, Now, Settings
from qm.core import actions as act
from qm.core import events as ev
from qm.core.state import CoreState
from qm.drops import Rules
from qm.identity import Identity
from qm.inspection import Inspection, Kind, Usable
from qm.jobdir import Records, StartRecord
from qm.model import Job, JobInfo, JobOptions, Outcome, Place, Reason, State, Steering
from qm.planner import Capacity
from qm.records import Claim
from qm.times import utc_text
from tests.fakes.jobs import FS_NOW, SECOND, a_look, a_scan

BOOT, HOST = "this boot", "this host"
Kindly = TypeVar("Kindly", bound=act.Action)
_INODES = count(5000)


def usable(**options: Any) -> Usable:
    return Usable(JobInfo("proc_config.cfg", JobOptions(**{"script": "true", **options})), ())


def an_outcome(**changes: Any) -> Outcome:
    outcome = Outcome("2026-01-01T00:00:09.000Z", "2026-01-01T00:00:01.000Z", exit_code=0)
    return replace(outcome, **changes)


def records_of(job: Job, **changes: Any) -> Records:
    """What the folder of a job says that waits."""
    return replace(Records(job.identity, job, Claim(BOOT, claimed=False)), **changes)


def claimed_records(job: Job, boot: str = BOOT, **changes: Any) -> Records:
    """What the folder of a job says that was claimed."""
    return replace(Records(job.identity, job, Claim(boot, claimed=True)), **changes)


def a_start(job: Job, host: str = HOST) -> StartRecord:
    started = "2026-01-01T00:00:01.000Z"
    return StartRecord(job.attempt, job.token or "", host, BOOT, 4711, 1.0, started)


def only(actions: list[act.Action], kind: type[Kindly]) -> Kindly:
    found = [action for action in actions if isinstance(action, kind)]
    assert len(found) == 1, f"not one {kind.__name__} in {actions}"
    return found[0]


def kinds(actions: list[act.Action]) -> list[str]:
    return [type(action).__name__ for action in actions]


def check(state: CoreState, *, lowered: bool = False) -> None:
    """What must hold after every event; ``lowered``: a person has changed the limits."""
    homes = (state.jobs, state.runs, state.requeueing, state.ending)
    ids = [job_id for home in homes for job_id in home]
    assert len(ids) == len(set(ids)), f"a job is in two places: {[sorted(h) for h in homes]}"
    # A refusal under way is an arrival still, and an end already.
    taken = set(state.jobs) | set(state.runs) | set(state.requeueing)
    assert not taken & set(state.accepting)
    turn = {j.id for j in state.jobs.values() if j.state is State.QUEUED and j.reason is None}
    assert {job_id for job_id in state.jobs if job_id in state.planner} == turn
    assert len(state.planner) == len(turn)
    in_use = sum(min(r.job.options.nb_proc, state.capacity.processors) for r in state.runs.values())
    assert lowered or in_use <= state.capacity.processors
    for pool in ("cpus", "gpus"):
        given = [number for run in state.runs.values() for number in getattr(run.job, pool)]
        assert len(given) == len(set(given)), f"two jobs have the same {pool}: {given}"
    assert state.by_name == {job.name: job.id for job in state.jobs.values()}
    assert all(state.arrivals[name].busy for name in state.accepting.values())
    assert all(arrival.name == name for name, arrival in state.arrivals.items())
    of_jobs = {a.job.id for a in state.arrivals.values() if a.job is not None}
    assert all(state.arrivals.of_job(job_id) is not None for job_id in of_jobs)
    assert all(job_id < state.next_id for job_id in ids)


@dataclass
class Bench:
    """A core that is driven by hand."""

    processors: int = 4
    blocking: bool = False
    adopt: bool = False
    starting: bool = False
    more: dict[str, Any] = field(default_factory=dict)
    """Further settings, by name."""
    steering: Steering = field(default_factory=Steering)
    mono: float = 1000.0
    wall: float = 1_767_225_600.0
    tokens: count[int] = field(default_factory=lambda: count(1))
    lowered: bool = False
    """Limits were changed: what runs already may use more than there is."""
    core: Core = field(init=False)

    def __post_init__(self) -> None:
        settings = Settings(
            Capacity(
                self.processors,
                blocking=self.blocking,
                gpus=len(self.more.get("gpus", ())),
            ),
            boot=BOOT,
            host=HOST,
            rules=Rules(),
            adopt_records=self.adopt,
            **self.more,
        )
        self.core = Core(settings, lambda: f"token{next(self.tokens)}", steering=self.steering)
        if not self.starting:
            self.tell(ev.Found())

    @property
    def state(self) -> CoreState:
        return self.core.state

    @property
    def used(self) -> int:
        """Processors that are in use."""
        runs, capacity = self.state.runs.values(), self.state.capacity
        return sum(min(run.job.options.nb_proc, capacity.processors) for run in runs)

    @property
    def now(self) -> Now:
        return Now(self.mono, self.wall)

    def wait(self, seconds: float) -> Bench:
        self.mono += seconds
        self.wall += seconds
        return self

    def tell(self, event: ev.Event) -> list[act.Action]:
        self.lowered |= isinstance(event, ev.Asked) and event.verb == "limit"
        actions = self.core.handle(event, self.now)
        check(self.state, lowered=self.lowered)
        return actions

    def plan(self) -> list[act.Claim]:
        claims = [a for a in self.core.plan(self.now) if isinstance(a, act.Claim)]
        check(self.state, lowered=self.lowered)
        return claims

    def tick(self, seconds: float = 0.0) -> list[act.Action]:
        return self.wait(seconds).tell(ev.Tick())

    def look(self, name: str, **changes: Any) -> list[act.Action]:
        """An inspection of a quiet folder arrives."""
        return self.tell(ev.Inspected(a_look(name, **changes)))

    def look_at_fresh(self, name: str, **changes: Any) -> list[act.Action]:
        """An inspection of a folder that changed just now."""
        scan = a_scan(newest_change=FS_NOW - SECOND // 10)
        return self.look(name, scan=scan, **changes)

    def gone(self, name: str) -> list[act.Action]:
        return self.tell(ev.Inspected(Inspection(name, Kind.GONE)))

    def new_identity(self) -> Identity:
        return Identity(1, next(_INODES), 7)

    def offer(self, name: str, **options: Any) -> act.Accept:
        """A drop that was moved in, up to the writing of its first record."""
        assert kinds(self.tell(ev.Appeared(name)))[-1] == "Inspect"
        look = self.look(name, identity=self.new_identity(), found=usable(**options))
        return only(look, act.Accept)

    def queue(self, name: str, **options: Any) -> Job:
        """A drop that was accepted."""
        offer = self.offer(name, **options)
        self.tell(ev.Accepted(offer.job.id, offer.hold))
        return self.state.jobs[offer.job.id]

    def claim(self) -> act.Claim:
        """The one claim of a plan."""
        (claim,) = self.plan()
        return claim

    def start(self, name: str = "job", **options: Any) -> Job:
        """A job that runs, on a bench where it is the next one."""
        self.queue(name, **options)
        claim = self.claim()
        self.tell(ev.Claimed(claim.job, "true", None))
        return self.state.runs[claim.job.id].job

    def end(self, job: Job, **outcome: Any) -> act.Finish:
        assert job.token is not None
        return only(self.tell(ev.Ended(job.id, job.token, an_outcome(**outcome))), act.Finish)

    def probed(
        self, job: Job, records: Records, *, locked: bool = False, place: Place = Place.RUNNING
    ) -> list[act.Action]:
        return self.tell(ev.Probed(records.job or job, place, records, locked))

    def ask(self, verb: str, *targets: str, request: str = "r1", **data: Any) -> list[act.Action]:
        return self.tell(ev.Asked(request, verb, targets, "anna", data=data))

    def fail(self, job: Job, **outcome: Any) -> list[act.Action]:
        """The attempt ends with code 1."""
        assert job.token is not None
        return self.tell(ev.Ended(job.id, job.token, an_outcome(**{"exit_code": 1, **outcome})))

    def run_next(self) -> Job:
        """The one job that is to start next, running."""
        claim = self.claim()
        self.tell(ev.Claimed(claim.job, "true", None))
        job = self.state.runs[claim.job.id].job
        assert job.token is not None
        self.tell(ev.Started(job.id, job.token, utc_text(self.wall)))
        return self.state.runs[claim.job.id].job

    def adopt_waiting(self, job: Job, **records: Any) -> list[act.Action]:
        """A folder whose records say that it is this job, that waits, is seen and looked at."""
        self.tell(ev.Appeared(job.name))
        on_disk = replace(job, state=State.QUEUED, reason=None, started=None, outcome=None)
        found = records_of(on_disk, **records)
        return self.look(job.name, identity=job.identity, records=found, found=usable())

    def hold(self, job: Job, reason: Reason | None, request: str | None = None) -> list[act.Action]:
        return self.tell(ev.Held(job.id, reason, request))

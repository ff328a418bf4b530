"""Folders, supervisors and people that exist only in memory: the core's actions happen here."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import count

from qm.core import actions as act
from qm.core import events as ev
from qm.identity import Identity
from qm.inspection import Inspection, Kind
from qm.jobdir import Records
from qm.model import Job, Outcome, Place, Reason, State
from qm.records import Claim, End
from tests.fakes.bench import BOOT, Bench, a_start, an_outcome, usable
from tests.fakes.jobs import FS_NOW, SECOND, a_look, a_scan

FULL = Reason("DiskFull", "no space")
Chance = Callable[[int], int]
"""A number from 0 to below the given one; whoever shrinks a failing walk prefers 0."""

_LANES: tuple[tuple[type[act.Action], ...], ...] = (
    (act.Inspect, act.Accept, act.SaveState, act.EndOfStart),
    (act.Claim, act.Finish, act.Probe, act.SetHold, act.Stop),
    (act.Requeue, act.Close),
    (act.Answer, act.Remove, act.AnswerEnded),
)


@dataclass
class Folder:
    """A job folder and what its records say."""

    name: str
    identity: Identity
    good: bool = True
    place: Place = Place.WAITING
    job: Job | None = None
    claimed: bool = False
    started: bool = False
    running: bool = False
    hold: Reason | None = None
    exit: Outcome | None = None
    end: End | None = None

    def records(self) -> Records:
        job = None
        if self.job is not None:
            job = replace(self.job, name=self.name, state=State.QUEUED, reason=None, outcome=None)
        return Records(
            self.identity,
            job,
            None if job is None else Claim(BOOT, self.claimed),
            a_start(job) if job is not None and self.started else None,
            self.exit,
            self.end,
            self.hold,
        )


@dataclass
class World:
    """Everything outside the core. ``chance`` decides what fails and in which order."""

    bench: Bench
    chance: Chance
    folders: dict[int, Folder] = field(default_factory=dict)
    lanes: list[deque[act.Action]] = field(default_factory=lambda: [deque() for _ in _LANES])
    calm: bool = False
    """Nothing fails any more."""
    starts: Counter[tuple[int, int]] = field(default_factory=Counter)
    claims: set[tuple[int, int]] = field(default_factory=set)
    asked: set[str] = field(default_factory=set)
    answered: Counter[str] = field(default_factory=Counter)
    ids: dict[int, int] = field(default_factory=dict)
    """Which folder an id was given to."""
    saved: int = 1
    _numbers: count[int] = field(default_factory=lambda: count(1))

    def tell(self, event: ev.Event) -> None:
        self.take(self.bench.tell(event))

    def take(self, actions: list[act.Action]) -> None:
        for action in actions:
            if isinstance(action, act.Start):
                self._start(action.job)
            for lane, kinds in zip(self.lanes, _LANES, strict=True):
                if isinstance(action, kinds):
                    lane.append(action)
        wake = self.bench.core.next_wake()
        assert wake is None or wake == wake  # noqa: PLR0124 not a number is no time

    def fails(self, one_in: int = 4) -> bool:
        return not self.calm and self.chance(one_in) == one_in - 1

    # What the manager does.

    def plan(self) -> None:
        self.take(list(self.bench.plan()))

    def work(self) -> bool:
        """One effect of some lane; False where nothing is to be done."""
        busy = [lane for lane in self.lanes if lane]
        if not busy:
            return False
        lane = busy[self.chance(len(busy))]
        # Claims come first in a batch, and how long a batch is nobody knows.
        claims = [action for action in lane if isinstance(action, act.Claim)]
        action = claims[0] if claims and self.chance(2) else lane[0]
        lane.remove(action)
        event = self.do(action)
        if event is not None:
            self.tell(event)
        return True

    def do(self, action: act.Action) -> ev.Event | None:
        match action:
            case act.Inspect():
                return ev.Inspected(self._inspect(action))
            case act.SaveState():
                self.saved = max(self.saved, action.next_id)
            case act.Accept():
                return self._accept(action)
            case act.Claim():
                return self._claim(action)
            case act.Requeue():
                return self._requeue(action)
            case act.Probe():
                return self._probe(action)
            case act.SetHold():
                return self._set_hold(action)
            case act.Finish():
                return self._move(action, Place.DONE)
            case act.Close():
                return self._close(action)
            case act.EndOfStart():
                return ev.Found()
            case act.Answer() | act.Remove() | act.AnswerEnded():
                self.answered[action.request] += 1
                assert self.answered[action.request] == 1, f"answered twice: {action}"
        return None

    def _named(self, name: str, place: Place = Place.WAITING) -> Folder | None:
        found = [f for f in self.folders.values() if f.name == name and f.place is place]
        assert len(found) <= 1
        return found[0] if found else None

    def _of(self, job: Job) -> Folder | None:
        return self.folders.get(job.identity.inode)

    def free(self, name: str, place: Place) -> str:
        while self._named(name, place) is not None:
            name += "'"
        return name

    def _inspect(self, action: act.Inspect) -> Inspection:
        folder = self._named(action.name)
        if folder is None:
            return Inspection(action.name, Kind.GONE)
        newest = FS_NOW - (SECOND // 10 if self.fails() else 100 * SECOND)
        found = usable(hold=folder.identity.inode % 7 == 0) if folder.good else None
        scan = a_scan(newest_change=newest, fingerprint=folder.identity.inode)
        return a_look(
            folder.name, scan, identity=folder.identity, records=folder.records(), found=found
        )

    def _accept(self, action: act.Accept) -> ev.Event:
        job = action.job
        assert job.id < self.saved, "an id that was not saved first"
        folder = self._named(job.name)
        if folder is None or folder.identity != job.identity:
            return ev.NotAccepted(job.id, True, Reason("Gone", "x"))
        if self.fails():
            return ev.NotAccepted(job.id, False, FULL)
        assert self.ids.setdefault(job.id, folder.identity.inode) == folder.identity.inode
        folder.job, folder.claimed = job, False
        if action.fresh:
            folder.exit, folder.end, folder.started, folder.hold = None, None, False, None
        folder.hold = action.hold or folder.hold
        return ev.Accepted(job.id, folder.hold)

    def _claim(self, action: act.Claim) -> ev.Event:
        job = action.job
        folder = self._named(job.name)
        if folder is None or folder.identity != job.identity:
            return ev.Vanished(job.id)
        if folder.hold is not None:
            return ev.Held(job.id, folder.hold)
        if self.fails():
            return ev.Changed(job.id, job.name)
        if self.fails():
            full = self.chance(2) == 1
            return ev.Unclaimable(job.id, FULL if full else Reason("Stuck", "x"), full)
        folder.name = self.free(job.name, Place.RUNNING)
        folder.place, folder.claimed = Place.RUNNING, True
        folder.job = job = replace(job, name=folder.name)
        self.claims.add((job.id, job.attempt))
        return ev.Claimed(job, "true", None)

    def _start(self, job: Job) -> None:
        key = (job.id, job.attempt)
        assert key in self.claims, "started without a claim"
        self.starts[key] += 1
        assert self.starts[key] == 1, "started twice"
        folder = self._of(job)
        if folder is not None:
            folder.started = folder.running = True

    def _requeue(self, action: act.Requeue) -> ev.Event:
        job = action.job
        folder = self._of(job)
        if folder is None:
            return ev.Vanished(job.id)
        if folder.running:
            return ev.StillLocked(job.id)
        if self.fails():
            return ev.Unmovable(job.id, "a viewer")
        folder.job, folder.claimed, folder.started = replace(job, token="new"), False, False
        folder.hold = action.hold or folder.hold
        if folder.place is not Place.WAITING:
            folder.name = self.free(folder.name, Place.WAITING)
            folder.place = Place.WAITING
        return ev.Requeued(job.id, folder.name, action.hold)

    def _probe(self, action: act.Probe) -> ev.Event:
        folder = self._of(action.job)
        if folder is None:
            return ev.Vanished(action.job.id)
        records = folder.records()
        return ev.Probed(records.job or action.job, folder.place, records, folder.running)

    def _set_hold(self, action: act.SetHold) -> ev.Event | None:
        folder = self._named(action.job.name)
        if folder is None:
            assert action.request is not None
            self.answered[action.request] += 1  # The command line's own time-out.
            return None
        folder.hold = action.reason
        return ev.Held(action.job.id, action.reason, action.request)

    def _move(self, action: act.Finish | act.Close, to: Place) -> ev.Event:
        job = action.job
        folder = self._of(job)
        if folder is None:
            return ev.Moved(job.id, job.state, job.name, gone=True)
        if self.fails():
            return ev.Unmovable(job.id, "a viewer")
        assert not folder.running
        folder.name = self.free(folder.name, to)
        folder.place = to
        return ev.Moved(job.id, job.state, folder.name)

    def _close(self, action: act.Close) -> ev.Event:
        folder = self._of(action.job)
        if folder is None:
            return self._move(action, Place.LOST)
        if folder.place is Place.LOST:
            # Renamed while it was refused, and refused once more under its new name.
            assert action.job.state is State.REJECTED, f"it has ended already: {action}"
            return ev.Moved(action.job.id, action.job.state, folder.name)
        if self.fails():
            return ev.Unmovable(action.job.id, "no space")
        assert action.end_tree or not folder.running
        folder.running = False
        folder.job, folder.end = action.job, action.end
        return self._move(action, Place.LOST)

    # What people and processes do.

    def drop(self, name: str, *, good: bool) -> None:
        if self._named(name) is None:
            folder = Folder(name, Identity(1, 100 + next(self._numbers), 7), good)
            self.folders[folder.identity.inode] = folder
            self.tell(ev.Appeared(name))

    def waiting(self) -> list[Folder]:
        return [f for f in self.folders.values() if f.place is Place.WAITING]

    def take_away(self, folder: Folder) -> None:
        del self.folders[folder.identity.inode]
        self.tell(ev.Gone(folder.name))

    def rename(self, folder: Folder, name: str) -> None:
        if self._named(name) is None:
            old, folder.name = folder.name, name
            self.tell(ev.Renamed(old, name))

    def put_back(self, folder: Folder) -> None:
        folder.name = self.free(folder.name, Place.WAITING)
        folder.place = Place.WAITING
        self.tell(ev.Appeared(folder.name))

    def list_all(self) -> None:
        self.tell(ev.Present(frozenset(f.name for f in self.waiting())))

    def ask(self, verb: str, target: str) -> None:
        request = f"r{next(self._numbers)}"
        self.asked.add(request)
        self.tell(ev.Asked(request, verb, (target,), "anna"))

    def running(self) -> list[Folder]:
        return [f for f in self.folders.values() if f.running]

    def process(self, folder: Folder, what: int) -> None:
        """Something happens to the process beside a job."""
        job = folder.job
        assert job is not None and job.token is not None
        if what == 0:
            folder.running, folder.exit = False, an_outcome()
            self.tell(ev.Ended(job.id, job.token, an_outcome()))
        elif what == 1:
            folder.running = False
            self.tell(ev.SupervisorGone(job.id, job.token))
        elif what == 2:
            folder.running = folder.started = False
            self.tell(ev.LaunchFailed(job.id, job.token, "no shell", self.fails()))
        elif what == 3:
            folder.running = folder.started = False
            self.tell(ev.NotStarted(job.id, job.token, "not mine"))
        else:
            self.tell(ev.Started(job.id, job.token, "now"))

    def settle_down(self) -> None:
        """Let everything come to its end: nothing fails, nobody asks."""
        self.calm = True
        self.tell(ev.Frozen(None))
        for round_ in range(60):
            self.bench.wait(90)
            self.tell(ev.Tick())
            self.plan()
            for _ in range(500):
                if not self.work():
                    break
            else:
                raise AssertionError(f"no end of work: {[list(lane)[:3] for lane in self.lanes]}")
            self.list_all()
            for folder in self.running():
                self.process(folder, 0)
            if round_ > 20 and not any(self.lanes) and not self.bench.plan():
                return

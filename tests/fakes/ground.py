"""Job folders that exist only in memory, and the effects on them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from qm.core import actions as act
from qm.core import events as ev
from qm.core.dependents import KnownEnd
from qm.identity import Identity
from qm.inspection import Inspection, Kind
from qm.jobdir import Records
from qm.model import Dependency, Job, Outcome, Place, Reason, State, Steering
from qm.records import Claim, End
from tests.fakes.bench import BOOT, a_start, usable
from tests.fakes.jobs import FS_NOW, SECOND, a_look, a_scan

FULL = Reason("DiskFull", "no space")
ENDED = (Place.DONE, Place.LOST)
Chance = Callable[[int], int]
"""A number from 0 to below the given one; whoever shrinks a failing walk prefers 0."""


@dataclass
class Folder:
    """A job folder and what its records say."""

    name: str
    identity: Identity
    good: bool = True
    wish: dict[str, Any] = field(default_factory=dict)
    """What the info file asks for."""
    version: int = 0
    """Counts the edits."""
    accepted: int = 0
    """The version that the record is of."""
    place: Place = Place.WAITING
    job: Job | None = None
    claimed: bool = False
    started: bool = False
    running: bool = False
    ours: bool = False
    """The manager hears its supervisor."""
    suspended: bool = False
    hold: Reason | None = None
    exit: Outcome | None = None
    end: End | None = None

    @property
    def fingerprint(self) -> int:
        return self.identity.inode * 1000 + self.version

    def records(self) -> Records:
        if self.job is None:
            return Records(self.identity, hold=self.hold)
        job = replace(self.job, name=self.name, state=State.QUEUED, reason=None, outcome=None)
        claim = Claim(BOOT, self.claimed)
        if job.put_back == job.attempt:
            left = self.exit is not None or self.end is not None
            return Records(self.identity, job, claim, hold=self.hold, unarchived=left)
        start = a_start(job) if self.started else None
        records = Records(self.identity, job, claim, start, self.exit, self.end, self.hold)
        return replace(records, suspended=self.suspended)

    def has_ended(self) -> bool:
        records = self.records()
        return records.is_ours and records.ended


def goes_round(job: Job) -> bool:
    """Whether it was accepted, and ended because it and others came after each other."""
    reason = job.reason if job.state is State.ABORTED else None
    return reason is not None and reason.text.startswith("a cycle: ")


@dataclass
class Ground:
    """The folders and records, and what is done to them. ``chance`` decides what fails."""

    chance: Chance
    folders: dict[int, Folder] = field(default_factory=dict)
    calm: bool = False
    """Nothing fails any more."""
    crashed: bool = False
    """The manager was killed in the middle of an effect."""
    starts: Counter[tuple[int, int]] = field(default_factory=Counter)
    claims: set[tuple[int, int]] = field(default_factory=set)
    open: dict[str, ev.Asked] = field(default_factory=dict)
    """Requests as they lie there until they are answered."""
    answered: Counter[str] = field(default_factory=Counter)
    ids: dict[int, int] = field(default_factory=dict)
    """Which folder an id was given to."""
    history: dict[tuple[int, int, State], Job] = field(default_factory=dict)
    exits: dict[int, set[State]] = field(default_factory=dict)
    """How attempts have ended, told or not."""
    intents: dict[int, act.Close] = field(default_factory=dict)
    saved: int = 1
    """The next id, as state.json says."""
    steering: Steering = field(default_factory=Steering)
    """What state.json says."""

    def fails(self, one_in: int = 4) -> bool:
        return not self.calm and self.chance(one_in) == one_in - 1

    def answer(self, request: str) -> None:
        if self.open.pop(request, None) is not None:
            self.answered[request] += 1
            assert self.answered[request] == 1, f"answered twice: {request}"

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

    def inspect(self, action: act.Inspect) -> Inspection:
        folder = self._named(action.name)
        if folder is None:
            return Inspection(action.name, Kind.GONE)
        newest = FS_NOW - (SECOND // 10 if self.fails() else 100 * SECOND)
        found = usable(**folder.wish) if folder.good else None
        scan = a_scan(newest_change=newest, fingerprint=folder.fingerprint)
        records, job = folder.records(), folder.job
        told = job is not None and any(k[:2] == (job.id, job.attempt) for k in self.history)
        return a_look(
            folder.name,
            scan,
            identity=folder.identity,
            records=records,
            found=found,
            unfinished=records.is_ours and records.exit is not None and folder.claimed and not told,
        )

    def accept(self, action: act.Accept) -> ev.Event:
        job = action.job
        assert job.id < self.saved, "an id that was not saved first"
        folder = self._named(job.name)
        if folder is None or folder.identity != job.identity:
            return ev.NotAccepted(job.id, True, Reason("Gone", "x"))
        if self.fails():
            return ev.NotAccepted(job.id, False, FULL)
        assert self.ids.setdefault(job.id, folder.identity.inode) == folder.identity.inode
        folder.job, folder.claimed, folder.accepted = job, False, folder.version
        self.intents.pop(job.id, None)
        if action.fresh:
            folder.exit, folder.end, folder.started, folder.hold = None, None, False, None
        folder.hold = action.hold or folder.hold
        return ev.Accepted(job.id, folder.hold)

    def claim(self, action: act.Claim) -> ev.Event:
        job = action.job
        folder = self._named(job.name)
        if folder is None or folder.identity != job.identity:
            return ev.Vanished(job.id)
        if folder.hold is not None:
            return ev.Held(job.id, folder.hold)
        if self.fails(8) or folder.version != folder.accepted:
            return ev.Changed(job.id, job.name)
        if self.fails(8):
            full = self.chance(2) == 1
            return ev.Unclaimable(job.id, FULL if full else Reason("Stuck", "x"), full)
        folder.name = self.free(job.name, Place.RUNNING)
        folder.place, folder.claimed = Place.RUNNING, True
        folder.job = job = replace(job, name=folder.name)
        self.claims.add((job.id, job.attempt))
        return ev.Claimed(job, "true", None)

    def start(self, job: Job) -> None:
        key = (job.id, job.attempt)
        assert key in self.claims, "started without a claim"
        self.starts[key] += 1
        assert self.starts[key] == 1, "started twice"
        for one in job.depends:
            assert one.id is not None, f"started before {one}"
            assert self._meets(one), f"started though {one} is {self.ends_of(one.id)}"
        folder = self._of(job)
        if folder is not None:
            folder.started = folder.running = folder.ours = True
            folder.suspended = False

    def ends_of(self, job_id: int) -> set[State]:
        """How the attempts of a job have ended, told or not."""
        ends = {state for known, _, state in self.history if known == job_id}
        return ends | self.exits.get(job_id, set())

    def _meets(self, one: Dependency, *, asked: bool = True) -> bool:
        """Whether the job that ``one`` means has ended as asked, or (``asked`` False) has not."""
        ends = set() if one.id is None else self.ends_of(one.id)
        good = {
            "afterok": {State.FINISHED},
            "afternotok": set(State) - {State.FINISHED},
            "afterany": set(State),
        }[one.condition]
        return bool(ends & good if asked else ends - good)

    def requeue(self, action: act.Requeue) -> ev.Event | None:
        job = action.job
        folder = self._of(job)
        if folder is None:
            return ev.Vanished(job.id)
        if folder.running:
            return ev.StillLocked(job.id)
        if action.ended is not None:
            self.tell_history(action.ended)
        if self.fails():
            return ev.Unmovable(job.id, "a viewer")
        folder.job, folder.claimed, folder.started = replace(job, token="new"), False, False
        folder.hold = action.hold if folder.place in ENDED else action.hold or folder.hold
        # A crash between the move and the archive leaves the end of the last attempt there.
        left = action.place in ENDED and self.fails()
        if left:
            folder.name = self.free(folder.name, Place.WAITING)
            folder.place = Place.WAITING
            self.crashed = True
            return None
        folder.exit, folder.end, folder.suspended = None, None, False
        if folder.place is not Place.WAITING:
            folder.name = self.free(folder.name, Place.WAITING)
            folder.place = Place.WAITING
        return ev.Requeued(job.id, folder.name, action.hold)

    def probe(self, action: act.Probe) -> ev.Event:
        folder = self._of(action.job)
        if folder is None:
            return ev.Vanished(action.job.id)
        records = folder.records()
        return ev.Probed(records.job or action.job, folder.place, records, folder.running)

    def set_hold(self, action: act.SetHold) -> ev.Event:
        folder = self._named(action.job.name)
        if folder is None or self.fails(8):
            return ev.NotHeld(action.job.id, action.reason, action.request, "no space")
        folder.hold = action.reason
        return ev.Held(action.job.id, action.reason, action.request)

    def pause(self, action: act.Pause) -> ev.Event | None:
        job, folder = action.job, self._of(action.job)
        if folder is None or self.fails(8):
            return ev.NotPaused(job.id, action.suspended, "no space")
        if not folder.running:
            return None  # Its end is on its way.
        folder.suspended = action.suspended
        return ev.Paused(job.id, job.token or "", action.suspended)

    def record(self, job: Job) -> None:
        """As the real one: a claim that came meanwhile is not written over."""
        folder = self._named(job.name)
        if folder is None or folder.job is None or folder.identity != job.identity or self.fails(8):
            return
        known = replace(folder.job, state=job.state, reason=job.reason, depends=job.depends)
        if replace(known, token=job.token, identity=job.identity) == job:
            folder.job = job

    def steer(self, action: act.Steer) -> ev.Event:
        if self.fails(8):
            return ev.Steered(action, "no space")
        self.steering = action.steering
        return ev.Steered(action, None)

    def find_ended(self, target: str, known: int | None) -> KnownEnd | None:
        wanted = str(known) if known is not None else target
        ids = [job.id for job in self.history.values() if wanted in (str(job.id), job.name)]
        if not ids:
            return None
        job = [job for job in self.history.values() if job.id == max(ids)][-1]
        return KnownEnd(job.id, job.name, job.state, str(job.reason))

    def find_to_rerun(self, action: act.FindToRerun) -> ev.Event | None:
        for folder in self.folders.values():
            job = folder.job
            if folder.place in ENDED and folder.has_ended() and job is not None:
                if action.target not in (str(job.id), folder.name):
                    continue
                if folder.end is not None and folder.end.state is State.REJECTED:
                    folder.name = self.free(folder.name, Place.WAITING)
                    folder.place = Place.WAITING
                    self.answer(action.request)
                    return ev.Appeared(folder.name)
                found = folder.records().job
                assert found is not None
                return ev.Rerun(found, folder.place, action.request)
        self.answer(action.request)
        return None

    def tell_history(self, job: Job) -> None:
        """A line for an end; an attempt that was run has one only."""
        assert job.outcome is not None
        self.history.setdefault((job.id, job.attempt, job.state), job)
        if job.attempt and job.state is not State.CANCELLED:
            ran = (State.FINISHED, State.FAILED, State.KILLED, State.LOST)
            ends = [s for i, a, s in self.history if (i, a) == (job.id, job.attempt) and s in ran]
            assert len(ends) <= 1, f"job {job.id} has ended twice: {ends}"

    def finish(self, action: act.Finish | act.Close, to: Place) -> ev.Event:
        job = action.job
        folder = self._of(job)
        self.tell_history(job)
        if folder is None:
            return ev.Moved(job.id, job.state, job.name, gone=True)
        # A refusal that is told and then not carried out is void: its line stays, alone.
        if job.state is not State.REJECTED and self.fails():
            return ev.Unmovable(job.id, "a viewer")
        assert not folder.running
        if folder.place is to:
            return ev.Moved(job.id, job.state, folder.name)
        folder.name = self.free(folder.name, to)
        folder.place = to
        return ev.Moved(job.id, job.state, folder.name)

    def close(self, action: act.Close) -> ev.Event:
        job, folder = action.job, self._of(action.job)
        if job.state is State.ABORTED and not goes_round(job):
            broken = [one for one in job.depends if self._meets(one, asked=False)]
            assert broken, f"aborted for nothing: {job.depends}"
        if folder is None:
            self.intents.pop(job.id, None)
            return self.finish(action, Place.LOST)
        if self.fails():
            return ev.Unmovable(job.id, "no space")
        assert action.end_tree or not folder.running
        folder.running = False
        self.intents[job.id] = action
        folder.job, folder.end, folder.claimed = job, action.end, False
        moved = self.finish(action, Place.LOST)
        if isinstance(moved, ev.Moved):
            del self.intents[job.id]
        return moved

    def replay(self, intent: act.Close) -> None:
        """An end that was decided, unless the folder is another job's by now."""
        folder = self._of(intent.job)
        records = None if folder is None else folder.records()
        known = None if records is None or not records.is_ours else records.job
        if known is not None and records is not None:
            void = known.id != intent.job.id or records.exit is not None
            if void:
                del self.intents[intent.job.id]
                return
        calm, self.calm = self.calm, True
        self.close(intent)
        self.calm = calm

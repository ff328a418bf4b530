"""Everything outside the core: its actions happen on a ground that exists only in memory."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field, replace
from typing import Any

from qm.core import actions as act
from qm.core import events as ev
from qm.model import Job, Place, Reason
from tests.fakes.bench import Bench, an_outcome, check
from tests.fakes.ground import ENDED, Folder, Ground, goes_round

_LANES: tuple[tuple[type[act.Action], ...], ...] = (
    (act.Inspect, act.Accept, act.SaveState, act.Steer, act.EndOfStart),
    (act.Claim, act.Finish, act.Probe, act.SetHold, act.Stop, act.Pause, act.Record),
    (act.Requeue, act.Close),
    (act.Answer, act.Remove, act.AnswerEnded, act.Leave, act.FindEnded, act.FindToRerun),
)


@dataclass
class World(Ground):
    """A manager on that ground, its lanes, and the processes beside the jobs."""

    bench: Bench = field(default_factory=Bench)
    lanes: list[deque[act.Action]] = field(default_factory=lambda: [deque() for _ in _LANES])
    restarts: int = 0
    rings: set[int] = field(default_factory=set)

    def tell(self, event: ev.Event) -> None:
        self.take(self.bench.tell(event))

    def take(self, actions: list[act.Action]) -> None:
        for action in actions:
            if isinstance(action, act.Start):
                self.start(action.job)
            if isinstance(action, act.Close) and goes_round(action.job):
                # A manager that finds this end on disk closes it again, and knows of no ring.
                told = action.job.id in self.rings or self.comes_after_itself(action.job)
                assert told, f"no ring: {action.job}"
                self.rings.add(action.job.id)
            if isinstance(action, act.Forget) and action.record:
                self.tell_history(action.job)
            for lane, kinds in zip(self.lanes, _LANES, strict=True):
                if isinstance(action, kinds):
                    lane.append(action)
        wake = self.bench.core.next_wake()
        assert wake is None or wake == wake  # noqa: PLR0124 not a number is no time

    def comes_after_itself(self, job: Job) -> bool:
        """By whatever the names and ids in its way can mean."""
        state = self.bench.state
        known = [job, *(state.jobs.get(i, j) for i, j in state.dependents.linked.items())]
        called = [(name, seen.job.id) for name, seen in state.arrivals.items() if seen.job]
        names = {*called, *((j.name, j.id) for j in known), *((str(j.id), j.id) for j in known)}
        found: set[int] = set()
        ways = [job]
        while ways:
            for one in ways.pop().depends:
                meant = [j for j in known if one.id == j.id or (one.target, j.id) in names]
                ways += [j for j in meant if j.id not in found]
                found |= {j.id for j in meant}
        return job.id in found

    def plan(self) -> None:
        actions = self.bench.core.plan(self.bench.now)
        check(self.bench.state, lowered=self.bench.lowered)
        self.take(actions)

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
        if self.crashed:
            self.restart()
        elif event is not None:
            self.tell(event)
        return True

    def do(self, action: act.Action) -> ev.Event | None:
        match action:
            case act.Inspect():
                return ev.Inspected(self.inspect(action))
            case act.SaveState():
                self.saved = max(self.saved, action.next_id)
            case act.Accept():
                return self.accept(action)
            case act.Claim():
                return self.claim(action)
            case act.Requeue():
                return self.requeue(action)
            case act.Probe():
                return self.probe(action)
            case act.SetHold():
                return self.set_hold(action)
            case act.Finish():
                return self.finish(action, Place.DONE)
            case act.Close():
                return self.close(action)
            case act.Pause():
                return self.pause(action)
            case act.Record():
                self.record(action.job)
            case act.Steer():
                return self.steer(action)
            case act.FindEnded():
                ends = {t: self.find_ended(t, known) for t, known in action.targets.items()}
                return ev.EndsFound(action.id, {} if self.fails(20) else ends)
            case act.FindToRerun():
                return self.find_to_rerun(action)
            case act.EndOfStart():
                return ev.Found()
            case act.Answer() | act.Remove() | act.AnswerEnded():
                self.answer(action.request)
            case act.Leave():
                self.answer(action.request)
                self.crashed = True  # In a manner of speaking: it is the end of this manager.
        return None

    def restart(self) -> None:
        """The manager is gone, whatever it was at; another one starts."""
        self.restarts += 1
        self.crashed = False
        for lane in self.lanes:
            lane.clear()
        old = self.bench
        self.bench = replace(old, starting=True, mono=5.0, steering=self.steering)
        told = max((job_id for job_id, _, _ in self.history), default=0)
        self.bench.core.state.next_id = max(self.saved, told + 1)
        for intent in list(self.intents.values()):
            self.replay(intent)
        for folder in list(self.folders.values()):
            folder.ours = False
            if folder.place is Place.RUNNING and folder.job is not None:
                self.tell(self.probe(act.Probe(replace(folder.job), Place.RUNNING)))
        for folder in self.waiting():
            self.tell(ev.Appeared(folder.name))
        self.tell(ev.Listed())
        for request in list(self.open.values()):
            self.tell(request)

    def waiting(self) -> list[Folder]:
        return [f for f in self.folders.values() if f.place is Place.WAITING]

    def running(self) -> list[Folder]:
        return [f for f in self.folders.values() if f.running]

    def list_all(self) -> None:
        """The listing of QM_qJobs, and what lies elsewhere without an end."""
        self.tell(ev.Present(frozenset(f.name for f in self.waiting())))
        for folder in list(self.folders.values()):
            records = folder.records()
            if records.job is None or not records.is_ours or records.ended:
                continue
            if folder.place is Place.WAITING:
                continue
            if folder.place in ENDED or not folder.claimed:
                self.tell(ev.Strayed(records.job, folder.place))

    def process(self, folder: Folder, what: int) -> None:
        """Something happens to the process beside a job."""
        job = folder.job
        assert job is not None and job.token is not None
        if what == 4:
            if folder.ours:
                self.tell(ev.Started(job.id, job.token, "2026-01-01T00:00:01.000Z"))
            return
        folder.running = folder.suspended = False
        if what in (2, 3) and folder.ours:
            folder.started = False
            full = Reason("DiskFull", "no space") if self.fails() else None
            failed = ev.LaunchFailed(job.id, job.token, "no shell", full)
            self.tell(failed if what == 2 else ev.NotStarted(job.id, job.token, "not mine"))
            return
        if what != 1:
            folder.exit = an_outcome(exit_code=(0, 0, 1, 7)[self.chance(4)])
        if folder.exit is not None:
            self.exits.setdefault(job.id, set()).add(folder.exit.state())
        if folder.ours and folder.exit is not None:
            self.tell(ev.Ended(job.id, job.token, folder.exit))
        else:
            self.tell(ev.SupervisorGone(job.id, job.token))

    def end_without_folder(self, folder: Folder) -> None:
        """The folder of a running job was deleted; the script ends, and cannot record it."""
        job = folder.job
        assert job is not None and job.token is not None
        if folder.ours:
            self.tell(ev.Ended(job.id, job.token, an_outcome(), vanished=True))
        else:
            self.tell(ev.SupervisorGone(job.id, job.token))

    def settle_down(self) -> None:
        """Let everything come to its end: nothing fails, nobody asks."""
        self.calm = True
        self.tell(ev.Frozen(None))
        for request in [one for one in self.open.values() if one.verb == "stop"]:
            del self.open[request.request]
            self.tell(ev.Withdrawn(request.request))
        last: tuple[tuple[str, dict[str, Any]], ...] = (
            ("drain", {"on": False}),
            ("limit", {"processors": None}),
        )
        for verb, data in last:
            name = f"last {verb} {self.restarts}"
            self.open[name] = ev.Asked(name, verb, (), "anna", data=data)
            self.tell(self.open[name])
        quiet = 0
        for _ in range(60):
            self.bench.wait(90)
            self.tell(ev.Tick())
            self.plan()
            self.list_all()
            running = self.running()
            for folder in running:
                self.process(folder, 0)
            worked = self._work_off() or bool(running)
            quiet = 0 if worked else quiet + 1
            # Longer than anything waits for a time: then it is as it will be.
            if quiet * 90 > 500:
                return
        raise AssertionError("it never comes to rest")

    def _work_off(self) -> bool:
        """Everything that is to be done now; False where that is only looks at waiting jobs."""
        worked = False
        for _ in range(500):
            looks = all(isinstance(a, act.Inspect) for lane in self.lanes for a in lane)
            worked |= not looks
            if not self.work():
                return worked
        raise AssertionError(f"no end of work: {[list(lane)[:3] for lane in self.lanes]}")

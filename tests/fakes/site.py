"""A manager on real folders, in one thread and without processes: scripts end as they start."""

from __future__ import annotations

import os
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from typing import Any

from qm.core import Core, Now, Settings
from qm.core import actions as act
from qm.core import events as ev
from qm.drops import Rules
from qm.effects.claim import Claimer, probe
from qm.effects.finish import Finisher
from qm.effects.intents import read_intents, remove_intent
from qm.effects.lookup import find_ended
from qm.folders.inspect import Inspector
from qm.folders.layout import Layout
from qm.history import History, read_history
from qm.index import Index
from qm.jobdir import own_folder, read_records
from qm.jobinfo.limits import Limits
from qm.model import Job, Place, Reason
from qm.osops.scanning import FsClock
from qm.planner import Capacity
from qm.reactor.effects import DropWork, LeaveWork, TurnWork
from qm.records import encode, job_from_record, outcome_record
from qm.statefile import StateFile
from tests.fakes.bench import an_outcome

BOOT, HOST = "this boot", "this host"
LIMITS = Limits(max_processors=4, names=("proc_config.cfg",))


@dataclass
class Scripts:
    """What happens to jobs that are started, over all restarts."""

    starts: Counter[tuple[int, int]] = field(default_factory=Counter)
    fail_to_launch: int = 0
    """So many launches fail first."""
    codes: dict[str, list[int]] = field(default_factory=dict)
    """Exit codes of a job's scripts, one after the other; then it is 0."""
    hang: bool = False
    """Scripts run until :meth:`Site.end_script`."""


class _Nobody:
    """There are no supervisors to be told."""

    def pause(self, job: Job, *, suspended: bool) -> bool:
        return False

    def stop(self, job: Job, reason: Reason, grace: float) -> bool:
        return True


@dataclass
class Site:
    """One run of the manager, from its start to its end or its crash."""

    root: Path
    scripts: Scripts = field(default_factory=Scripts)
    boot: str = BOOT
    events: deque[ev.Event] = field(default_factory=deque)
    answers: dict[str, act.Answer] = field(default_factory=dict)
    _tokens: count[int] = field(default_factory=count)

    def __post_init__(self) -> None:
        self.layout = Layout(str(self.root))
        self.layout.create()
        self.state_file = StateFile(self.layout.own, self.boot, sync=True)
        self.history = History(self.layout.history_file)
        # Never opened, it forgets what it is told: the folders are the truth.
        index = Index(self.layout.index_file)
        self.clock = FsClock(os.path.join(self.layout.own, "clock"))
        inspector = Inspector(self.layout, LIMITS, self.clock)
        self.drops = DropWork(self.layout, inspector, self.state_file, index, self.boot, sync=True)
        self.claimer = Claimer(
            self.layout, inspector, self.boot, lambda name: None, settle=0.0, sync=True
        )
        self.finisher = Finisher(
            self.layout, self.history, index, self.boot, True, lambda name: None
        )
        self.leaves = LeaveWork(self.layout, self.finisher, self.boot, sync=True)
        rules = Rules(settle=0.0, refuse_after=0.0, empty_after=0.0)
        settings = Settings(Capacity(4), self.boot, HOST, rules)
        saved = self.state_file.load()
        next_id = saved.first_free(self.boot)
        self.core = Core(settings, self._token, next_id=next_id, steering=saved.steering)
        self.turns = TurnWork(self.layout, self.claimer, self.finisher, _Nobody(), self.boot)  # type: ignore[arg-type]
        self.running: dict[int, Job] = {}
        """Scripts that hang."""
        self.mono = 0.0

    def _token(self) -> str:
        return f"{os.urandom(4).hex()}-{next(self._tokens)}"

    def close(self) -> None:
        self.clock.close()

    def recover(self) -> None:
        """What a start does before anything else."""
        for intent in read_intents(self.layout)[0]:
            job, _ = job_from_record({"format": 1, **intent.job}, intent.name)
            outcome = intent.end.outcome
            job = replace(job, state=intent.end.state, reason=outcome.reason, outcome=outcome)
            if isinstance(self.finisher.carry_out(intent, job), ev.Moved):
                remove_intent(self.layout, intent.id, sync=True)
        for name in sorted(os.listdir(self.layout.place(Place.RUNNING))):
            records = read_records(self.layout.path(Place.RUNNING, name), name)
            assert records.job is not None
            self.events.append(probe(self.layout, act.Probe(records.job, Place.RUNNING)))
        self.events.append(ev.Present(frozenset(os.listdir(self.layout.place(Place.WAITING)))))
        self.events.append(ev.Listed())
        self.look_at_ended()

    def run(self, until: Callable[[], bool] = lambda: False) -> None:
        """Work until nothing is to be done, or ``until`` says so between two events."""
        for _ in range(1000):
            if until():
                return
            now = Now(self.mono, 1_767_225_600.0 + self.mono)
            if self.events:
                actions = self.core.handle(self.events.popleft(), now)
            else:
                actions = self.core.plan(now)
                wake = self.core.next_wake()
                if not actions and not self.events:
                    if wake is None:
                        return
                    self.mono = max(self.mono, wake)
                    actions = self.core.handle(ev.Tick(), Now(self.mono, now.wall))
            for action in actions:
                self.events.extend(self._do(action))
        raise AssertionError(f"no end: {self.core.state}")

    def _do(self, action: act.Action) -> list[ev.Event]:
        match action:
            case act.Inspect() | act.EndOfStart() | act.SaveState() | act.Accept() | act.Steer():
                return self.drops([action])
            case act.SetHold() | act.Pause() | act.Record():
                return list(self.turns([action]))
            case act.FindEnded():
                return [self._find_ended(action)]
            case act.FindToRerun():
                return self._find_to_rerun(action)
            case act.Claim():
                return list(self.claimer.claim([action]))
            case act.Start():
                return [self._start(action.job)]
            case act.Probe():
                return [probe(self.layout, action)]
            case act.Finish():
                return list(self.finisher.finish([action]))
            case act.Requeue() | act.Close():
                # Without the search for processes: there are none.
                return list(self.leaves([replace(action, end_tree=False)]))
            case act.Answer():
                self.answers[action.request] = action
        return []

    def _start(self, job: Job) -> ev.Event:
        """What a supervisor does, and its script."""
        assert job.token is not None
        if self.scripts.fail_to_launch:
            self.scripts.fail_to_launch -= 1
            return ev.LaunchFailed(job.id, job.token, "no shell")
        start = {
            "attempt": job.attempt,
            "token": job.token,
            "host": HOST,
            "boot": self.boot,
            "supervisor": 1,
            "supervisor_started": None,
            "started": "2026-01-01T00:00:01.000Z",
        }
        path = self.layout.path(Place.RUNNING, job.name)
        try:
            with own_folder(path) as own:
                own.write("start.json", encode(start))
        except OSError as error:
            return ev.LaunchFailed(job.id, job.token, str(error), Reason("DiskFull", str(error)))
        self.scripts.starts[job.id, job.attempt] += 1
        if self.scripts.hang:
            self.running[job.id] = job
            return ev.Started(job.id, job.token, "2026-01-01T00:00:01.000Z")
        return self.end_script(job, path)

    def end_script(self, job: Job, path: str) -> ev.Event:
        """The script of a job that lies at ``path`` now comes to its end."""
        assert job.token is not None
        codes = self.scripts.codes.get(job.name)
        outcome = an_outcome(exit_code=codes.pop(0) if codes else 0)
        record = {"attempt": job.attempt, "token": job.token, **outcome_record(outcome)}
        # Its space was reserved at the start: a full disk does not matter.
        (Path(path) / ".qm" / "exit.json").write_bytes(encode(record))
        return ev.Ended(job.id, job.token, outcome)

    def _find_ended(self, action: act.FindEnded) -> ev.Event:
        try:
            return find_ended(self.layout, action)
        except OSError:
            return ev.EndsFound(action.id, {})

    def _find_to_rerun(self, action: act.FindToRerun) -> list[ev.Event]:
        """What the index would say, from the folders: there is no index here."""
        for place in (Place.DONE, Place.LOST):
            for name in os.listdir(self.layout.place(place)):
                records = read_records(self.layout.path(place, name), name)
                if records.job is not None and records.ended and name == action.target:
                    return [ev.Rerun(records.job, place, action.request)]
        answer = act.Answer(action.request, False, {"error": "no such job"})
        self.answers[action.request] = answer
        return []

    # What a test asks.

    def drop(self, name: str, text: str = "[QMOptions]\nscript : true\n") -> None:
        """A folder that was moved into the queue."""
        folder = self.root / "staging" / name
        folder.mkdir(parents=True)
        (folder / "proc_config.cfg").write_text(text, encoding="ascii")
        folder.rename(self.root / "QM_qJobs" / name)
        self.events.append(ev.Appeared(name))

    def ask(self, verb: str, target: str = "", **data: Any) -> None:
        targets = (target,) if target else ()
        self.events.append(ev.Asked(verb, verb, targets, "anna", data=data))

    def look_at_ended(self) -> None:
        """What the librarian does who finds a folder that the index does not know."""
        for place in (Place.DONE, Place.LOST):
            for name in sorted(os.listdir(self.layout.place(place))):
                path = self.layout.path(place, name)
                if not os.path.isdir(path):
                    continue
                records = read_records(path, name)
                if records.job is not None and records.is_ours and not records.ended:
                    self.events.append(ev.Strayed(records.job, place))

    def where(self) -> dict[str, list[str]]:
        """What lies in each of the four folders; empty ones are left out."""
        found = {place: sorted(os.listdir(self.layout.place(place))) for place in Place}
        return {place.value: names for place, names in found.items() if names}

    def told(self) -> list[tuple[int, int, str]]:
        """The history: id, attempt and state of each end."""
        lines = read_history(self.layout.history_file)
        return [(line["id"], line["attempt"], line["state"]) for line in lines]

    def reason_of(self, place: Place, name: str) -> Reason | None:
        records = read_records(self.layout.path(place, name), name)
        outcome = records.exit or (records.end.outcome if records.end else None)
        return None if outcome is None else outcome.why()

"""This machine as an execution system: real supervisors, reused, and every end told once."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

import psutil
import pytest

from qm.core import actions as act
from qm.core import events as ev
from qm.jobdir import own_folder, write_job
from qm.model import Job, Reason
from qm.records import Claim
from qm.systems import local
from qm.systems.local import LocalSystem, Site
from tests.fakes.jobs import a_job_folder

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the scripts are for sh")


class Machine:
    """A local system and what it posts."""

    def __init__(self, root: Path, slots: int = 2) -> None:
        self.running = root / "QM_Jobs"
        self.running.mkdir()
        site = Site(str(self.running), "/nowhere", "host", "boot", kill_grace=5.0, sync=False)
        self.events: SimpleQueue[ev.Event] = SimpleQueue()
        self.system = LocalSystem(site, slots, self.events.put)
        self._count = 0

    def run(self, command: str, **options: Any) -> Job:
        self._count += 1
        name = f"job{self._count}"
        job = a_job_folder(
            self.running / name, self._count, attempt=1, token=f"t{self._count}", options=options
        )
        with own_folder(str(self.running / name), create=True) as own:
            write_job(own, job, Claim("boot", claimed=True))
        self.system.run(act.Start(job, command, None))
        return job

    def next(self, timeout: float = 20.0) -> ev.Event:
        """The next event that is no mere start."""
        while True:
            try:
                event = self.events.get(timeout=timeout)
            except Empty:
                raise AssertionError("nothing was posted") from None
            if not isinstance(event, ev.Started):
                return event

    def ended(self) -> ev.Ended:
        event = self.next()
        assert isinstance(event, ev.Ended), event
        return event


def supervisors() -> list[psutil.Process]:
    found = []
    for child in psutil.Process().children():
        try:
            if "qm.supervisor" in " ".join(child.cmdline()):
                found.append(child)
        except psutil.Error:
            continue
    return found


def wait_until(what: str, fact: Callable[[], bool], timeout: float = 15.0) -> None:
    until = time.monotonic() + timeout
    while not fact():
        assert time.monotonic() < until, f"not within {timeout} s: {what}"
        time.sleep(0.01)


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    machine = Machine(tmp_path)
    yield machine
    machine.system.close()
    for supervisor in supervisors():
        with contextlib.suppress(psutil.Error):
            # Left running by a test that failed.
            for script in supervisor.children(recursive=True):
                script.kill()
    wait_until("every supervisor has ended", lambda: not supervisors())


def test_a_warm_supervisor_takes_the_first_job_and_then_the_next(machine: Machine) -> None:
    machine.system.warm_up()
    machine.system.warm_up()
    job = machine.run("exit 4")
    ended = machine.ended()
    assert (ended.id, ended.token, ended.outcome.exit_code) == (job.id, "t1", 4)
    assert not ended.vanished
    for number in range(5):
        machine.run(f"exit {number}")
        assert machine.ended().outcome.exit_code == number
    assert len(supervisors()) <= 3


def test_more_jobs_than_supervisors_wait_for_the_next_that_is_free(machine: Machine) -> None:
    jobs = [machine.run("true") for _ in range(8)]
    ends = [machine.ended() for _ in jobs]
    assert {end.id for end in ends} == {job.id for job in jobs}
    assert len(supervisors()) <= 3


def test_a_long_job_is_told_as_started_once(machine: Machine) -> None:
    machine.run("while [ ! -e go ]; do sleep 0.01; done")
    started = machine.events.get(timeout=20)
    assert isinstance(started, ev.Started) and started.token == "t1"
    (machine.running / "job1" / "go").touch()
    assert isinstance(machine.events.get(timeout=20), ev.Ended)


def test_a_supervisor_that_is_killed_is_told_as_gone_and_the_next_job_runs(
    machine: Machine,
) -> None:
    machine.run("exec sleep 60")
    started = machine.events.get(timeout=20)
    assert isinstance(started, ev.Started)
    (own,) = [process for process in supervisors() if process.children()]
    scripts = own.children()
    own.kill()
    assert machine.next() == ev.SupervisorGone(1, "t1")
    for script in scripts:
        script.kill()
    machine.run("exit 3")
    assert machine.ended().outcome.exit_code == 3


def test_a_running_job_is_stopped_by_its_supervisor(machine: Machine) -> None:
    job = machine.run("exec sleep 60")
    machine.events.get(timeout=20)
    assert machine.system.stop(job, Reason("User", "killed by anna"), 5.0)
    outcome = machine.ended().outcome
    assert outcome.reason == Reason("User", "killed by anna")
    assert not machine.system.stop(job, Reason("User", "again"), 5.0)


def test_a_job_that_was_taken_back_is_not_started(machine: Machine) -> None:
    job = machine.run("true")
    machine.ended()
    machine.system.run(act.Start(job.__class__(**{**_fields(job), "token": "stale"}), "x", None))
    refused = machine.next()
    assert isinstance(refused, ev.NotStarted) and refused.token == "stale"


def _fields(job: Job) -> dict[str, Any]:
    return {name: getattr(job, name) for name in job.__dataclass_fields__}


def test_a_folder_that_is_not_there_is_a_launch_that_failed(machine: Machine) -> None:
    job = machine.run("true")
    machine.ended()
    machine.system.run(act.Start(job.__class__(**{**_fields(job), "name": "x"}), "true", None))
    failed = machine.next()
    assert isinstance(failed, ev.LaunchFailed) and "No such file" in failed.why
    assert failed.fault is None


def test_a_supervisor_that_cannot_be_started_is_a_launch_that_failed(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unable() -> None:
        raise OSError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(local, "_spawn", unable)
    machine.run("true")
    failed = machine.next()
    assert isinstance(failed, ev.LaunchFailed)
    assert failed.why == "no supervisor: Resource temporarily unavailable"
    assert failed.fault is not None and failed.fault.word == "Machine"
    monkeypatch.undo()
    machine.run("exit 2")
    assert machine.ended().outcome.exit_code == 2


def test_idle_supervisors_are_let_go_but_one(machine: Machine) -> None:
    for _ in range(2):
        machine.run("while [ ! -e go ]; do sleep 0.01; done")
    for _ in range(2):
        assert isinstance(machine.events.get(timeout=20), ev.Started)
    for number in (1, 2):
        (machine.running / f"job{number}" / "go").touch()
    for _ in range(2):
        machine.ended()
    wait_until("all are idle", lambda: len(machine.system._idle) == len(supervisors()))
    machine.system.trim(time.monotonic())
    assert len(supervisors()) >= 2
    machine.system.trim(time.monotonic() + 3600)
    wait_until("one is left", lambda: len(supervisors()) == 1)


def test_after_a_close_busy_supervisors_end_with_their_job(machine: Machine) -> None:
    machine.run("while [ ! -e go ]; do sleep 0.01; done")
    assert isinstance(machine.events.get(timeout=20), ev.Started)
    machine.system.close()
    wait_until("only the busy one is left", lambda: len(supervisors()) == 1)
    (machine.running / "job1" / "go").touch()
    assert machine.ended().outcome.exit_code == 0

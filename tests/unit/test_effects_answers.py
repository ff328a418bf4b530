"""Marks that cannot be written, answers that cannot be given: whoever asked is told so."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from qm.control.requests import take_answer
from qm.core import actions as act
from qm.core import events as ev
from qm.folders.layout import Layout
from qm.index import Index
from qm.jobdir import write_hold, write_suspend
from qm.model import Job, Place, Reason
from qm.reactor import answering, effects
from qm.reactor.answering import ControlWork
from qm.reactor.effects import TurnWork
from tests.fakes.jobs import a_job_folder


class FakeSystem:
    """Supervisors: there are some that can be told, or none."""

    def __init__(self, *, there: bool) -> None:
        self.there = there
        self.told: list[tuple[str, int]] = []

    def pause(self, job: Job, *, suspended: bool) -> bool:
        self.told.append(("suspend" if suspended else "resume", job.id))
        return self.there

    def stop(self, job: Job, reason: Reason, grace: float) -> bool:
        self.told.append(("stop", job.id))
        return self.there


def no_space(*arguments: Any, **options: Any) -> None:
    raise OSError(28, os.strerror(28))


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    layout = Layout(str(tmp_path))
    layout.create()
    return layout


def do(layout: Layout, actions: Sequence[Any], system: FakeSystem) -> list[ev.Event]:
    nobody: Any = None
    return list(TurnWork(layout, nobody, nobody, system, "boot")(actions))  # type: ignore[arg-type]


def a_folder(layout: Layout, place: Place) -> Job:
    folder = Path(layout.path(place, "job"))
    job = a_job_folder(folder, token="t", attempt=1)
    (folder / ".qm").mkdir()
    return job


HOLD = Reason("User", "held by anna")


def test_a_hold_that_cannot_be_written_is_told(
    layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = a_folder(layout, Place.WAITING)
    action = act.SetHold(job, HOLD, "r1")
    assert do(layout, [action], FakeSystem(there=True)) == [ev.Held(job.id, HOLD, "r1")]
    assert write_hold.__module__ == "qm.jobdir"
    monkeypatch.setattr(effects, "write_hold", no_space)
    (told,) = do(layout, [action], FakeSystem(there=True))
    assert isinstance(told, ev.NotHeld) and told.request == "r1" and "No space" in told.why


def test_a_hold_of_a_folder_that_is_gone_is_told(layout: Layout) -> None:
    job = a_folder(layout, Place.RUNNING)
    (told,) = do(layout, [act.SetHold(job, None, "r1")], FakeSystem(there=True))
    assert isinstance(told, ev.NotHeld) and told.reason is None


def test_a_supervisor_is_told_to_pause_though_the_mark_cannot_be_written(
    layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = a_folder(layout, Place.RUNNING)
    assert write_suspend.__module__ == "qm.jobdir"
    monkeypatch.setattr(effects, "write_suspend", no_space)
    system = FakeSystem(there=True)
    assert do(layout, [act.Pause(job, Place.RUNNING, True)], system) == []
    assert system.told == [("suspend", job.id)]


def test_a_pause_that_reaches_nobody_is_told(
    layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = a_folder(layout, Place.RUNNING)
    pause = act.Pause(job, Place.RUNNING, True)
    (told,) = do(layout, [pause], FakeSystem(there=False))
    assert told == ev.Paused(job.id, "t", True), "its supervisor obeys the mark"
    monkeypatch.setattr(effects, "write_suspend", no_space)
    (told,) = do(layout, [pause], FakeSystem(there=False))
    assert isinstance(told, ev.NotPaused) and told.suspended


def test_a_supervisor_is_told_to_stop_though_the_folder_cannot_be_found(
    layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = a_folder(layout, Place.RUNNING)
    monkeypatch.setattr(Layout, "find", no_space)
    system = FakeSystem(there=True)
    assert do(layout, [act.Stop(job, Place.RUNNING, HOLD, 1.0, "r1")], system) == []
    assert system.told == [("stop", job.id)]


def test_a_lookup_that_breaks_is_answered(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*arguments: Any) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(answering, "find_to_rerun", broken)
    monkeypatch.setattr(answering, "ended_rows", broken)
    work = ControlWork(layout, Index(layout.index_file))
    for number in range(1, 5):
        (Path(layout.requests) / f"r{number}.json").write_bytes(b"{}")
    asked: list[Any] = [
        act.FindToRerun("r1", "7"),
        act.Remove("r2", ("7",)),
        act.AnswerEnded("r3", "kill", "7"),
        act.Answer("r4", True, {"id": 7}),
    ]
    assert work(asked) == []
    for request, ok in (("r1", False), ("r2", False), ("r3", False), ("r4", True)):
        answer = take_answer(layout.requests, request)
        assert answer is not None and answer["ok"] is ok

"""What a supervisor decides by: limits, a clock that stands, marks, and looks at the memory."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qm.osops import FolderHandle
from qm.supervisor.clock import RunClock
from qm.supervisor.limits import EarlyWarning, limits_of
from qm.supervisor.marks import Marks
from qm.supervisor.memory import MemoryWatch

ORDER: dict[str, Any] = {"grace": 5, "walltime": 60.0, "mem": 1 << 20}


def test_an_order_of_an_earlier_manager_has_no_warning_and_enforces_no_memory() -> None:
    assert limits_of(ORDER) == (5.0, 60.0, None, None)


@pytest.mark.parametrize(
    ("more", "warning", "memory"),
    [
        ({"enforce_mem": True}, None, 1 << 20),
        ({"enforce_mem": True, "mem": None}, None, None),
        ({"warn": {"signal": "USR1", "before": 59}}, EarlyWarning("USR1", 59.0), None),
        ({"warn": {"signal": "USR1", "before": 60}}, None, None),
        ({"warn": {"signal": "USR1", "before": 9}, "walltime": None}, None, None),
        ({"warn": None, "enforce_mem": None}, None, None),
    ],
)
def test_limits_are_read_from_an_order(
    more: dict[str, Any], warning: EarlyWarning | None, memory: int | None
) -> None:
    limits = limits_of({**ORDER, **more})
    assert (limits.warning, limits.memory) == (warning, memory)


@settings(deadline=None)
@given(
    parts=st.lists(st.tuples(st.integers(0, 1000), st.integers(0, 1000)), max_size=20),
    after=st.integers(0, 100_000),
)
def test_a_run_clock_counts_only_the_time_between_suspensions(
    parts: list[tuple[int, int]], after: int
) -> None:
    now, total = 5.0, 0
    clock = RunClock(now)
    for ran, stood in parts:
        now += ran
        clock.stop(now)
        assert clock.stands and clock.moment(after) is None
        now += stood
        total += stood
        assert clock.stood(now) == total
        clock.go_on(now)
    assert not clock.stands and clock.stood(now) == total
    assert clock.moment(after) == 5.0 + total + after


def test_a_clock_that_stands_is_not_stopped_again() -> None:
    clock = RunClock(0.0)
    clock.stop(1.0)
    clock.stop(3.0)
    clock.go_on(4.0)
    clock.go_on(9.0)
    assert clock.stood(20.0) == 3.0


class Script:
    """Uses so much memory at each look."""

    def __init__(self, *used: int) -> None:
        self.used = list(used)
        self.limits: list[int | None] = []

    def sample(self, limit: int | None = None) -> int:
        self.limits.append(limit)
        return self.used.pop(0)


def test_memory_within_its_limit_is_no_reason_and_more_is_one_with_figures() -> None:
    script = Script(200 << 20, 300 << 20)
    watch = MemoryWatch(script, 200 << 20, 0.0)
    assert watch.look(watch.next_look) is None
    reason = watch.look(watch.next_look)
    assert reason == ("MemoryLimit", "used 300 MiB, asked for 200 MiB")
    assert script.limits == [200 << 20] * 2


def test_memory_is_not_looked_at_before_its_time() -> None:
    script = Script(1)
    watch = MemoryWatch(script, 10, 100.0)
    assert watch.look(100.1) is None and script.used == [1]
    assert 100.0 < watch.next_look <= 100.25


@pytest.fixture
def records(tmp_path: Path) -> Iterator[FolderHandle]:
    (tmp_path / "lock").touch()
    with FolderHandle.open(str(tmp_path)) as folder:
        yield folder


MINE = {"attempt": 2, "token": "t"}


def put(records: FolderHandle, name: str, mark: object) -> None:
    records.write(name, json.dumps(mark).encode())


def test_a_suspend_mark_is_news_when_it_comes_and_when_it_goes(records: FolderHandle) -> None:
    marks = Marks(records, 2, "t")
    assert marks.suspend_changed() is None
    put(records, "suspend", MINE)
    assert [marks.suspend_changed(), marks.suspend_changed()] == [True, None]
    records.remove("suspend")
    assert [marks.suspend_changed(), marks.suspend_changed()] == [False, None]


@pytest.mark.parametrize(
    "text", [b"", b"{", b"7", b'{"attempt": 1, "token": "t"}', b'{"attempt": 2}', b"[" * 5000]
)
def test_marks_of_others_and_damaged_ones_are_not_there(records: FolderHandle, text: bytes) -> None:
    marks = Marks(records, 2, "t")
    records.write("suspend", text)
    records.write("kill", text)
    assert marks.suspend_changed() is None and marks.kill() is None
    marks.forget_suspend()
    assert records.exists("suspend")


def test_a_folder_that_is_gone_takes_no_mark_away(records: FolderHandle) -> None:
    marks = Marks(records, 2, "t")
    put(records, "suspend", MINE)
    assert marks.suspend_changed() is True
    records.remove("suspend")
    records.remove("lock")
    assert marks.suspend_changed() is None


def test_a_mark_is_forgotten_once_the_job_has_ended(records: FolderHandle) -> None:
    marks = Marks(records, 2, "t")
    put(records, "suspend", MINE)
    marks.forget_suspend()
    assert not records.exists("suspend")


def test_a_kill_mark_is_read_whole(records: FolderHandle) -> None:
    put(records, "kill", {**MINE, "grace": 3})
    assert Marks(records, 2, "t").kill() == {**MINE, "grace": 3}

"""Processes as /proc tells of them, from folders that look like it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

if sys.platform == "win32":
    pytest.skip("there is no /proc", allow_module_level=True)

from qm.osops import posix_procfs as procfs


@pytest.fixture
def proc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(procfs, "PROC", str(tmp_path))
    (tmp_path / "self").mkdir()
    return tmp_path


def a_process(proc: Path, pid: int, parent: int, name: str = "sh", state: str = "S") -> Path:
    """A process as `man 5 proc` shows it, with 4 s of time of its own and 2 s of its children's."""
    folder = proc / str(pid)
    folder.mkdir()
    tick = os.sysconf("SC_CLK_TCK")
    times = f"{3 * tick} {tick} {2 * tick} 0"
    stat = f"{pid} ({name}) {state} {parent} {parent} 77 0 -1 0 0 0 0 0 {times} 20 0 1 0 5\n"
    (folder / "stat").write_text(stat)
    (folder / "statm").write_text("500 30 20 1 0 90 0\n")
    return folder


def list_children(proc: Path, pid: int, *children: int, thread: int | None = None) -> None:
    task = proc / str(pid) / "task" / str(thread or pid)
    task.mkdir(parents=True)
    (task / "children").write_text("".join(f"{child} " for child in children))


@pytest.mark.parametrize("name", ["sh", "a (b) c", ") R 1 (", "two\nlines"])
def test_the_status_of_a_process_is_read_whatever_its_name(proc: Path, name: str) -> None:
    a_process(proc, 5, 3, name, state="T")
    assert procfs.status_of(5) == ("T", 3, 77, 6.0)


def test_a_process_that_is_not_there_has_no_status_and_no_memory(proc: Path) -> None:
    assert procfs.status_of(5) is None
    assert (procfs.resident(5), procfs.proportional(5)) == (0, 0)
    assert procfs.descendants(5) == [] and procfs.quick_descendants(5) == []


def test_descendants_come_after_their_parents_and_others_not_at_all(proc: Path) -> None:
    for pid, parent in ((1, 0), (30, 1), (40, 30), (20, 40), (50, 30), (60, 1)):
        a_process(proc, pid, parent)
    found = procfs.descendants(30)
    assert sorted(found) == [20, 40, 50] and found.index(40) < found.index(20)


def test_a_parent_that_ends_during_the_look_costs_no_child(
    proc: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_process(proc, 30, 0)
    a_process(proc, 50, 40)
    look = procfs.status_of

    def and_then_adopted(pid: int) -> object:
        status = look(pid)
        if pid == 50:
            path = proc / "50" / "stat"
            path.write_text(path.read_text().replace(" 40 40 ", " 30 30 "))
        return status

    monkeypatch.setattr(procfs, "status_of", and_then_adopted)
    assert procfs.descendants(30) == [50]


def test_the_kernels_own_list_of_children_is_believed_where_there_is_one(proc: Path) -> None:
    list_children(proc, 30, 40)
    list_children(proc, 30, 50, thread=31)
    list_children(proc, 40, 60)
    assert procfs.quick_descendants(30) == [40, 50, 60]


def test_kernels_without_such_a_list_are_asked_the_long_way(proc: Path) -> None:
    a_process(proc, 30, 0)
    a_process(proc, 40, 30)
    assert procfs.quick_descendants(30) == [40]


def test_shared_memory_is_divided_where_the_kernel_says_so(proc: Path) -> None:
    folder = a_process(proc, 5, 1)
    assert procfs.proportional(5) == procfs.resident(5) == 30 * os.sysconf("SC_PAGE_SIZE")
    (folder / "smaps_rollup").write_text("55f-7ff ---p 0 [rollup]\nRss: 90 kB\nPss:   12 kB\n")
    assert procfs.proportional(5) == 12 * 1024


@pytest.mark.parametrize(
    ("caught", "blocked", "handled"), [("0", "0", False), ("200", "0", True), ("0", "200", True)]
)
def test_a_signal_is_handled_if_it_is_caught_or_waited_for(
    proc: Path, caught: str, blocked: str, handled: bool
) -> None:
    folder = a_process(proc, 5, 1)
    status = f"Name:\tsh\nSigBlk:\t{blocked:0>16}\nSigIgn:\t0\nSigCgt:\t{caught:0>16}\n"
    (folder / "status").write_text(status)
    assert procfs.handles(5, 10) is handled
    assert not procfs.handles(5, 9) and not procfs.handles(6, 10)


def test_carriers_are_known_by_a_whole_variable(proc: Path) -> None:
    environments = [b"A=1\0TOKEN=t\0B=2\0", b"TOKEN=tt\0", b"XTOKEN=t\0", b"", b"TOKEN=t"]
    for pid, environment in enumerate(environments, 10):
        (a_process(proc, pid, 1) / "environ").write_bytes(environment)
    assert sorted(procfs.carriers("TOKEN", "t")) == [10, 14]


def test_the_use_below_a_process_leaves_out_what_has_ended(proc: Path) -> None:
    a_process(proc, 30, 0)
    (a_process(proc, 40, 30) / "environ").write_bytes(b"TOKEN=t\0")
    a_process(proc, 50, 40)
    a_process(proc, 60, 40, state="Z")
    pages = 2 * 30 * os.sysconf("SC_PAGE_SIZE")
    assert procfs.use_below(30, "TOKEN", "t") == (2, 12.0, pages)
    assert procfs.use_below(30, "TOKEN", "other") is None


def test_a_session_that_cannot_be_lowered_is_told(proc: Path) -> None:
    assert not procfs.lower_session(5, 9)
    (a_process(proc, 5, 1) / "autogroup").write_text("")
    assert procfs.lower_session(5, 9)
    assert (proc / "5" / "autogroup").read_text() == "9"

"""Faults of the machine: told with numbers, and never taken for damage of what lies there."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from qm import faults
from qm.control.requests import Request, open_requests, write_request
from qm.faults import disk_fault, fault_of
from qm.folders import inspect
from qm.jobdir import read_records
from qm.osops import FolderHandle
from qm.osops.shortage import Room, is_passing, room_of

MIB = 1 << 20


def error_of(number: int) -> OSError:
    return OSError(number, os.strerror(number))


@pytest.fixture
def room(monkeypatch: pytest.MonkeyPatch) -> list[Room]:
    """The disk as a test tells; its last entry counts."""
    told = [Room(5 * MIB, 10 * MIB, 100, read_only=False)]
    monkeypatch.setattr(faults, "room_of", lambda path: told[-1])
    return told


@pytest.mark.parametrize(
    ("now", "said"),
    [
        (
            Room(100, 4 * MIB, 9, read_only=False),
            "DiskFull: 100 B of 4 MiB free on the disk of /q; QM leaves 256 KiB to running jobs",
        ),
        (
            Room(MIB, 4 * MIB, 0, read_only=False),
            "DiskFull: the disk of /q can hold no more files (inodes)",
        ),
        (
            Room(MIB, 4 * MIB, None, read_only=True),
            "ReadOnly: the disk of /q can only be read, not written",
        ),
    ],
)
def test_a_disk_that_cannot_take_a_job_is_told_with_its_numbers(
    room: list[Room], now: Room, said: str
) -> None:
    room.append(now)
    assert str(disk_fault("/q")) == said


def test_a_disk_with_room_and_one_that_tells_no_size_hold_nothing_up(room: list[Room]) -> None:
    assert disk_fault("/q") is None
    room.append(Room(0, 0, None, read_only=False))
    assert disk_fault("/q") is None


def test_a_disk_that_is_not_there_is_told_by_others(tmp_path: Path) -> None:
    assert disk_fault(str(tmp_path / "gone")) is None
    assert room_of(str(tmp_path)).size > 0


@pytest.mark.parametrize(
    ("number", "word"),
    [
        (errno.ENOSPC, "DiskFull"),
        (errno.EDQUOT, "DiskFull"),
        (errno.EROFS, "ReadOnly"),
        (errno.EMFILE, "OpenFiles"),
        (errno.ENFILE, "Machine"),
        (errno.ENOMEM, "Machine"),
        (errno.EACCES, None),
        (errno.EXDEV, None),
        (errno.ENOENT, None),
    ],
)
def test_only_what_the_machine_lacks_holds_up_everything(
    room: list[Room], number: int, word: str | None
) -> None:
    fault = fault_of(error_of(number), "/q")
    assert (None if fault is None else fault.word) == word


@pytest.fixture
def no_files(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No file can be opened any more by those who look."""

    def fail(*arguments: object, **options: object) -> bytes:
        raise error_of(errno.EMFILE)

    monkeypatch.setattr(FolderHandle, "read", fail)
    yield
    monkeypatch.undo()


def test_records_that_cannot_be_opened_just_now_are_not_damaged(
    tmp_path: Path, no_files: None
) -> None:
    (tmp_path / ".qm").mkdir()
    (tmp_path / ".qm" / "job.json").touch()
    with pytest.raises(OSError, match=os.strerror(errno.EMFILE)):
        read_records(str(tmp_path), "job")


def test_a_folder_of_records_that_cannot_be_opened_just_now_is_not_absent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: object) -> FolderHandle:
        raise error_of(errno.ENFILE)

    monkeypatch.setattr(FolderHandle, "sub", fail)
    with pytest.raises(OSError, match=os.strerror(errno.ENFILE)):
        read_records(str(tmp_path), "job")


def test_a_request_that_cannot_be_opened_just_now_is_not_thrown_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_request(str(tmp_path), Request("1", "hold", ("7",), "me", 100.0))
    with monkeypatch.context() as context:
        context.setattr(FolderHandle, "read", _no_more_files)
        with pytest.raises(OSError, match=os.strerror(errno.EMFILE)):
            open_requests(str(tmp_path), set(), 1.0)
    assert [request.id for request in open_requests(str(tmp_path), set(), 1.0)] == ["1"]


def _no_more_files(*arguments: object) -> bytes:
    raise error_of(errno.EMFILE)


def test_a_script_that_cannot_be_opened_just_now_is_not_started_without_its_interpreter(
    tmp_path: Path, no_files: None
) -> None:
    (tmp_path / "job.py").write_text("print(1)\n", encoding="utf-8")
    with pytest.raises(OSError, match=os.strerror(errno.EMFILE)):
        inspect.command_of(str(tmp_path), "./job.py")


def test_an_error_of_the_file_itself_is_no_passing_one() -> None:
    passing = {n for n in (errno.EMFILE, errno.ENOMEM, errno.EAGAIN) if is_passing(error_of(n))}
    assert passing == {errno.EMFILE, errno.ENOMEM, errno.EAGAIN}
    assert not any(is_passing(error_of(n)) for n in (errno.EIO, errno.EACCES, errno.ENOENT))

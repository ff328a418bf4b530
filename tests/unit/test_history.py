"""history.jsonl: one line for each ended attempt, whatever tears or fills up."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

import qm.history
from qm.history import History, read_history
from qm.model import Job, Outcome, Reason, State
from tests.fakes.jobs import a_job


def ended(job_id: int, attempt: int = 1, **changes: Any) -> Job:
    outcome = Outcome(ended="2026-01-01T00:00:05.000Z", exit_code=0, cpu_seconds=1.5)
    return a_job(job_id, attempt=attempt, state=State.FINISHED, outcome=outcome, **changes)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "history.jsonl"


def ids(path: Path) -> list[int]:
    return [line["id"] for line in read_history(str(path))]


def test_without_a_file_there_is_no_history(path: Path) -> None:
    assert ids(path) == []
    History(str(path)).sync()
    assert not path.exists()


def test_each_ended_attempt_is_one_line(path: Path) -> None:
    history = History(str(path))
    history.append([ended(1), ended(2, name="caf\udce9")])
    history.append([ended(1, attempt=2, reason=Reason("ExitCode", "3"))])
    history.sync()
    lines = list(read_history(str(path)))
    assert [(line["id"], line["attempt"]) for line in lines] == [(1, 1), (2, 1), (1, 2)]
    assert lines[1]["name"] == "caf\udce9" and lines[2]["reason"] == "ExitCode: 3"
    assert lines[0]["owner"] == "anna" and lines[0]["cpu_seconds"] == 1.5


def test_an_end_that_is_told_again_after_a_crash_is_not_written_twice(path: Path) -> None:
    History(str(path)).append([ended(1), ended(2)])
    again = History(str(path))
    again.append([ended(1), ended(2), ended(3)])
    again.append([ended(3)])
    assert ids(path) == [1, 2, 3]


def test_a_line_torn_by_a_power_cut_spoils_neither_its_neighbours_nor_the_next(
    path: Path,
) -> None:
    History(str(path)).append([ended(1), ended(2)])
    whole = path.read_bytes()
    path.write_bytes(whole[:-30])
    history = History(str(path))
    history.append([ended(2), ended(3)])
    assert ids(path) == [1, 2, 3]
    assert path.read_bytes().endswith(b"\n")


@pytest.mark.parametrize(
    "junk",
    [
        b"\xff\xfe\n",
        b"5\n",
        b'{"id": "x", "attempt": 1}\n',
        b'{"id": 1, "attempt": [1]}\n',
        b'{"id": 1}\n',
        b"[" * 100_000 + b"\n",
        b"\0" * 4096 + b"\n",
    ],
)
def test_lines_that_cannot_be_understood_are_passed_over(path: Path, junk: bytes) -> None:
    path.write_bytes(junk)
    History(str(path)).append([ended(1)])
    assert ids(path) == [1]


def test_a_full_disk_leaves_no_part_of_a_line(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    history = History(str(path))
    history.append([ended(1)])
    before = path.read_bytes()

    def half(fd: int, data: bytes) -> None:
        os.write(fd, data[: len(data) // 2])
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(qm.history, "write_all", half)
        with pytest.raises(OSError, match="No space"):
            history.append([ended(2), ended(3)])
    assert path.read_bytes() == before
    history.append([ended(2), ended(3)])
    assert ids(path) == [1, 2, 3]


def test_a_job_whose_folder_vanished_has_a_line_of_its_own_that_says_so(path: Path) -> None:
    history = History(str(path))
    history.append([ended(1)])
    history.append([ended(1)], vanished=True)
    assert [line["vanished"] for line in read_history(str(path))] == [False, True]


def test_only_the_end_of_a_long_history_is_read_at_the_start(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    History(str(path)).append([ended(number) for number in range(1, 50)])
    monkeypatch.setattr(qm.history, "_TAIL", 1000)
    History(str(path)).append([ended(49), ended(50)])
    assert ids(path) == list(range(1, 51))


def test_a_line_is_json_in_ascii(path: Path) -> None:
    History(str(path)).append([ended(1, name="é\u202e\n")])
    (line,) = path.read_bytes().splitlines()
    assert json.loads(line.decode("ascii"))["name"] == "é\u202e\n"

"""``qm logs``: which log, from where, and on over attempts and what happens to files."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from qm.cli.main import run
from qm.folders.layout import Layout
from qm.jobdir import own_folder, write_job
from qm.model import Job, JobOptions, Place
from qm.osops import identity_of
from qm.records import Claim, encode
from qm.view import find
from qm.view.earlier import earlier
from qm.view.follow import follow
from qm.view.joblog import LogReader, archived, earlier_attempts, read_end


@pytest.fixture
def layout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Layout:
    monkeypatch.delenv("QM_CONFIG", raising=False)
    made = Layout(str(tmp_path / "QM"))
    made.create()
    monkeypatch.setenv("QM_FOLDER", made.root)
    return made


@pytest.fixture
def folder(layout: Layout) -> Path:
    """A job in its second attempt."""
    made = Path(layout.path(Place.RUNNING, "a"))
    made.mkdir()
    save(made, attempt=2)
    old = made / ".qm" / "attempt-1"
    old.mkdir()
    (old / "process.log").write_bytes(b"first\n")
    (old / "exit.json").write_bytes(encode(exit_record(1, 3)))
    (made / "process.log").write_bytes(b"second\n")
    (made / "err.txt").write_bytes(b"oh\n")
    return made


def save(folder: Path, attempt: int, **options: object) -> None:
    job = Job(
        id=7,
        name=folder.name,
        identity=identity_of(str(folder)),
        options=JobOptions(script="true", stderr="err.txt", **options),  # type: ignore[arg-type]
        info_file="proc_config.cfg",
        owner="anna",
        arrival=1,
        submitted="2026-01-01T00:00:00.000Z",
        attempt=attempt,
        token="t",
    )
    with own_folder(str(folder), create=True) as own:
        write_job(own, job, Claim("boot", claimed=True))


def exit_record(attempt: int, code: int) -> dict[str, object]:
    return {
        "attempt": attempt,
        "exit_code": code,
        "signal": None,
        "reason": None,
        "started": "2026-01-01T00:00:01.000Z",
        "ended": "2026-01-01T00:00:04.500Z",
    }


def end(folder: Path, attempt: int, code: int = 0) -> None:
    with own_folder(str(folder)) as own:
        own.write("exit.json", encode(exit_record(attempt, code)))


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        (["a"], "second\n"),
        (["7", "--attempt", "1"], "first\n"),
        (["7", "--attempt", "1", "-f"], "first\n"),
        (["7", "--attempt", "2"], "second\n"),
        (["a", "--stderr"], "oh\n"),
        (["a", "-n", "0"], ""),
    ],
)
def test_the_log_that_is_asked_for_is_shown(
    folder: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], shown: str
) -> None:
    assert run(["logs", *arguments]) == 0
    assert capsys.readouterr() == (shown, "")


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["a", "--attempt", "3"], "has no attempt 3\n  It has had these: 1, 2."),
        (["a", "--stdout"], "has no file of its own for stdout"),
        (["a", "--stderr", "--attempt", "1"], "only process.log is kept"),
        (["a", "--tail", "x"], "'x' is not a number of lines"),
        ([], "Missing argument 'JOB'"),
    ],
)
def test_a_log_that_is_not_there_is_told(
    folder: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], complaint: str
) -> None:
    assert run(["logs", *arguments]) in (1, 2)
    said = capsys.readouterr()
    assert said.out == "" and complaint in said.err


@pytest.mark.parametrize("arguments", [["a", "--tail"], ["--tail", "a"], ["a", "--tail", "10"]])
def test_tail_follows_from_the_last_lines(
    folder: Path, capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    lines = [f"{number}\n" for number in range(50)]
    (folder / "process.log").write_text("".join(lines), encoding="utf-8")
    end(folder, 2)
    assert run(["logs", *arguments]) == 0
    assert capsys.readouterr().out == "".join(lines[-10:])


def test_of_a_large_log_only_the_end_is_read(layout: Layout, folder: Path) -> None:
    log = folder / "process.log"
    with log.open("wb") as file:
        file.truncate(1 << 32)
        file.seek(0, os.SEEK_END)
        file.write(b"\nlast but one\nlast\n")
    reader = LogReader(layout, find(layout, "a"))
    reader.skip_to_last(2)
    found: list[str] = []
    reader.read(found.append)
    assert "".join(found) == "last but one\nlast\n"
    assert read_end(layout, find(layout, "a"), 5) == b"last\n"


def test_a_log_that_is_cut_off_is_read_from_its_beginning(layout: Layout, folder: Path) -> None:
    log = folder / "process.log"
    reader = LogReader(layout, find(layout, "a"))
    shown: list[str] = []
    told: list[str] = []
    reader.read(shown.append, told.append)
    log.write_bytes(b"new\n")
    reader.read(shown.append, told.append)
    assert ("".join(shown), told) == (
        "second\nnew\n",
        ["job 7 (a): its log was cut off; from the beginning again"],
    )


def test_nothing_is_missed_between_two_attempts(layout: Layout, folder: Path) -> None:
    log = folder / "process.log"
    reader = LogReader(layout, find(layout, "a"))
    shown: list[str] = []
    told: list[str] = []
    reader.read(shown.append, told.append)
    with log.open("ab") as file:
        file.write(b"its last words\n")
    (folder / archived(2)).parent.mkdir()
    log.rename(folder / archived(2))
    assert not reader.read(shown.append, told.append)
    assert not reader.read(shown.append, told.append)
    log.write_bytes(b"third\n")
    assert reader.read(shown.append, told.append)
    assert "".join(shown) == "second\nits last words\nthird\n"
    assert told == ["job 7 (a): a new log begins after attempt 2"]


def test_a_character_that_is_cut_off_at_the_end_is_not_kept_back(
    layout: Layout, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "process.log").write_bytes(b"\x00\x1b end\xc3")
    run(["logs", "a"])
    assert capsys.readouterr().out == "\x00\x1b end\N{REPLACEMENT CHARACTER}"
    end(folder, 2)
    shown: list[str] = []
    follow(LogReader(layout, find(layout, "a")), shown.append, shown.append)
    assert "".join(shown).endswith("end\N{REPLACEMENT CHARACTER}")


def test_a_failure_without_a_manager_is_the_end(layout: Layout, folder: Path) -> None:
    end(folder, 2, code=1)
    shown: list[str] = []
    follow(LogReader(layout, find(layout, "a")), shown.append, shown.append)
    assert shown[0] == "second\n"


def test_earlier_attempts_tell_how_they_ended(folder: Path) -> None:
    (folder / ".qm" / "attempt-10").mkdir()
    (folder / ".qm" / "attempt-x").mkdir()
    assert earlier_attempts(str(folder)) == [1, 10]
    first, tenth = earlier(str(folder))
    assert (first["state"], first["reason"], first["exit_code"]) == ("FAILED", "ExitCode: 3", 3)
    assert (tenth["attempt"], tenth["state"]) == (10, None)
    assert earlier(None) == earlier(str(folder / "nowhere")) == []


def test_show_tells_of_earlier_attempts_and_of_what_was_set(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["show", "7"]) == 0
    said = capsys.readouterr().out
    assert "attempt 1: FAILED (ExitCode: 3) after 3 s, " in said

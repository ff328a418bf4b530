"""What a mail says."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qm.model import State
from qm.notify import Event
from qm.notify.message import body, last_lines, one_line, subject
from qm.osops.fileend import read_end
from tests.fakes.notices import a_notice


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({}, "QM: job 7 (job7) FAILED, exit code 2"),
        (
            {"state": State.FINISHED, "reason": None, "exit_code": 0},
            "QM: job 7 (job7) FINISHED",
        ),
        ({"reason": "Signal: SIGSEGV", "exit_code": None}, "QM: job 7 (job7) FAILED, SIGSEGV"),
        (
            {"state": State.KILLED, "reason": "TimeLimit: 60 s are over", "exit_code": None},
            "QM: job 7 (job7) KILLED, TimeLimit",
        ),
        (
            {"event": Event.BRAKE, "failed": (5, 6, 7), "held": (8, 9)},
            "QM: jobs like 7 (job7) keep failing, 2 on hold",
        ),
        ({"name": "a\r\nBcc: all@example.org"}, None),
        ({"name": "x" * 300}, f"QM: job 7 ({'x' * 99}…) FAILED, exit code 2"),
        ({"name": "größe"}, "QM: job 7 (größe) FAILED, exit code 2"),
    ],
)
def test_the_subject_says_which_job_ended_and_how(
    changes: dict[str, Any], text: str | None
) -> None:
    told = subject(a_notice(**changes))
    assert told == text if text else "\\r\\nBcc: all" in told


def test_the_text_says_state_reason_duration_folder_and_the_end_of_the_log(tmp_path: Path) -> None:
    (tmp_path / "process.log").write_text("".join(f"line {n}\n" for n in range(1, 31)), "utf-8")
    text = body(a_notice(attempt=2), str(tmp_path), "lab")
    assert "Job 7 (job7) has FAILED." in text
    for name, value in [
        ("State", "FAILED"),
        ("Reason", "ExitCode: 2"),
        ("Exit code", "2"),
        ("Attempt", "2"),
        ("Duration", "1 min 30 s"),
        ("Owner", "anna@example.org"),
        ("Machine", "lab"),
        ("Folder", str(tmp_path)),
    ]:
        assert f"\n{name + ':':<11}{value}\n" in text
    assert "The last 20 lines of process.log:" in text
    assert "    line 11\n" in text and "    line 30\n" in text and "line 10\n" not in text


def test_a_log_that_is_short_is_shown_whole_and_one_that_is_empty_told(tmp_path: Path) -> None:
    log = tmp_path / "process.log"
    log.write_bytes(b"all of it")
    assert "\nprocess.log:\n\n    all of it\n" in body(a_notice(), str(tmp_path), "lab")
    log.write_bytes(b"")
    assert "process.log is empty." in body(a_notice(), str(tmp_path), "lab")


def test_a_folder_or_log_that_is_gone_is_told(tmp_path: Path) -> None:
    gone = body(a_notice(), None, "lab")
    assert "it is no longer there (it was to be /queue/QM_dJobs/job7)" in gone
    assert "moved away or deleted" in gone
    assert "There is no process.log in the folder." in body(a_notice(), str(tmp_path), "lab")
    assert "There is no process.log" in body(a_notice(), str(tmp_path / "gone"), "lab")


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX: pipes, and links for everybody")
@pytest.mark.parametrize("kind", ["link", "pipe", "folder"])
def test_what_lies_under_the_name_of_the_log_is_not_followed(tmp_path: Path, kind: str) -> None:
    job = tmp_path / "job"
    job.mkdir()
    secret = tmp_path / "secret"
    secret.write_text("a secret", "utf-8")
    if kind == "link":
        (job / "process.log").symlink_to(secret)
    elif kind == "pipe" and sys.platform != "win32":
        os.mkfifo(job / "process.log")
    else:
        (job / "process.log").mkdir()
    text = body(a_notice(), str(job), "lab")
    assert "process.log cannot be read" in text
    assert "a secret" not in text


def test_the_end_of_a_large_log_is_read_and_no_more(tmp_path: Path) -> None:
    log = tmp_path / "process.log"
    with open(log, "wb") as file:
        file.truncate(1 << 40)
        file.seek(0, os.SEEK_END)
        file.write(b"\nthe end\n")
    data, whole = read_end(str(log), 1000)
    assert (len(data), whole) == (1000, False)
    assert last_lines(data, whole) == (["the end"], False)
    assert "    the end\n" in body(a_notice(), str(tmp_path), "lab")


@pytest.mark.parametrize(
    ("data", "lines"),
    [
        (b"", []),
        (b"\n\n", []),
        (b"a\r\nb\r\n", ["a", "b"]),
        (b"10 %\r50 %\r100 %\ndone\n", ["100 %", "done"]),
        (b"\x1b[1;31mred\x1b[0m\n", ["red"]),
        (b"\x1b]0;a title\x07text\n", ["text"]),
        (b"a\tb\n", ["a       b"]),
        (b"nul\0bell\x07\n", ["nul\N{REPLACEMENT CHARACTER}bell\N{REPLACEMENT CHARACTER}"]),
        (b"caf\xe9\n", ["caf\N{REPLACEMENT CHARACTER}"]),
        (b"a\n\nb\n", ["a", "", "b"]),
    ],
)
def test_the_log_is_shown_as_a_terminal_would_show_it(data: bytes, lines: list[str]) -> None:
    assert last_lines(data, whole=True) == (lines, True)


def test_the_first_line_of_a_cut_log_is_left_out_since_it_is_half_a_line() -> None:
    assert last_lines(b"alf\nwhole\n", whole=False) == (["whole"], False)
    assert last_lines(b"one endless line", whole=False) == (["one endless line"], False)


def test_a_long_line_is_cut() -> None:
    ((line,), _) = last_lines(b"x" * 10_000, whole=True)
    assert line == "x" * 500 + " …"


@given(st.binary(max_size=300), st.booleans())
def test_whatever_a_log_holds_makes_lines_that_a_mail_can_carry(data: bytes, whole: bool) -> None:
    lines, _ = last_lines(data, whole)
    assert len(lines) <= 20
    assert all(line.isprintable() and len(line) < 600 for line in lines)


@given(st.text(max_size=60))
def test_whatever_a_name_holds_becomes_one_line_that_utf_8_can_carry(name: str) -> None:
    line = one_line(name)
    assert line.isprintable()
    assert "\n" not in subject(a_notice(name=name))
    assert line.encode("utf-8").decode("utf-8") == line


def test_the_brake_says_which_jobs_failed_and_how_to_go_on() -> None:
    notice = a_notice(event=Event.BRAKE, failed=(5, 6, 7), held=tuple(range(8, 108)))
    text = body(notice, None, "lab")
    assert "qm release 8" in text
    assert "Failed:    5, 6, 7\n" in text
    assert "and 80 more\n" in text

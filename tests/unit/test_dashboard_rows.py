"""What the dashboard says of jobs, of the machine and of logs: data in, text out."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from qm.dashboard import headline
from qm.dashboard.actions import (
    HOLD,
    KILL,
    RELEASE,
    RERUN,
    RESUME,
    SUSPEND,
    Action,
    fits,
    outcome,
    question,
    refusal,
    target_of,
)
from qm.dashboard.columns import GAP, Column, fit, widths
from qm.dashboard.logtext import plain_lines
from qm.dashboard.rows import (
    RECENT_COLUMNS,
    RUNNING_COLUMNS,
    WAITING_COLUMNS,
    bar,
    clock,
    recent_rows,
    running_rows,
    size,
    waiting_rows,
)
from qm.dashboard.snapshot import Activity, Gauge, Machine, Manager, Snapshot
from qm.model import Outcome, Reason, State
from qm.progress import Progress
from qm.times import utc_text
from qm.view import Entry
from tests.fakes.served import an_entry

NOW = 1_800_000_000.0
MACHINE = Machine(Gauge(3, 8), None, 47.0, Gauge(12 << 30, 32 << 30), 1.5)
MANAGER = Manager(NOW - 60, "host here, process 4711", None)


def a_snapshot(*running: Entry, **changes: object) -> Snapshot:
    values: dict[str, object] = {
        "now": NOW,
        "root": "/data/QM",
        "exists": True,
        "manager": MANAGER,
        "machine": MACHINE,
        "running": running,
        "waiting": (),
        "more_waiting": 0,
        "recent": (),
        "activity": {},
    }
    return Snapshot(**{**values, **changes})  # type: ignore[arg-type]


def running(state: State = State.RUNNING, **options: object) -> Entry:
    started = utc_text(NOW - 100)
    return an_entry(7, name="train", state=state, started=started, options=options)


def texts(snapshot: Snapshot) -> list[str]:
    (row,) = running_rows(snapshot, snapshot.running)
    return [cell.text for cell in row.cells]


@pytest.mark.parametrize("columns", [RUNNING_COLUMNS, WAITING_COLUMNS, RECENT_COLUMNS])
@pytest.mark.parametrize("total", [77, 78, 94, 158])
def test_every_table_fills_its_width_and_fits_into_80_cells(
    columns: tuple[Column, ...], total: int
) -> None:
    assert sum(widths(columns, total)) + GAP * (len(columns) - 1) == total


@given(st.text(max_size=30), st.integers(1, 20), st.booleans())
def test_a_cell_has_exactly_its_width(text: str, width: int, right: bool) -> None:
    assert cell_len(fit(text, width, right=right)) == width


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-5, "0 s"),
        (59.9, "59 s"),
        (200, "3:20"),
        (3723, "1:02:03"),
        (86_100, "23h 55m"),
        (183_600, "2d 3h"),
        (86_400 * 99.9, "99d 21h"),
        (86_400 * 365, "365d"),
    ],
)
def test_a_duration_fits_into_its_column(seconds: float, text: str) -> None:
    assert clock(seconds) == text and len(text) <= 7


@given(st.integers(0, 1 << 60))
def test_a_size_fits_into_its_column(count: int) -> None:
    assert re.fullmatch(r"\d{1,4}[KMGTP]|\d\.\d[KMGTP]|10\.0[KMGTP]", size(count))
    assert len(size(count)) <= 5


@given(st.floats(0, 1), st.integers(1, 40))
def test_a_bar_is_full_only_when_all_is_done(fraction: float, width: int) -> None:
    drawn = bar(fraction, width)
    assert len(drawn) == width
    assert ("░" not in drawn) == (fraction == 1)


def test_a_running_job_shows_its_progress_and_what_is_left() -> None:
    activity = Activity(Progress(0.25, "25 / 100"), 391.4, 2 << 30)
    shown = texts(a_snapshot(running(nb_proc=4), activity={"7": activity}))
    assert shown[:4] == ["7", "R", "train", "██░░░░░░ 25 / 100"]
    assert shown[4:] == ["1:40", "~5:00", "4", "391 %", "2.0G"]


def test_without_progress_the_time_limit_tells_how_long_it_takes_at_most() -> None:
    assert texts(a_snapshot(running(walltime=160.0)))[3:6] == ["-", "1:40", "<1:00"]
    assert texts(a_snapshot(running()))[5] == "-"


def test_a_suspended_job_has_no_time_left() -> None:
    activity = {"7": Activity(Progress(0.5, "1 / 2"))}
    shown = texts(a_snapshot(running(State.SUSPENDED, walltime=500.0), activity=activity))
    assert (shown[1], shown[5]) == ("P", "-")


def test_a_waiting_job_shows_its_reason_in_one_line() -> None:
    entry = an_entry(3, reason=Reason("Resources", "needs 8\nprocessors"), state=State.HELD)
    (row,) = waiting_rows(a_snapshot(), [entry])
    assert row.cells[1].text == "HELD"
    assert row.cells[5].text == "-" and row.cells[6].text == "Resources: needs 8\\nprocessors"


def test_when_a_job_starts_is_told_where_it_is_known() -> None:
    soon = an_entry(3)._replace(expected_start=utc_text(NOW + 600))
    later = soon._replace(expected_start=utc_text(NOW + 200_000))
    starts = [row.cells[5].text for row in waiting_rows(a_snapshot(), [soon, later])]
    assert starts == [
        time.strftime("~%H:%M", time.localtime(NOW + 600)),
        time.strftime("~%m-%d", time.localtime(NOW + 200_000)),
    ]


def test_an_ended_job_shows_code_duration_and_end() -> None:
    ended = Outcome(utc_text(NOW - 5), utc_text(NOW - 65), 3, None, None)
    entry = an_entry(3, state=State.FAILED, outcome=ended, started=ended.started)
    (row,) = recent_rows(a_snapshot(), [entry])
    at = time.strftime("%H:%M:%S", time.localtime(NOW - 5))
    assert [cell.text for cell in row.cells[3:6]] == ["3", "1:00", at]


def test_an_old_end_is_told_by_its_day_and_a_signal_by_its_name() -> None:
    ended = Outcome(utc_text(NOW - 90_000), utc_text(NOW - 90_001), None, "SIGKILL", None)
    entry = an_entry(3, state=State.FAILED, outcome=ended, started=ended.started)
    (row,) = recent_rows(a_snapshot(), [entry])
    assert [cell.text for cell in row.cells[3:6]] == [
        "SIGKILL",
        "1 s",
        time.strftime("%m-%d", time.localtime(NOW - 90_000)),
    ]


def test_a_damaged_time_is_a_dash() -> None:
    entry = an_entry(7, state=State.RUNNING, started="yesterday")
    assert texts(a_snapshot(entry))[4] == "-"


def test_the_first_line_says_since_when_the_manager_runs() -> None:
    line = headline.standing(a_snapshot(), 80).plain
    at = time.strftime("%H:%M", time.localtime(NOW - 60))
    assert line.startswith(" QM /data/QM ") and line.rstrip().endswith(f"running since {at}")
    assert headline.notice(a_snapshot()) is None


def test_a_long_folder_is_cut_at_its_front() -> None:
    line = headline.standing(a_snapshot(root="/very/long" * 20 + "/QM"), 80).plain
    assert cell_len(line) <= 80 and "…" in line and "/QM " in line


def test_a_dead_manager_is_told_in_red_with_what_to_do() -> None:
    dead = a_snapshot(manager=None)
    assert "NOT RUNNING" in headline.standing(dead, 80).plain
    told = headline.notice(dead)
    assert told is not None and "qm serve" in told.plain and "red" in str(told.style)


def test_a_folder_that_is_not_there_is_told_with_what_to_do() -> None:
    told = headline.notice(a_snapshot(manager=None, exists=False))
    assert told is not None and "`qm init`" in told.plain


def test_what_keeps_jobs_from_starting_is_told() -> None:
    told = headline.notice(a_snapshot(manager=Manager(None, "", "Drain: nothing new is started")))
    assert told is not None
    assert told.plain == " Nothing is started: Drain: nothing new is started"


def test_the_gauges_say_what_is_in_use() -> None:
    line = headline.gauges(MACHINE).plain
    assert line == " jobs use ███░░░░░ 3/8 proc  cpu 47 %  mem ███░░░░░ 12G/32G  load 1.50"
    bare = Machine(Gauge(0, None), Gauge(1, 2), None, None, None)
    assert headline.gauges(bare).plain == " jobs use 0 proc  GPU ████░░░░ 1/2"


def test_who_has_no_jobs_learns_how_to_drop_one() -> None:
    text = headline.teaching(a_snapshot())
    assert "proc_config.cfg" in text and "/data/QM/QM_qJobs" in text and "qm submit" in text
    assert max(map(len, text.splitlines())) < 78


@pytest.mark.parametrize(
    ("action", "state", "possible"),
    [
        (KILL, State.RUNNING, True),
        (KILL, State.QUEUED, True),
        (KILL, State.FINISHED, False),
        (HOLD, State.QUEUED, True),
        (HOLD, State.RUNNING, False),
        (RELEASE, State.HELD, True),
        (RELEASE, State.QUEUED, False),
        (RERUN, State.LOST, True),
        (RERUN, State.RUNNING, False),
        (SUSPEND, State.RUNNING, True),
        (SUSPEND, State.SUSPENDED, False),
        (RESUME, State.SUSPENDED, True),
    ],
)
def test_each_action_is_for_its_states(action: Action, state: State, possible: bool) -> None:
    assert fits(action, an_entry(state=state)) is possible


def test_the_question_names_the_job_and_what_follows() -> None:
    asked = question(KILL, running(), NOW)
    assert asked.startswith("Kill job 7 (train)?")
    assert "RUNNING for 1:40; its owner is anna" in asked and "processes are ended" in asked
    assert "does not run" in question(KILL, an_entry(), NOW)


def test_a_refusal_says_what_the_action_is_for() -> None:
    assert refusal(HOLD, running()) == "Job 7 (train) is RUNNING: hold is for jobs that wait."


@pytest.mark.parametrize(
    ("action", "answer", "text", "well"),
    [
        (KILL, {"state": "KILLED"}, "Killed job 7 (job7)", True),
        (KILL, {"state": "CANCELLED"}, "Cancelled job 7 (job7)", True),
        (KILL, {"state": "FINISHED"}, "Job 7 (job7) had ended already: FINISHED", False),
        (HOLD, {}, "Held job 7 (job7)", True),
        (RERUN, {"state": "QUEUED"}, "Queued again: job 7 (job7)", True),
    ],
)
def test_an_answer_is_told_as_what_has_happened(
    action: Action, answer: dict[str, str], text: str, well: bool
) -> None:
    assert outcome(action, an_entry(), answer) == (text, well)


def test_a_job_is_asked_for_by_its_id() -> None:
    assert target_of(an_entry(12)) == "12"


@pytest.mark.parametrize(
    ("log", "lines"),
    [
        (b"", ()),
        (b"one\ntwo\n", ("one", "two")),
        (b"one\r\ntwo", ("one", "two")),
        (b" 1%\r 2%\r 3%", (" 3%",)),
        (b" 1%\r 2%\r", (" 2%",)),
        (b"\x1b[1;31mred\x1b[0m text", ("red text",)),
        (b"\x1b]0;title\x07\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", ("link",)),
        (b"\x1b[2Jgone\x1b[5A\x1bc", ("gone",)),
        (b"a\tb", ("a       b",)),
        (b"\x00\x07\x9b2J", ("··\ufffd2J",)),
        ("\u202eevil\u200b".encode(), ("·evil·",)),
        (b"\xff\xfe", ("\ufffd\ufffd",)),
    ],
)
def test_a_log_is_shown_as_lines_that_do_no_harm(log: bytes, lines: tuple[str, ...]) -> None:
    assert plain_lines(log) == lines


def test_the_first_line_of_a_cut_log_is_left_out() -> None:
    assert plain_lines(b"lf\nwhole\n", cut=True) == ("whole",)


@given(st.binary(max_size=600))
def test_no_log_can_move_the_cursor(log: bytes) -> None:
    for line in plain_lines(log):
        assert not any(ord(c) < 32 or 127 <= ord(c) < 160 for c in line)


@pytest.mark.parametrize(
    "unit", [b"\x1b[", b"\x1b]", b"x", b"\r", b"\x1b[0;", b"\t", b"\x1b", b"\n"]
)
def test_a_quarter_of_a_megabyte_of_anything_is_quickly_made_harmless(unit: bytes) -> None:
    start = time.perf_counter()
    lines = plain_lines(unit * ((1 << 18) // len(unit)))
    assert time.perf_counter() - start < 2
    assert all(len(line) <= 2001 for line in lines)

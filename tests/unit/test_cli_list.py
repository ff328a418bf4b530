"""``qm list`` and ``qstat`` as people see them, by a manager's index."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qm.cli.columns import COLUMNS, clock, table_rows
from qm.cli.fitting import cells, fit, fold, lines_of, pad, shorten, widths_of
from qm.cli.listing import BRIEF
from qm.cli.main import run
from qm.cli.output import fitted_table, plain_table
from qm.cli.pbs import letter_of, time_use
from qm.cli.span import moment_back
from qm.folders.layout import Layout
from qm.index import ArrivalRow, Index
from qm.model import Place, State
from qm.times import utc_seconds, utc_text
from qm.view.entries import entry_of
from tests.fakes.shown import NOW, a_row, managed, put

Say = Callable[..., str]


@pytest.fixture
def layout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Layout:
    for name in ("QM_CONFIG", "QM_FOLDER"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "QMserv.cfg").write_text("[QMServer]\n", encoding="utf-8")
    return Layout(str(tmp_path / "QM"))


@pytest.fixture
def index(layout: Layout) -> Iterator[Index]:
    """A failed job of last week, one that ended a minute ago, one that runs, two that wait."""
    now = time.time()
    with managed(layout) as made:
        old, new = utc_text(now - 7 * 86400), utc_text(now - 60)
        put(
            made,
            a_row(1, State.FAILED, ended=old, started=old, submitted=old, reason="ExitCode: 3"),
            a_row(2, State.FINISHED, ended=new, started=old, owner="bert"),
            a_row(3, State.RUNNING, started=new, name="fit-1", nb_proc=3),
            a_row(4, State.QUEUED, name="fit-2", priority=5),
            a_row(5, State.HELD, reason="User: held by anna", owner="bert"),
        )
        yield made


@pytest.fixture
def say(layout: Layout, index: Index, capsys: pytest.CaptureFixture[str]) -> Say:
    """Runs a command line on that folder and returns what it said."""

    def said(*arguments: str, code: int = 0, err: bool = False) -> str:
        found = run(["--folder", layout.root, *arguments])
        captured = capsys.readouterr()
        assert found == code, captured
        return captured.err if err else captured.out

    return said


def ids(text: str) -> list[int]:
    return [job["id"] for job in json.loads(text)]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], [2, 3, 4, 5]),
        (["--all"], [1, 2, 3, 4, 5]),
        (["--since", "30d"], [1, 2, 3, 4, 5]),
        (["--since", "1h"], [2, 3, 4, 5]),
        (["--since", "30d", "--until", "2d"], [1, 3, 4, 5]),
        (["--state", "running,q"], [3, 4]),
        (["--state", "F", "--state", "S", "--all"], [1, 2]),
        (["--owner", "bert"], [2, 5]),
        (["--owner", "b*", "--state", "U"], [5]),
        (["--name", "fit-?"], [3, 4]),
        (["1"], [1]),
        (["fit-*", "1"], [1, 3, 4]),
        (["QM_qJobs/fit-2"], [4]),
        (["--sort", "priority", "-r"], [4, 2, 3, 5]),
        (["--sort", "id", "-r", "--limit", "2"], [5, 4]),
        (["--limit", "0"], []),
    ],
)
def test_jobs_are_chosen_and_sorted(say: Say, arguments: list[str], expected: list[int]) -> None:
    assert ids(say("list", "--json", *arguments)) == expected


def test_me_is_the_person_who_asks(say: Say, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("qm.control.client.who_asks", lambda: "bert")
    assert ids(say("list", "--json", "--owner", "me")) == [2, 5]


def test_a_job_that_is_not_there_is_told_and_the_others_are_shown(say: Say) -> None:
    assert "no job nobody" in say("list", "nobody", "1", "--json", code=1, err=True)
    assert ids(say("list", "1", "nobody", "--json", code=1)) == [1]
    assert "no job of such a name" in say("list", "zzz*", code=1, err=True)
    assert say("list", "1", "--all", err=True) == ""


def test_columns_are_chosen_for_people_and_for_programs(say: Say) -> None:
    lines = say("list", "--columns", "id,letter,nb-proc,ended", "--sort", "id").splitlines()
    assert lines[0].split() == ["ID", "S", "NB_PROC", "ENDED"]
    assert lines[2].split() == ["3", "R", "3", "-"]
    found = json.loads(say("list", "3", "--json", "--columns", "id,time,exit_code,mem"))[0]
    assert list(found) == ["id", "time", "exit_code", "mem"]
    assert found["id"] == 3 and 59 < found["time"] < 3600
    assert "the columns are id, name, state" in say("list", "--columns", "x", code=2, err=True)


def test_every_column_can_be_shown_of_every_job(say: Say) -> None:
    everything = ",".join(COLUMNS)
    assert len(say("list", "--all", "--columns", everything).splitlines()) == 6
    assert len(json.loads(say("list", "--all", "--json", "--columns", everything))) == 5


@pytest.mark.parametrize(
    "wrong",
    [
        ("--state", "DONE"),
        ("--since", "soon"),
        ("--sort", "colour"),
        ("--limit", "-1"),
        ("--until", "yesterday-ish"),
    ],
)
def test_a_wish_that_makes_no_sense_is_told(say: Say, wrong: tuple[str, str]) -> None:
    assert wrong[1] in say("list", *wrong, code=2, err=True)


def test_an_empty_list_says_what_was_looked_for(say: Say) -> None:
    assert say("list", "--owner", "nobody", err=True).startswith("No job is like that and ended")


def test_progress_stands_where_a_waiting_job_has_its_reason(
    say: Say, layout: Layout, index: Index
) -> None:
    folder = Path(layout.path(Place.RUNNING, "fit-1"))
    folder.mkdir()
    (folder / "process.log").write_bytes(b"x" * 9000 + b"\nstep 3 / 12\n\xff")
    put(index, a_row(3, State.RUNNING, name="fit-1", inode=folder.stat().st_ino))
    assert say("list", "3").splitlines()[1].endswith("25 % (3 / 12)")
    (found,) = json.loads(say("list", "3", "--json", "--columns", "progress,reason"))
    assert found == {"progress": "25 % (3 / 12)", "reason": None}


def on_a_terminal(monkeypatch: pytest.MonkeyPatch, width: int = 80, **environment: str) -> None:
    monkeypatch.setattr("qm.cli.listing.is_terminal", lambda: True)
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)


def test_a_terminal_gets_a_short_list_that_tells_what_is_left_out(
    say: Say, layout: Layout, index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = utc_text(time.time() - 5)
    put(index, *(a_row(n, priority=n % 7, reason="X: y") for n in range(1000, 1000 + BRIEF + 50)))
    put(index, *(a_row(n, State.FINISHED, ended=ended) for n in range(10, 15 + BRIEF)))
    index.put_arrival("drop", ArrivalRow("drop", "Settling: x", utc_text(NOW)))
    index.flush()
    assert len(say("list").splitlines()) == 1 + 1 + 2 + BRIEF + 50 + 1 + BRIEF + 5 + 1
    on_a_terminal(monkeypatch)
    out = say("list")
    assert "… and 53 more wait (qm list --all)\n" in out
    assert "… and 6 more ended within 24 hours (qm list --all)\n" in out
    assert "more wait" not in say("list", "--all")
    assert "more wait" not in say("list", "--state", "Q")


def test_colours_are_for_terminals_and_only_where_nobody_forbids_them(
    say: Say, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "\x1b" not in say("list")
    with monkeypatch.context() as here:
        on_a_terminal(here, NO_COLOR="1")
        assert "\x1b" not in say("list")
    on_a_terminal(monkeypatch)
    assert "RUNNING" in click.unstyle(say("list"))


def test_a_table_fits_the_terminal_with_colours_or_without(say: Say) -> None:
    heads = ("ID", "STATE", "NAME", "REASON")
    rows = [
        ("7", "QUEUED", "a_very_long_name_of_a_job_that_ends_in_42", "Resources: needs 8 " * 4),
        ("12345", "FAILED", "\N{CJK UNIFIED IDEOGRAPH-65E5}" * 30, ""),
    ]
    lines = fitted_table(heads, rows, 60, colours=False)
    assert all(cells(line) <= 60 for line in lines)
    assert any("a_very" in line and "…" in line and "42" in line for line in lines)
    text = " ".join(lines)
    assert text.count("Resources:") == 4, "the reason is folded, not cut"
    coloured = fitted_table(heads, rows, 60, colours=True)
    assert [click.unstyle(line).rstrip() for line in coloured] == lines
    assert "\x1b[31m" in coloured[-1]
    assert plain_table(heads, rows)[1].endswith("needs 8")


TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Cf"]), max_size=60)


@given(TEXT, st.integers(1, 40))
def test_a_text_is_shortened_to_what_fits_and_keeps_both_ends(text: str, width: int) -> None:
    short = shorten(text, width)
    assert cells(short) <= max(width, 1)
    if cells(text) <= width:
        assert short == text
    elif width >= 5 and text.isascii():
        assert "…" in short and short[0] == text[0] and short[-1] == text[-1]


@given(TEXT, st.integers(2, 40))
def test_a_text_is_folded_without_losing_anything(text: str, width: int) -> None:
    lines = fold(text, width)
    assert all(cells(line) <= width for line in lines)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")


@given(st.lists(st.tuples(TEXT, TEXT, TEXT), max_size=5), st.integers(1, 200))
def test_every_line_of_a_row_is_as_wide_as_its_columns(
    rows: list[tuple[str, str, str]], width: int
) -> None:
    heads = ("ID", "NAME", "REASON")
    widths = fit(heads, widths_of(heads, rows), width, frozenset({"NAME"}))
    for row in rows:
        for line in lines_of(row, widths, (True, False, False), folded=True):
            assert [cells(cell) for cell in line] == widths


def test_a_number_is_aligned_to_the_right() -> None:
    assert (pad("7", 3, right=True), pad("a", 3)) == ("  7", "a  ")


@pytest.mark.parametrize(
    ("spent", "text"),
    [(-5, "0 s"), (7.9, "7 s"), (200, "3:20"), (3723, "1:02:03"), (183845, "2-03:04:05")],
)
def test_a_duration_is_as_short_as_it_can_be(spent: float, text: str) -> None:
    assert clock(spent) == text


@pytest.mark.parametrize(
    ("text", "back"),
    [("90m", 5400), ("2h", 7200), ("3d", 259200), ("2w", 1209600), ("30s", 30), ("1.5h", 5400)],
)
def test_a_span_is_counted_back_from_now(text: str, back: float) -> None:
    assert utc_seconds(moment_back(text, NOW)) == NOW - back


def test_a_date_is_local_unless_it_says_otherwise() -> None:
    local = time.mktime((2026, 1, 31, 8, 0, 0, 0, 0, -1))
    assert utc_seconds(moment_back("2026-01-31T08:00", NOW)) == local
    assert moment_back("2026-01-31T08:00Z", NOW) == "2026-01-31T08:00:00.000Z"
    assert utc_seconds(moment_back("2026-01-31", NOW)) == local - 8 * 3600
    assert NOW - 86400 <= utc_seconds(moment_back("today", NOW)) <= NOW


@pytest.mark.parametrize("text", ["", "soon", "7", "2x", "2026-13-01", "d", "-", "9999999d"])
def test_what_is_no_moment_is_told_with_the_forms(text: str) -> None:
    with pytest.raises(click.BadParameter, match="is not a time back from now"):
        moment_back(text, NOW)


def test_qstat_has_the_columns_and_letters_of_pbs(say: Say) -> None:
    lines = say("qstat").splitlines()
    assert lines[0].split() == "Job id Name User Time Use S Queue".split()
    assert [line.split()[-2] for line in lines[1:]] == ["R", "Q", "H"]
    assert [line.split()[0] for line in say("qstat", "-x").splitlines()[1:]] == list("2345")
    assert [line.split()[0] for line in say("qstat", "-u", "bert").splitlines()[1:]] == ["5"]
    assert [line.split()[0] for line in say("qstat", "1").splitlines()[1:]] == ["1"]
    assert "state" in say("qstat", "-f", "5") and ids(say("qstat", "--json")) == [3, 4, 5]
    assert say("qstat", "99", code=1) == ""


@pytest.mark.parametrize(
    ("state", "reason", "letter"),
    [
        (State.ARRIVING, None, "T"),
        (State.QUEUED, "Resources: x", "Q"),
        (State.QUEUED, "BeginTime: not before 8:00", "W"),
        (State.HELD, None, "H"),
        (State.RUNNING, None, "R"),
        (State.SUSPENDED, None, "S"),
        (State.FINISHED, None, "C"),
        (State.LOST, None, "C"),
    ],
)
def test_the_letters_are_those_that_people_know_from_pbs(
    state: State, reason: str | None, letter: str
) -> None:
    entry = entry_of(a_row(1, state, reason=reason), Layout("QM"))
    assert letter_of(entry) == letter


def test_time_use_is_hours_minutes_seconds() -> None:
    ran = a_row(1, State.FINISHED, started=utc_text(NOW), ended=utc_text(NOW + 3723))
    assert time_use(entry_of(ran, Layout("QM")), NOW) == "01:02:03"
    assert time_use(entry_of(a_row(1), Layout("QM")), NOW) == "0"


def test_a_cell_of_what_is_not_known_is_a_dash() -> None:
    entry = entry_of(a_row(1), Layout("QM"))
    assert table_rows([entry], NOW, ["exit_code", "ended", "mem", "progress"]) == [("-",) * 4]

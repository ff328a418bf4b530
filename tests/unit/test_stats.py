"""What the history tells: attempts, newest first, and figures for each group of jobs."""

from __future__ import annotations

import json
import math
import time
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qm.cli.main import run
from qm.times import utc_text
from qm.view.attempts import Growing, lines, newest_first
from qm.view.query import Query, matcher
from qm.view.statistics import Figures, Tally, statistics_of

NOW = 1_767_225_600.0
DAY = 86400.0


def a_line(job: int, **values: Any) -> dict[str, Any]:
    """A job that waited 10 s and ran a minute on one processor; ``values`` differ."""
    return {
        "format": 1,
        "id": job,
        "attempt": 1,
        "name": f"job{job}",
        "state": "FINISHED",
        "exit_code": 0,
        "signal": None,
        "reason": None,
        "submitted": utc_text(NOW - 10),
        "started": utc_text(NOW),
        "ended": utc_text(NOW + 60),
        "cpu_seconds": 30.0,
        "peak_memory": 0,
        "owner": "anna",
        "nb_proc": 1,
        "vanished": False,
        **values,
    }


def write(path: Path, *found: dict[str, Any] | str) -> str:
    text = "".join((one if isinstance(one, str) else json.dumps(one)) + "\n" for one in found)
    path.write_text(text, encoding="utf-8")
    return str(path)


def ids(path: str, since: str | None = None, query: Query | None = None) -> list[int | None]:
    return [entry.id for entry in newest_first(path, since, matcher(query or Query()))]


def test_a_job_is_counted_once_and_all_of_its_attempts_are_added_up() -> None:
    found = statistics_of(
        [
            a_line(1, state="FAILED", nb_proc=2, started=utc_text(NOW), ended=utc_text(NOW + 1800)),
            a_line(
                1,
                attempt=2,
                nb_proc=2,
                started=utc_text(NOW + 3600),
                ended=utc_text(NOW + 5400),
                cpu_seconds=3570.0,
            ),
        ],
        ["owner"],
    ).total
    assert (found.jobs, found.finished, found.failed) == (1, 1, 0)
    assert (found.processor_hours, found.cpu_hours) == (2.0, 1.0)
    assert (found.wait_mean, found.run_mean) == (10.0, 1800.0)


def test_a_line_that_repeats_an_attempt_whose_folder_was_taken_away_adds_nothing() -> None:
    once = statistics_of([a_line(1)], ["owner"])
    assert statistics_of([a_line(1), a_line(1, vanished=True)], ["owner"]) == once


def test_jobs_that_never_started_have_no_times_and_divide_nothing() -> None:
    never = [a_line(1, state="CANCELLED", started=None), a_line(2, state="REJECTED", started=None)]
    (group,) = statistics_of(never, ["name", "owner"]).groups[:1]
    assert (group.key, group.jobs, group.other) == (("job1", "anna"), 1, 1)
    assert (group.wait_mean, group.wait_median, group.run_mean, group.run_median) == (None,) * 4
    nothing = statistics_of([], ["owner", "month"])
    assert nothing.groups == () and nothing.total.jobs == 0


def test_means_and_medians_are_of_the_jobs_that_ran() -> None:
    spans = (10, 20, 90, 1000)
    found = statistics_of(
        [a_line(n, ended=utc_text(NOW + span)) for n, span in enumerate(spans)]
        + [a_line(9, state="LOST", started=None)],
        ["owner"],
    ).total
    assert (found.run_mean, found.run_median) == (280.0, 55.0)
    assert (found.jobs, found.lost, found.wait_median) == (5, 1, 10.0)


def test_a_clock_that_was_set_back_makes_no_negative_times() -> None:
    line = a_line(1, ended=utc_text(NOW - 100), submitted=utc_text(NOW + 50))
    found = statistics_of([line], ["owner"]).total
    assert (found.processor_hours, found.run_mean, found.wait_mean) == (0.0, 0.0, 0.0)


def test_groups_are_owners_months_and_names_in_their_order(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TZ", "UTC-2")
    if hasattr(time, "tzset"):
        time.tzset()
    try:
        found = statistics_of(
            [
                a_line(1, owner="bert"),
                a_line(2, owner=None),
                a_line(3, ended="2025-12-31T21:59:00.000Z"),
                a_line(4, ended="2025-12-31T22:01:00.000Z"),
                a_line(5, ended="2025-12-15T12:00:00.000Z"),
            ],
            ["owner", "month"],
        )
    finally:
        monkeypatch.undo()
        if hasattr(time, "tzset"):
            time.tzset()
    expected = ["- 2026-01", "anna 2025-12", "anna 2026-01", "bert 2026-01"]
    if hasattr(time, "tzset"):
        assert [" ".join(group.key) for group in found.groups] == expected
        assert [group.jobs for group in found.groups] == [1, 2, 1, 1]


ODD_LINES = st.lists(
    st.fixed_dictionaries(
        {
            "id": st.integers(1, 5),
            "attempt": st.integers(0, 3),
            "name": st.sampled_from(["a", "b"]),
            "state": st.sampled_from(["FINISHED", "FAILED", "LOST", "CANCELLED"]),
            "ended": st.sampled_from([utc_text(NOW), utc_text(NOW - 5), "soon", ""]),
        },
        optional={
            "started": st.sampled_from([utc_text(NOW), utc_text(NOW - 9), "", 7, None]),
            "submitted": st.sampled_from([utc_text(NOW), "never", None]),
            "nb_proc": st.integers(0, 9) | st.none() | st.text(max_size=2),
            "cpu_seconds": st.floats(0, 1e6) | st.none(),
            "owner": st.none() | st.text(max_size=3),
            "vanished": st.booleans(),
        },
    ),
    max_size=20,
)


@given(ODD_LINES, st.sampled_from([("owner",), ("month", "name"), ("name", "owner", "month")]))
def test_whatever_the_lines_say_the_groups_add_up(
    odd: list[dict[str, Any]], by: tuple[str, ...]
) -> None:
    found = statistics_of(odd, by)
    assert sum(group.jobs for group in found.groups) == found.total.jobs
    assert found.total.jobs == len({line["id"] for line in odd})
    for group in found.groups:
        ended = (group.finished, group.failed, group.killed, group.lost, group.other)
        assert sum(ended) == group.jobs > 0
    hours = sum(group.processor_hours for group in found.groups)
    assert math.isclose(hours, found.total.processor_hours, abs_tol=1e-9)


@given(ODD_LINES, st.integers(1, 5), st.sampled_from([("owner",), ("name", "month")]))
def test_what_is_counted_piece_by_piece_is_what_is_counted_at_once(
    odd: list[dict[str, Any]], size: int, by: tuple[str, ...]
) -> None:
    tally = Tally(by)
    for first in range(0, len(odd), size):
        tally.add(odd[first : first + size])
        tally.statistics()
    found, expected = tally.statistics(), statistics_of(odd, by)
    assert [group.key for group in found.groups] == [group.key for group in expected.groups]
    for one, other in zip(
        (*found.groups, found.total), (*expected.groups, expected.total), strict=True
    ):
        for name in Figures.__slots__[1:]:
            mine, theirs = getattr(one, name), getattr(other, name)
            assert mine == pytest.approx(theirs, abs=1e-6), name


def test_a_history_is_read_on_where_it_was_read_to(tmp_path: Path) -> None:
    path = tmp_path / "h"
    history = Growing(str(path))
    assert list(history.more()) == [] and not history.is_another()
    write(path, a_line(1), a_line(2))
    assert [line["id"] for line in history.more()] == [1, 2]
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(a_line(3)))
        file.flush()
        assert list(history.more()) == []
        file.write("\n" + json.dumps(a_line(4)) + "\n")
    assert [line["id"] for line in history.more()] == [3, 4]
    assert not history.is_another()


@pytest.mark.parametrize("how", ["shorter", "another", "gone"])
def test_a_history_that_was_replaced_is_another_one(tmp_path: Path, how: str) -> None:
    path = tmp_path / "h"
    history = Growing(write(path, a_line(1), a_line(2)))
    assert len(list(history.more())) == 2
    if how == "shorter":
        write(path, a_line(1))
    else:
        path.rename(tmp_path / "old")
        if how == "another":
            write(path, a_line(1), a_line(2), a_line(3))
    assert history.is_another()


def test_the_history_is_read_from_its_end_each_attempt_once(tmp_path: Path) -> None:
    path = write(
        tmp_path / "history.jsonl",
        a_line(1, state="FAILED"),
        a_line(2),
        a_line(1, attempt=2),
        a_line(2, vanished=True),
        '{"id": 3, "att',
        "7",
        '{"id": 4}',
        "",
        a_line(5, name='\N{LATIN SMALL LETTER U WITH DIAERESIS}\\"ended": "'),
    )
    assert ids(path) == [5, 2, 1, 1]
    assert ids(path, query=Query(targets=("job1",), states=frozenset({"FAILED"}))) == [1]
    assert [line["id"] for line in lines(path)] == [1, 2, 1, 2, 5]
    none = str(tmp_path / "none")
    assert ids(none) == []
    assert list(lines(none)) == []


@pytest.mark.parametrize("count", [0, 1, 3000])
def test_nothing_is_lost_at_the_edges_of_the_blocks_that_are_read(
    tmp_path: Path, count: int
) -> None:
    path = write(tmp_path / "h", *(a_line(n, info="x" * (n % 700)) for n in range(count)))
    assert ids(path) == list(reversed(range(count)))
    assert [line["id"] for line in lines(path)] == list(range(count))


def test_only_what_ended_since_then_is_read_also_where_ends_were_collected_late(
    tmp_path: Path,
) -> None:
    days = [utc_text(NOW + day * DAY) for day in range(10)]
    order = [0, 1, 2, 3, 7, 5, 6, 4, 8, 9]
    path = write(tmp_path / "h", *(a_line(n, ended=days[n]) for n in order))
    assert sorted(ids(path, days[5]), key=str) == [5, 6, 7, 8, 9]
    assert sorted(line["id"] for line in lines(path, days[5])) == [5, 6, 7, 8, 9]


def test_the_newest_are_found_without_reading_the_whole_history(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "h", *(a_line(n) for n in range(20_000)))
    taken = list(islice(newest_first(path, None, matcher(Query())), 3))
    assert [entry.id for entry in taken] == [19_999, 19_998, 19_997]
    read: list[bytes] = []
    monkeypatch.setattr("qm.view.attempts._read", read.append)
    assert list(islice(newest_first(path, None, matcher(Query())), 3)) == []
    every = len(read)
    read.clear()

    def reading(raw: bytes) -> object:
        read.append(raw)
        return json.loads(raw or b"null")

    monkeypatch.setattr("qm.view.attempts._read", reading)
    list(islice(newest_first(path, None, matcher(Query())), 3))
    assert len(read) <= 4 < every


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A QM_FOLDER with a history, and no configuration but that."""
    for name in ("QM_CONFIG", "QM_FOLDER"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "QMserv.cfg").write_text("[QMServer]\n", encoding="utf-8")
    own = tmp_path / "QM" / ".qm"
    own.mkdir(parents=True)
    write(
        own / "history.jsonl",
        a_line(1, state="FAILED", exit_code=3, reason="ExitCode: 3", owner="bert", nb_proc=4),
        a_line(2, name="f\x1b[2Jt", info="text"),
        a_line(3, state="KILLED", ended=utc_text(time.time() - 60), started=None),
    )
    return tmp_path / "QM"


def said(folder: Path, capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert run(["--folder", str(folder), *arguments]) == 0
    return capsys.readouterr().out


def test_history_lists_attempts_of_jobs_whose_folders_are_gone(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = said(folder, capsys, "history").splitlines()
    assert out[0].split() == "ENDED ID ATTEMPT STATE NAME NB_PROC OWNER TIME REASON".split()
    assert [line.split()[2] for line in out[1:]] == ["3", "2", "1"]
    assert "f\\x1b[2Jt" in out[2] and out[3].endswith("ExitCode: 3")
    assert len(said(folder, capsys, "history", "--limit", "1").splitlines()) == 2
    assert len(said(folder, capsys, "history", "--since", "1h").splitlines()) == 2
    assert len(said(folder, capsys, "history", "--state", "F,K").splitlines()) == 3
    (found,) = json.loads(said(folder, capsys, "history", "--owner", "bert", "--json"))
    assert (found["id"], found["exit_code"], found["attempt"]) == (1, 3, 1)
    assert said(folder, capsys, "history", "nobody") == ""


def test_stats_is_a_table_with_a_total_and_json_for_programs(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = said(folder, capsys, "stats", "--by", "owner").splitlines()
    assert [line.split()[:4] for line in out] == [
        ["OWNER", "JOBS", "FINISHED", "FAILED"],
        ["anna", "2", "1", "0"],
        ["bert", "1", "0", "1"],
        ["total", "3", "1", "1"],
    ]
    found = json.loads(said(folder, capsys, "stats", "--by", "owner,month", "--json"))
    assert found["by"] == ["owner", "month"] and found["total"]["jobs"] == 3
    assert [group["owner"] for group in found["groups"]] == ["anna", "anna", "bert"]
    assert found["groups"][-1]["processor_hours"] == pytest.approx(4 / 60)
    recent = json.loads(said(folder, capsys, "stats", "--since", "2h", "--json"))
    assert recent["total"]["jobs"] == recent["total"]["killed"] == 1


def test_an_empty_history_is_told_and_is_no_error(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / ".qm" / "history.jsonl").unlink()
    assert run(["--folder", str(folder), "stats"]) == 0
    assert run(["--folder", str(folder), "history"]) == 0
    assert capsys.readouterr().err == "Nothing has ended yet.\n" * 2
    assert json.loads(said(folder, capsys, "stats", "--json"))["groups"] == []


def test_a_group_that_does_not_exist_is_told_with_those_that_do(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["--folder", str(folder), "stats", "--by", "colour"]) == 2
    assert "'colour' is not one of owner, month, name" in capsys.readouterr().err

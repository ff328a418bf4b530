"""The page with statistics, and its CSV."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qm.times import utc_text
from qm.view.statistics import statistics_of
from tests.web.cost import cost_of
from tests.web.served import page_of_empty_queue
from web.pages.stats import FIGURES, MOST, StatisticsReader, by_of, csv_of, shown_groups
from web.problem import Problem

NOW = 1_767_225_600.0


def a_line(job: int, **values: Any) -> dict[str, Any]:
    """A job that waited 10 s and ran an hour on two processors; ``values`` differ."""
    return {
        "format": 1,
        "id": job,
        "attempt": 1,
        "name": f"job{job}",
        "state": "FINISHED",
        "submitted": utc_text(NOW - 10),
        "started": utc_text(NOW),
        "ended": utc_text(NOW + 3600),
        "cpu_seconds": 1800.0,
        "owner": "anna",
        "nb_proc": 2,
        "vanished": False,
        **values,
    }


def never_started(job: int) -> dict[str, Any]:
    return a_line(job, state="CANCELLED", started=None, cpu_seconds=None)


def write(path: Path, *found: dict[str, Any]) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.writelines(json.dumps(line) + "\n" for line in found)


def rows_of(data: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(data.decode("utf-8"), newline="")))


@pytest.mark.parametrize(
    ("text", "by"),
    [
        ("", ("owner", "month")),
        ("month,owner", ("owner", "month")),
        (" Name ", ("name",)),
        ("owner,owner", ("owner",)),
    ],
)
def test_what_groups_are_made_of_is_read_from_the_address(text: str, by: tuple[str, ...]) -> None:
    assert by_of(text) == by


def test_what_nothing_can_be_grouped_by_is_refused_with_what_can() -> None:
    with pytest.raises(Problem) as refused:
        by_of("owner,colour")
    assert refused.value.status == 400
    assert "'colour'; by owner, month, name it can" in refused.value.detail


def test_the_csv_has_hours_and_seconds_and_nothing_for_what_is_not_known() -> None:
    found = statistics_of([a_line(1), a_line(2, state="FAILED"), never_started(3)], ("owner",))
    (row,) = rows_of(csv_of(found, ("owner",)))
    assert list(row) == ["owner", *FIGURES]
    assert (row["jobs"], row["finished"], row["failed"], row["other"]) == ("3", "1", "1", "1")
    assert (row["processor_hours"], row["cpu_hours"]) == ("4.000", "1.000")
    assert (row["wait_median"], row["run_mean"]) == ("10.000", "3600.000")
    (empty,) = rows_of(csv_of(statistics_of([never_started(1)], ("name",)), ("name",)))
    assert empty["run_mean"] == empty["wait_mean"] == "" and empty["processor_hours"] == "0.000"


@given(st.text(min_size=1, max_size=20), st.text(max_size=10))
def test_no_name_becomes_a_formula_or_another_row_of_a_spreadsheet(name: str, owner: str) -> None:
    by = ("owner", "name")
    found = statistics_of([a_line(1, name=name, owner=owner)], by)
    (row,) = rows_of(csv_of(found, by))
    for cell in (row["name"], row["owner"]):
        assert cell == "-" or not cell.startswith(("=", "+", "-", "@", "\t", "\r"))
        assert "\n" not in cell
    assert row["jobs"] == "1"


def test_where_there_are_too_many_groups_those_with_most_jobs_are_shown() -> None:
    lines = [a_line(n, name=f"n{n:04}") for n in range(MOST + 50)]
    lines += [a_line(9000, name="n0549"), a_line(9001, name="n0000")]
    groups = shown_groups(statistics_of(lines, ("name",)).groups)
    keys = [group.key for group in groups]
    assert len(groups) == MOST and keys == sorted(keys)
    assert {("n0000",), ("n0549",)} <= set(keys)


class Clock:
    """A clock that stands still but for a step at each look."""

    def __init__(self, step: float) -> None:
        self.now, self.step = 0.0, step

    def __call__(self) -> float:
        self.now += self.step
        return self.now


def test_the_history_is_read_again_only_when_it_has_grown(tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    reader = StatisticsReader(str(path), clock=Clock(0))
    assert reader.read(("owner",)).statistics.total.jobs == 0
    write(path, a_line(1))
    first = reader.read(("owner",))
    assert first.statistics.total.jobs == 1
    assert reader.read(("owner",)) is first
    assert reader.read(("month",)) is not first
    write(path, a_line(2))
    assert reader.read(("owner",)).statistics.total.jobs == 2


def test_a_history_that_was_replaced_is_counted_anew(tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    reader = StatisticsReader(str(path), clock=Clock(0))
    write(path, a_line(1), a_line(2))
    assert reader.read(("owner",)).statistics.total.jobs == 2
    path.rename(tmp_path / "old")
    write(path, a_line(7))
    assert reader.read(("owner",)).statistics.total.jobs == 1
    write(path, a_line(7, attempt=2, state="FAILED"), a_line(8))
    total = reader.read(("owner",)).statistics.total
    assert (total.jobs, total.finished, total.failed) == (2, 1, 1)


def test_where_reading_takes_long_it_is_not_done_all_the_time(tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    clock = Clock(1)
    reader = StatisticsReader(str(path), clock=clock)
    write(path, a_line(1))
    reader.read(("owner",))
    write(path, a_line(2))
    second = reader.read(("owner",))
    assert second.statistics.total.jobs == 2
    write(path, a_line(3))
    assert reader.read(("owner",)) is second
    clock.now += 10
    assert reader.read(("owner",)).statistics.total.jobs == 3


def test_only_one_of_the_large_tables_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    write(path, *(a_line(n) for n in range(6000)))
    reader = StatisticsReader(str(path), clock=Clock(0))
    small, large = reader.read(("owner",)), reader.read(("name",))
    assert reader.read(("name",)) is large
    reader.read(("owner", "name"))
    assert reader.read(("owner",)) is small
    assert reader.read(("name",)) is not large


@pytest.mark.live
def test_an_empty_history_is_a_page_that_teaches_and_not_a_division_by_zero(
    tmp_path: Path,
) -> None:
    with page_of_empty_queue(tmp_path) as page:
        for way in ("", "?by=owner", "?by=month", "?by=name", "?by=owner,month,name"):
            answer = page.ask(f"/stats{way}")
            assert answer.status == 200
            assert "Nothing has ended yet." in answer.text and "<table" not in answer.text
        assert page.ask("/stats.csv").text.startswith("owner,month,jobs,")
        assert page.ask("/stats?by=colour").status == 400


@pytest.mark.live
def test_groups_are_rows_and_all_of_them_together_the_last_one(tmp_path: Path) -> None:
    with page_of_empty_queue(tmp_path) as page:
        history = page.folder / ".qm" / "history.jsonl"
        write(history, a_line(1), a_line(2, owner="<b>bert</b>", state="LOST"), never_started(3))
        answer = page.ask("/stats?by=owner")
        assert answer.status == 200
        assert "<b>bert" not in answer.text and "&lt;b&gt;bert&lt;/b&gt;" in answer.text
        foot = answer.text.partition("<tfoot>")[2]
        cells = re.findall(r'<td class="n">(.*?)</td>', foot)
        assert cells[:8] == ["3", "1", "0", "0", "1", "1", "4.0", "1.0"]
        assert cells[8:] == ["10 s", "10 s", "1 h", "1 h"]
        sent = page.ask("/stats.csv?by=owner")
        assert sent.headers["content-type"] == "text/csv; charset=utf-8"
        assert "attachment" in sent.headers["content-disposition"]
        assert len(sent.text.splitlines()) == 3
        write(history, never_started(4))
        assert page.ask("/stats?by=month").text.count("<tr>") == 2


@pytest.mark.live
@pytest.mark.slow
def test_a_hundred_thousand_lines_cost_once(tmp_path: Path) -> None:
    with page_of_empty_queue(tmp_path) as page:
        history = page.folder / ".qm" / "history.jsonl"
        write(history, *(a_line(n, owner=f"owner{n % 7}") for n in range(100_000)))
        with cost_of(page) as first:
            assert "100000" in page.ask("/stats").text
        with cost_of(page) as others:
            for _ in range(10):
                page.ask("/stats")
        assert others.cpu < first.cpu and others.read <= first.read / 5

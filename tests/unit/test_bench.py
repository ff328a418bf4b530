"""The benchmarks: their figures, tables and report; and one short drain, alive."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.ended import make_ended
from bench.idle import FULL_FROM, against
from bench.plan import plan_of
from bench.report import Section, machine_text, whole_report
from bench.series import Series, interleave, ratios, shown
from bench.syncs import count_in
from bench.tables import Table
from bench.waiting import TookTooLongError, wait_for, wait_for_each
from qm.jobdir import read_records
from qm.model import Place, State
from qm.rows import row_from_records
from qm.statefile import StateFile
from tests.fakes.running_bench import run_bench

ROOT = Path(__file__).resolve().parents[2]
samples = st.lists(st.floats(0.001, 1e6), min_size=1, max_size=50)


def series(*values: float) -> Series:
    return Series("rate", "jobs/s", values)


@given(samples)
def test_median_and_percentiles_lie_between_the_lowest_and_the_highest(values: list[float]) -> None:
    one = series(*values)
    assert one.low <= one.median <= one.high
    assert one.low <= one.percentile(50) <= one.percentile(95) <= one.percentile(100) == one.high


@given(samples, st.floats(1, 100))
def test_a_percentile_is_a_sample_that_so_many_do_not_exceed(
    values: list[float], percent: float
) -> None:
    limit = series(*values).percentile(percent)
    assert limit in values
    assert sum(value <= limit for value in values) >= len(values) * percent / 100


def test_the_95th_of_a_hundred_samples_is_the_95th() -> None:
    assert series(*range(1, 101)).percentile(95) == 95


@pytest.mark.parametrize("percent", [0, -1, 100.5])
def test_a_percentage_out_of_range_is_refused(percent: float) -> None:
    with pytest.raises(ValueError):
        series(1.0).percentile(percent)


def test_a_figure_without_samples_is_no_figure() -> None:
    with pytest.raises(ValueError):
        series()


def test_a_spread_tells_the_median_and_both_ends() -> None:
    assert series(3, 1, 2).spread() == "2.00 (1.00 to 3.00)"
    assert series(7.5).spread() == "7.50"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (0.00001, "0.0000"),
        (0.0123, "0.0123"),
        (0.12345, "0.123"),
        (1.2345, "1.23"),
        (12.345, "12.3"),
        (0.99996, "1.00"),
        (99.949, "99.9"),
        (99.96, "100"),
        (1234.5, "1,234"),
        (-12.345, "-12.3"),
    ],
)
def test_a_figure_is_shown_with_three_digits_that_count(value: float, text: str) -> None:
    assert shown(value) == text


def test_a_ratio_is_taken_round_by_round() -> None:
    assert ratios("x", [2.0, 9.0], [1.0, 3.0]).values == (2.0, 3.0)
    with pytest.raises(ValueError):
        ratios("x", [1.0], [1.0, 2.0])


def test_contenders_take_turns() -> None:
    order: list[str] = []

    def runner(name: str) -> int:
        order.append(name)
        return len(order)

    results = interleave({"a": lambda: runner("a"), "b": lambda: runner("b")}, 3)
    assert order == ["a", "b", "a", "b", "a", "b"]
    assert results == {"a": [1, 3, 5], "b": [2, 4, 6]}


def test_a_table_is_flush_left_then_flush_right() -> None:
    table = Table("Rates", ("", "jobs/s"), (("a loop", "1,000"), ("QM", "7")))
    assert table.text().splitlines() == [
        "Rates",
        "",
        "        jobs/s",
        "------  ------",
        "a loop   1,000",
        "QM           7",
    ]


def test_a_row_with_too_few_cells_is_refused() -> None:
    with pytest.raises(ValueError, match="1 cells for 2 columns"):
        Table("Rates", ("", "jobs/s"), (("a loop",),))


def test_the_report_holds_every_sample_and_survives_json() -> None:
    table = Table("Rates", ("", "jobs/s"), (("QM", "7"),))
    section = Section("drain", "What\nit is.", (table,), (series(3, 1, 2),), ("A remark.",))
    report = whole_report({"cpus": 2}, {"jobs": 30}, [section])
    again = json.loads(json.dumps(report))
    assert again["machine"] == {"cpus": 2}
    assert again["plan"] == {"jobs": 30}
    (drain,) = again["benchmarks"]
    assert drain["figures"] == [
        {
            "name": "rate",
            "unit": "jobs/s",
            "median": 2,
            "low": 1,
            "high": 3,
            "samples": [3, 1, 2],
        }
    ]
    assert drain["tables"][0]["rows"] == [["QM", "7"]]


def test_a_section_says_what_it_measures_before_its_figures() -> None:
    table = Table("Rates", ("",), (("QM",),))
    text = Section("drain", "What\nit is.", (table,), (series(1),), ("A remark.",)).text()
    positions = [text.index(part) for part in ("drain", "What it is.", "Rates", "Note: A remark.")]
    assert positions == sorted(positions)


def test_the_machine_is_told_in_lines() -> None:
    text = machine_text({"cpus": 2, "file_system": "ext4"})
    assert text.splitlines() == ["cpus         2", "file system  ext4"]


def test_the_quick_plan_is_small_and_what_is_asked_for_wins(tmp_path: Path) -> None:
    full, quick = plan_of(tmp_path), plan_of(tmp_path, quick=True)
    assert quick.jobs < full.jobs and quick.repeat < full.repeat
    assert max(quick.sizes) < max(full.sizes) and max(full.sizes) >= FULL_FROM
    assert plan_of(tmp_path, quick=True, jobs=7, repeat=2).jobs == 7
    assert plan_of(tmp_path, quick=True, jobs=7, repeat=2).repeat == 2


@pytest.mark.parametrize(("cpu", "verdict"), [(0.99, "< 1 met"), (0.9999, "< 1 MISSED")])
def test_a_target_that_is_reached_only_by_a_hair_is_missed(cpu: float, verdict: str) -> None:
    assert against(series(cpu), 1.0)[1] == verdict


def test_each_sync_in_a_trace_is_counted_once() -> None:
    trace = (
        "12 fsync(5)                          = 0\n"
        "13 fdatasync(7 <unfinished ...>\n"
        "12 +++ exited with 0 +++\n"
        "13 <... fdatasync resumed>)          = 0\n"
        '14 write(1, "fsync(5)", 8)           = 8\n'
    )
    assert count_in(trace) == 2


def test_a_fact_that_does_not_come_is_told_with_its_name() -> None:
    with pytest.raises(TookTooLongError, match="the sky falls"):
        wait_for("the sky falls", lambda: False, limit=0.02)
    with pytest.raises(TookTooLongError, match="it is there: b"):
        wait_for_each("it is there", ["a", "b"], lambda name: name == "a", limit=0.02)


def test_an_ended_job_that_was_made_reads_like_one_that_ran(tmp_path: Path) -> None:
    make_ended(tmp_path, 3)
    path = tmp_path / "QM_dJobs" / "ended000002"
    records = read_records(str(path), path.name)
    row = row_from_records(records, path.name, Place.DONE)
    assert records.is_ours and records.damaged == ()
    assert row is not None and (row.id, row.state, row.exit_code) == (2, State.FINISHED, 0)
    assert StateFile(str(tmp_path / ".qm"), "another boot", sync=False).load().next_id == 4


def test_help_tells_every_benchmark() -> None:
    done = run_bench("--help")
    assert done.returncode == 0, done.stderr
    for name in ("drain", "growth", "latency", "submit", "idle", "startup", "all"):
        assert f"\n  {name} " in done.stdout


def test_a_folder_that_is_not_there_is_refused_in_a_sentence(tmp_path: Path) -> None:
    done = run_bench("drain", "--dir", str(tmp_path / "nowhere"))
    assert done.returncode == 2
    assert "does not exist" in done.stderr and "Traceback" not in done.stderr


@pytest.mark.slow
@pytest.mark.live
@pytest.mark.skipif(shutil.which("mkfifo") is None, reason="needs mkfifo")
def test_a_quick_drain_writes_its_figures_and_leaves_nothing_behind(tmp_path: Path) -> None:
    work, file = tmp_path / "work", tmp_path / "figures.json"
    work.mkdir()
    options = ["--jobs", "12", "--no-count-syncs", "--dir", str(work), "--json", str(file)]
    done = run_bench("drain", "--quick", *options)
    assert done.returncode == 0, done.stderr
    report = json.loads(file.read_bytes())
    figures = {one["name"]: one for one in report["benchmarks"][0]["figures"]}
    assert report["plan"]["jobs"] == 12 and report["machine"]["cpus"] == os.cpu_count()
    assert len(figures["bare loop"]["samples"]) >= 5
    assert figures["QM whole, Sync = yes"]["median"] > 0
    assert "QM prepared, Sync = no" in done.stdout
    assert list(work.iterdir()) == []

"""Steady load: what counts as growth, what comes, what became of it; and a short one, alive."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.ended import make_ended
from bench.plan import plan_of
from bench.report import Section
from bench.steadyflow import HELD, KILLED, REFUSED, SHORT, Ends, ends_of, kind_of
from bench.steadyreport import Came, Watched, section_of
from bench.tidying import Tidier
from bench.trend import Tolerance, Trend, trend_of
from bench.vitals import FIGURES, Vitals
from qm.history import read_history
from qm.model import State
from tests.fakes.running_bench import run_bench

ROOT = Path(__file__).resolve().parents[2]
MEMORY, HANDLES, THREADS = (figure.tolerance for figure in FIGURES)
ALL_GOOD = Ends(good=6000, lost=0, doubled=0, wrong=0)
figures = st.lists(st.floats(0, 1e6), min_size=3, max_size=60)


@pytest.mark.parametrize(
    ("tolerance", "first", "last", "grows"),
    [
        (MEMORY, 30.0, 31.0, False),
        (MEMORY, 30.0, 31.01, True),
        (MEMORY, 100.0, 103.0, False),
        (MEMORY, 100.0, 103.1, True),
        (MEMORY, 100.0, 50.0, False),
        (HANDLES, 20.0, 22.0, False),
        (HANDLES, 20.0, 23.0, True),
        (HANDLES, 1000.0, 1003.0, True),
        (THREADS, 0.0, 2.5, True),
    ],
)
def test_growth_is_more_than_the_amount_and_more_than_the_share(
    tolerance: Tolerance, first: float, last: float, grows: bool
) -> None:
    assert Trend(first, last).grows(tolerance) is grows


def test_a_trend_is_that_of_the_lower_quartiles_of_the_first_and_the_last_third() -> None:
    assert trend_of([1, 9, 2, 50, 60, 70, 3, 0, 4]) == Trend(1, 0)
    assert trend_of([*range(9), *[0] * 9, *range(10, 19)]) == Trend(2, 12)
    assert trend_of([1, 5, 2]) == Trend(1, 2)


def test_moments_of_much_work_are_no_growth() -> None:
    """A supervisor has more files open while its job runs; a busy machine shows that more often."""
    idle, busy = [5.0], [9.0]
    assert not trend_of([*idle * 60, *(idle + busy * 2) * 10]).grows(HANDLES)
    assert trend_of([*idle * 60, *busy * 30]).grows(HANDLES)


def test_what_rises_steadily_is_growth() -> None:
    assert trend_of([30 + number * 0.02 for number in range(150)]).grows(MEMORY)


def test_what_steps_up_early_and_stays_there_is_growth() -> None:
    assert trend_of([20.0] * 60 + [23.0] * 90).grows(HANDLES)


@given(figures)
def test_the_same_samples_backwards_grow_by_as_much_as_they_fell(values: list[float]) -> None:
    assert trend_of(values[::-1]).growth == -trend_of(values).growth


def test_two_samples_have_no_thirds() -> None:
    with pytest.raises(ValueError, match="2 samples"):
        trend_of([1.0, 2.0])


def test_of_a_hundred_drops_one_is_held_one_killed_and_one_refused() -> None:
    for first in (0, 100, 1700):
        kinds = [kind_of(number) for number in range(first, first + 100)]
        assert [kinds.count(kind) for kind in (SHORT, HELD, KILLED, REFUSED)] == [97, 1, 1, 1]


def line(name: str, state: State = State.FINISHED) -> dict[str, object]:
    return {"name": name, "state": str(state)}


def test_all_is_well_where_every_drop_has_its_folder_and_one_line_with_its_end() -> None:
    expected = {"a": State.FINISHED, "b": State.KILLED}
    ends = ends_of(expected, {"a", "b"}, [line("a"), line("b", State.KILLED)])
    assert ends == Ends(good=2, lost=0, doubled=0, wrong=0)
    assert ends.broken() == ()


@pytest.mark.parametrize(
    ("there", "lines", "broken"),
    [
        ({"a"}, [line("a")], "1 jobs lost"),
        ({"a", "b"}, [line("a"), line("a"), line("b")], "1 jobs doubled"),
        ({"a", "b"}, [line("a"), line("b", State.LOST)], "1 jobs ended wrongly"),
        ({"a", "b"}, [line("a")], "1 jobs ended wrongly"),
    ],
)
def test_what_is_lost_doubled_or_ended_otherwise_is_told(
    there: set[str], lines: list[dict[str, object]], broken: str
) -> None:
    ends = ends_of({"a": State.FINISHED, "b": State.FINISHED}, there, lines)
    assert ends.broken() == (broken,)


def test_a_folder_that_was_removed_after_its_end_has_a_second_line_that_counts_for_nothing() -> (
    None
):
    lines = [line("a", State.KILLED), {**line("a"), "vanished": True}]
    assert ends_of({"a": State.KILLED}, {"a"}, lines) == Ends(good=1, lost=0, doubled=0, wrong=0)


def test_the_oldest_of_the_ended_are_removed_and_still_known_by_their_names(tmp_path: Path) -> None:
    done, lost = tmp_path / "QM_dJobs", tmp_path / "QM_lost+found"
    done.mkdir()
    for name in ("a", "b", "c"):
        (done / name / ".qm").mkdir(parents=True)
    (lost / "d").mkdir(parents=True)
    Tidier(tmp_path, 0).step()
    assert len(os.listdir(done)) == 3
    tidier = Tidier(tmp_path, 2)
    tidier.step()
    assert tidier.removed == {"a"}
    tidier.step()
    tidier.step()
    assert (os.listdir(done), os.listdir(lost)) == (["c"], ["d"])
    assert tidier.removed == {"a", "b"}
    assert tidier.names() == {"a", "b", "c", "d"}


def vitals(memory: float, *, handles: float = 20, cpu: float = 0.0, pid: int = 7) -> Vitals:
    return Vitals((memory, handles, 17), cpu, frozenset({pid}))


def watched(**last: float) -> Watched:
    """Thirty samples over 300 s, in the last twenty of which the manager is as told."""
    found = Watched(jobs=6000, seconds=300.0)
    still = vitals(60.0, pid=8)
    for number in range(30):
        manager = vitals(30.0, cpu=float(number))
        if number >= 10:
            manager = replace(
                vitals(last.get("memory", 30.0), handles=last.get("handles", 20)),
                cpu=float(number),
                pids=frozenset({int(last.get("pid", 7))}),
            )
        found.samples.append({"manager": manager, "supervisor": still, "page": still})
        found.heard.append(number)
    return found


def report(seen: Watched, minutes: float = 10.0, ends: Ends = ALL_GOOD) -> Section:
    plan = plan_of(Path("somewhere"), minutes=minutes)
    came = Came(6000, 0, ends, {"index": 600_000})
    return section_of("What it is.", plan, 20.0, seen, came)


def test_what_stays_level_is_not_missed_and_is_told_as_such() -> None:
    section = report(watched())
    assert section.missed == () and {row[-1] for row in section.tables[0].rows} == {"no"}
    counts = section.tables[2].rows
    assert ("drops that ended as they had to", "6,000 of 6,000") in counts
    assert ("index on disk, bytes a job", "100") in counts


def test_what_grows_is_missed_with_what_came_on_top_for_each_job() -> None:
    section = report(watched(memory=34.0))
    assert section.missed == ("manager: resident memory grows",)
    memory = section.tables[0].rows[0]
    # 4 MiB over two thirds of 6,000 jobs.
    assert memory[1:] == ("30.0 MiB", "34.0 MiB", "4.00 MiB", "1,049", "YES")
    assert report(watched(handles=23)).missed == ("manager: open handles grows",)


def test_a_run_of_a_minute_tells_growth_and_is_not_judged_by_it() -> None:
    section = report(watched(memory=34.0), minutes=1.0)
    assert section.missed == () and section.tables[0].rows[0][-1] == "YES"


def test_lost_jobs_are_missed_however_short_the_run_was() -> None:
    section = report(watched(), minutes=0.1, ends=Ends(5999, 1, 0, 0))
    assert section.missed == ("1 jobs lost",)
    assert "NOT as it has to be: 1 jobs lost." in section.text()


def test_a_manager_that_was_started_anew_hides_no_growth() -> None:
    assert report(watched(pid=9)).missed == ("the manager was started anew",)


def test_a_listener_that_hears_no_more_is_told() -> None:
    seen = watched()
    seen.heard[15:] = [15] * 15
    assert report(seen).missed == ("the listener heard nothing in the last third",)


def test_minutes_and_sizes_are_as_asked_and_small_in_a_quick_plan(tmp_path: Path) -> None:
    full, quick = plan_of(tmp_path), plan_of(tmp_path, quick=True)
    assert (full.minutes, full.bulk) == (10.0, 100_000)
    assert quick.minutes < 1 and quick.bulk < 1000
    asked = plan_of(tmp_path, minutes=0.5, bulk=7, repeat=2)
    assert (asked.minutes, asked.bulk, asked.bulk_restarts) == (0.5, 7, 2)


def test_ended_jobs_that_are_made_have_their_lines_in_the_history(tmp_path: Path) -> None:
    make_ended(tmp_path, 3)
    lines = list(read_history(str(tmp_path / ".qm" / "history.jsonl")))
    assert [(one["id"], one["name"], one["state"]) for one in lines] == [
        (number, f"ended{number:06}", "FINISHED") for number in (1, 2, 3)
    ]


def test_help_tells_the_long_ones_and_that_all_leaves_them_out() -> None:
    done = run_bench("--help")
    assert done.returncode == 0, done.stderr
    assert "\n  steady " in done.stdout and "\n  bulk " in done.stdout
    assert "All but bulk and steady" in done.stdout


@pytest.mark.slow
@pytest.mark.live
@pytest.mark.skipif(shutil.which("mkfifo") is None, reason="needs mkfifo")
@pytest.mark.parametrize(
    ("options", "figures"),
    [
        (
            ["steady"],
            ["manager: resident memory", "page: open handles", "supervisor: threads"],
        ),
        (
            ["bulk", "--size", "20", "--jobs", "12", "--repeat", "1"],
            ["restart without index: first job", "qm list", "20 others behind, x alone"],
        ),
    ],
    ids=["steady", "bulk"],
)
def test_a_quick_run_writes_its_figures_and_leaves_nothing_behind(
    tmp_path: Path, options: list[str], figures: list[str]
) -> None:
    work, file = tmp_path / "work", tmp_path / "figures.json"
    work.mkdir()
    done = run_bench(*options, "--quick", "--dir", str(work), "--json", str(file))
    assert done.returncode == 0, done.stdout + done.stderr
    (report,) = json.loads(file.read_bytes())["benchmarks"]
    told = {one["name"]: one for one in report["figures"]}
    assert all(told[name]["median"] >= 0 for name in figures)
    assert report["missed"] == []
    assert list(work.iterdir()) == []
    if options[0] == "steady":
        counts = dict(report["tables"][-1]["rows"])
        good, _, count = counts["drops that ended as they had to"].partition(" of ")
        assert good == count and int(good) > 0

"""How long a running job still runs: in words, and from which earlier runs."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qm.folders.layout import Layout
from qm.index import Index, row_of
from qm.model import Outcome, State
from qm.progress import Progress
from qm.times import utc_text
from tests.fakes.jobs import a_job
from web.earlier import RUNS, EarlierRuns, base_name
from web.pages.timeleft import range_text, time_left_text

HOUR = 3600.0


@pytest.mark.parametrize(
    ("low", "high", "text"),
    [
        (0, 0, "~ 5 s"),
        (20, 45, "20 – 45 s"),
        (50, 55, "~ 50 s"),
        (0, 60, "0 – 60 s"),
        (50, 120, "1 – 2 min"),
        (180, 400, "3 – 7 min"),
        (150, 270, "2.5 – 4.5 min"),
        (300, 330, "~ 5 min"),
        (1.2 * HOUR, 2.5 * HOUR, "1 – 2.5 h"),
        (4 * HOUR, 8 * HOUR, "4 – 8 h"),
        (8 * HOUR, 8.3 * HOUR, "~ 8 h 9 min"),
        (20 * HOUR, 21 * HOUR, "~ 20 h"),
        (30 * HOUR, 60 * HOUR, "1 – 2.5 d"),
        (300 * HOUR, 301 * HOUR, "~ 12 d 12 h"),
    ],
)
def test_a_range_is_told_in_one_unit_and_a_narrow_one_as_one_time(
    low: float, high: float, text: str
) -> None:
    assert range_text(low, high) == text


@settings(deadline=None)
@given(st.floats(0, 1e9), st.floats(0, 1e9))
def test_every_range_has_words_that_fit_into_its_column(one: float, other: float) -> None:
    text = range_text(min(one, other), max(one, other))
    assert len(text) <= 18 and text[0] in "~0123456789"


@pytest.mark.parametrize(
    ("progress", "earlier", "walltime", "text", "title"),
    [
        (Progress(0.5, "2 / 4"), (), None, "1.5 – 5 min", "by its progress so far"),
        (Progress(0.5, "50 / 100"), (), None, "~ 5 min", "by its progress so far"),
        (None, (600, 660, 900), None, "6 – 8 min", "by 3 earlier runs"),
        (None, (900,), None, "~ 10 min", "by 1 earlier run"),
        (
            Progress(0.5, "50 / 100"),
            (1200, 1200, 1200),
            None,
            "5 – 10 min",
            "by its progress so far and 3 earlier runs",
        ),
        (None, (), 600.0, "< 5 min", "by its time limit"),
        (None, (900, 1000), 360.0, "< 1 min", "by its time limit; by 2 earlier runs"),
        (Progress(0.5, "2 / 4"), (), 450.0, "1.5 – 2.5 min", "by its progress so far"),
        (None, (), None, "", "unknown: its log tells no progress, and it has no time limit"),
        (None, (100, 200), None, "", "unknown: it runs longer than it usually does"),
    ],
)
def test_the_time_left_says_by_what_it_is_known(
    progress: Progress | None,
    earlier: tuple[float, ...],
    walltime: float | None,
    text: str,
    title: str,
) -> None:
    found = time_left_text(300.0, progress, earlier, walltime)
    assert found[0] == text and found[1].startswith(title)


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    layout = Layout(str(tmp_path))
    layout.create()
    return layout


@pytest.fixture
def index(layout: Layout) -> Iterator[Index]:
    index = Index(layout.index_file)
    assert index.open()
    yield index
    index.close()


def put(index: Index, job_id: int, name: str, took: float, state: State = State.FINISHED) -> None:
    start, end = 1e9 + job_id, 1e9 + job_id + took
    outcome = Outcome(utc_text(end), started=utc_text(start), exit_code=0)
    index.put(
        row_of(a_job(job_id, name=name, state=state, started=outcome.started, outcome=outcome))
    )


def test_only_the_last_runs_of_that_name_that_ended_well_count(
    layout: Layout, index: Index
) -> None:
    for number in range(1, 20):
        put(index, number, "train", number)
    put(index, 30, "train", 5000, State.FAILED)
    put(index, 31, "other", 7)
    for name in ("train.old", "train.1.5", "trainer", "train.02", "train.2x"):
        put(index, 40 + len(name), name, 8000)
    index.put(row_of(a_job(32, name="train")))
    index.flush()
    found = EarlierRuns(layout).durations(["train", "other", "unknown"])
    assert found["train"] == pytest.approx([*range(19, 19 - RUNS, -1)])
    assert found["other"] == pytest.approx([7]) and "unknown" not in found


@pytest.mark.parametrize(
    ("name", "base"),
    [
        *(("train", "train"), ("train.2", "train"), ("train.19", "train"), ("a.2.3", "a.2")),
        *(("train.1", "train.1"), ("train.02", "train.02"), (".2", ".2"), ("v1.2b", "v1.2b")),
    ],
)
def test_the_number_that_qm_appends_to_a_name_is_known(name: str, base: str) -> None:
    assert base_name(name) == base


def test_runs_that_got_a_number_behind_their_name_are_runs_of_it(
    layout: Layout, index: Index
) -> None:
    for number, name in enumerate(("train", "train.2", "train.10"), 1):
        put(index, number, name, 10.0 * number)
    index.flush()
    runs = EarlierRuns(layout)
    for name in ("train", "train.2", "train.77"):
        assert runs.durations([name])[name] == pytest.approx((30, 20, 10))
        assert [row.id for row in runs.runs(name)] == [3, 2, 1]
    assert runs.runs("trai") == ()


def test_what_took_long_to_read_is_remembered_for_a_while(layout: Layout, index: Index) -> None:
    clock = itertools.count(0.0, 1.0)
    runs = EarlierRuns(layout, lambda: next(clock))
    assert runs.durations(["train"]) == {}
    put(index, 1, "train", 12)
    index.flush()
    assert runs.durations(["train"]) == {}
    for _ in range(30):
        next(clock)
    assert runs.durations(["train"])["train"] == pytest.approx((12.0,))


def test_without_an_index_nothing_is_known_and_it_is_asked_again(layout: Layout) -> None:
    runs = EarlierRuns(layout, lambda: 0.0)
    assert runs.durations(["train"]) == {}
    index = Index(layout.index_file)
    assert index.open()
    put(index, 1, "train", 12)
    index.flush()
    index.close()
    assert "train" in runs.durations(["train"])

"""The timeline: lanes and bars, the plots' geometry, spans of time, and the page itself."""

from __future__ import annotations

import itertools
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.filled import filled
from qm.index import Index, reading
from qm.model import State
from qm.times import utc_text
from tests.web.cost import cost_of
from tests.web.served import Served, free_port, page_of_empty_queue, served, write_config
from web.plots import MOST_TICKS, POINTS, TALL, lanes_plot, round_up, series_plot, ticks
from web.timeline import Bar, busy_part, in_use, lanes_of, within
from web.window import LONGEST, SHORTEST, window_of

NOW = 1_800_000_000.0


def bar(number: int, start: float, end: float, processors: int = 1) -> Bar:
    return Bar(number, f"job{number}", State.FINISHED, start, end, processors)


moments = st.integers(0, 60).map(lambda n: NOW + n)
bars = st.lists(st.tuples(moments, moments), max_size=40).map(
    lambda pairs: [bar(n, min(pair), max(pair)) for n, pair in enumerate(pairs, 1)]
)


@settings(deadline=None)
@given(bars)
def test_no_two_bars_of_a_lane_overlap_and_each_bar_is_in_one_lane(found: list[Bar]) -> None:
    lanes = lanes_of(found)
    for lane in lanes:
        assert all(one.until <= other.start for one, other in itertools.pairwise(lane))
    assert sorted(one.id for lane in lanes for one in lane) == [one.id for one in found]


@settings(deadline=None)
@given(bars)
def test_there_are_only_as_many_lanes_as_jobs_ran_at_once(found: list[Bar]) -> None:
    at_once = [sum(o.start <= one.start < o.until for o in found) for one in found]
    assert len(lanes_of(found)) == max(at_once, default=0)


def test_a_job_that_starts_as_another_ends_takes_its_lane() -> None:
    lanes = lanes_of([bar(2, NOW + 5, NOW + 9), bar(1, NOW, NOW + 5), bar(3, NOW + 6, NOW + 7)])
    assert [[one.id for one in lane] for lane in lanes] == [[1, 2], [3]]


def test_jobs_without_length_do_not_hide_each_other() -> None:
    assert len(lanes_of([bar(1, NOW, NOW), bar(2, NOW, NOW)])) == 2


def test_bars_outside_of_the_span_are_left_out() -> None:
    found = [bar(1, NOW - 9, NOW), bar(2, NOW - 9, NOW + 1), bar(3, NOW + 9, NOW + 10)]
    assert [one.id for one in within(found, NOW + 0.5, NOW + 5)] == [2]


@settings(deadline=None)
@given(bars)
def test_processors_in_use_are_never_negative_and_end_at_none(found: list[Bar]) -> None:
    use = in_use(found)
    assert all(number >= 0 for _, number in use)
    assert not found or use[-1][1] == 0
    assert [moment for moment, _ in use] == sorted({moment for moment, _ in use})


@settings(deadline=None)
@given(bars, moments, moments)
def test_the_busy_part_is_a_part(found: list[Bar], first: float, last: float) -> None:
    assert 0 <= busy_part(found, first, last) <= 1


def test_the_busy_part_counts_time_once() -> None:
    found = [bar(1, NOW, NOW + 4), bar(2, NOW + 2, NOW + 6), bar(3, NOW + 8, NOW + 20)]
    assert busy_part(found, NOW, NOW + 10) == pytest.approx(0.8)


@settings(deadline=None)
@given(bars, moments, moments)
def test_all_bars_lie_inside_of_the_plot(found: list[Bar], first: float, last: float) -> None:
    plot = lanes_plot(lanes_of(found), first, last)
    for one in plot.bars:
        left, width = float(one.x[:-1]), float(one.width[:-1])
        assert 0 <= left <= 100 and width >= 0 and left + width <= 100.002
        assert one.y >= 0 and one.y + one.height <= plot.height


samples = st.lists(
    st.tuples(moments, st.none() | st.floats(0, 1e12, allow_nan=False)), max_size=60
).map(lambda found: sorted(found, key=lambda sample: sample[0]))


@settings(deadline=None)
@given(samples, moments, moments, st.booleans())
def test_all_points_of_a_line_lie_inside_of_the_plot(
    found: list[tuple[float, float | None]], first: float, last: float, steps: bool
) -> None:
    plot = series_plot(found, first, last, steps=steps)
    assert len(plot.lines) == len(plot.areas)
    for line in (*plot.lines, *plot.areas):
        for point in line.split():
            x, y = map(float, point.split(","))
            assert 0 <= x <= 1000 and 0 <= y <= TALL


def test_a_long_line_is_thinned_and_keeps_its_peak() -> None:
    found = [(NOW + n, 7.0 if n == 12_345 else 1.0) for n in range(50_000)]
    (line,) = series_plot(found, NOW, NOW + 50_000, top=7).lines
    points = [point.split(",")[1] for point in line.split()]
    assert len(points) <= POINTS + 2 and "0.0" in points


def test_a_line_breaks_where_nothing_is_known() -> None:
    found = [(NOW, 1.0), (NOW + 1, None), (NOW + 2, 2.0)]
    assert len(series_plot(found, NOW, NOW + 3).lines) == 2


def test_steps_hold_their_value_until_the_next_one() -> None:
    plot = series_plot([(NOW, 2.0), (NOW + 5, 0.0)], NOW, NOW + 10, top=2, steps=True)
    assert plot.lines == ("0.0,0.0 500.0,0.0 500.0,100.0 1000.0,100.0",)


@settings(deadline=None)
@given(st.floats(1.0, 4e8))
def test_there_are_some_ticks_but_not_too_many(length: float) -> None:
    found = ticks(NOW, NOW + length)
    assert len(found) <= MOST_TICKS
    assert length < 180 or found
    across = [float(tick.x[:-1]) for tick in found]
    assert across == sorted(across) and all(0 <= x <= 100 for x in across)


@pytest.mark.parametrize(
    ("value", "edge"), [(0, 1), (5e-324, 1), (0.3, 0.5), (1, 1), (3, 5), (7, 10), (120, 200)]
)
def test_upper_edges_are_round(value: float, edge: float) -> None:
    assert round_up(value) == pytest.approx(edge)


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from(["last", "from", "to"]), st.text(max_size=30)))
def test_any_span_that_is_asked_for_can_be_shown(given_: dict[str, str]) -> None:
    window = window_of(given_, NOW)
    assert SHORTEST <= window.length <= LONGEST
    assert window.moved(-1).address("timeline").startswith("/timeline?from=")


@pytest.mark.parametrize(
    ("given_", "length", "sentence"),
    [
        ({}, 86400, ""),
        ({"last": "2h"}, 7200, ""),
        ({"last": "a year"}, 86400, ""),
        ({"from": "2027-01-01T00:00Z", "to": "2027-01-03T00:00Z"}, 2 * 86400, ""),
        ({"from": "soon"}, 86400, "“soon” is no time"),
        ({"from": "2027-01-03T00:00Z", "to": "2027-01-01T00:00Z"}, 86400, "before it begins"),
        ({"from": "1999-01-03T00:00Z", "to": "2027-01-01T00:00Z"}, LONGEST, "At most a year"),
        ({"from": "0001-01-01", "to": "9999-12-31"}, 86400, "is no time"),
    ],
)
def test_a_span_is_what_was_asked_for_or_says_why_not(
    given_: dict[str, str], length: float, sentence: str
) -> None:
    window = window_of(given_, NOW)
    assert window.length == pytest.approx(length)
    assert sentence in window.wrong and bool(sentence) is bool(window.wrong)


@contextmanager
def page_of(base: Path, ended: int, days: float) -> Iterator[tuple[Served, Index]]:
    """The page of an index with two running jobs and ``ended`` others."""
    with filled(base / "QM", 3, ended, days) as (layout, index):
        port = free_port()
        config = write_config(base / "QMserv.cfg", Path(layout.root), port)
        with served(Path(layout.root), config, port) as page:
            yield page, index


@pytest.mark.live
def test_without_jobs_the_page_teaches(tmp_path: Path) -> None:
    with page_of_empty_queue(tmp_path) as page:
        text = page.ask("/timeline").text
        assert "Nothing ran from" in text and 'href="/help"' in text
        assert "<figure" not in text and "Traceback" not in text
        last = page.ask("/timeline?last=7d").text
        assert 'href="/timeline?last=7d" aria-current="page"' in last
        assert "is no time" in page.ask("/timeline?from=%3Cscript%3E").text


@pytest.mark.live
def test_bars_link_to_their_jobs_and_stand_in_the_table_as_well(tmp_path: Path) -> None:
    with page_of(tmp_path, ended=20, days=0.5) as (page, _):
        text = page.ask("/timeline").text
        assert "22 jobs ran" in text
        for job in range(1, 23):
            assert text.count(f'href="/job/{job}"') == 2, job
        assert "job 20 (simulation_000020): failed" in text
        assert "2 running" in text and "2 failed" in text
        assert not re.search(r"\sstyle=|<style|<script(?! src=)", text)


@pytest.mark.live
def test_a_span_that_was_given_shows_what_ran_then(tmp_path: Path) -> None:
    with page_of(tmp_path, ended=10, days=10) as (page, _):
        now = time.time()
        first, last = utc_text(now - 2.5 * 86400), utc_text(now - 1.5 * 86400)
        text = page.ask(f"/timeline?from={first}&to={last}").text
        assert "1 job ran, at most 1 at once" in text and "simulation_000008" in text


@pytest.mark.live
def test_more_bars_than_can_be_drawn_are_counted(tmp_path: Path) -> None:
    with page_of(tmp_path, ended=2500, days=1) as (page, _):
        with cost_of(page) as cost:
            text = page.ask("/timeline?last=7d").text
        assert cost.cpu < 3
        assert "the last 2000 jobs, 502 are left out" in text
        assert text.count('<a class="bar') == 2000


@pytest.mark.live
def test_a_name_with_markup_is_only_a_name_in_the_picture(tmp_path: Path) -> None:
    with page_of(tmp_path, ended=3, days=0.1) as (page, index):
        with reading(str(page.folder / ".qm" / "index.sqlite3")) as reader:
            (row,) = reader.rows("id=2")
        index.put(row._replace(name="</title><script>x()</script>", owner="<b>"))
        index.flush()
        text = page.ask("/timeline").text
        assert "<script>" not in text and "&lt;script&gt;x()" in text and "<b>" not in text

"""What a log tells of a job's progress, and what only looks like it."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qm.progress import READ, Estimate, Progress, estimate, read_progress, time_left


@pytest.mark.parametrize(
    ("log", "fraction", "text"),
    [
        ("13 / 100\n", 0.13, "13 / 100"),
        ("processing 197 / 320\nwarning: row 44\n", 197 / 320, "197 / 320"),
        ("1 / 4\n2 / 4\n3 / 4", 0.75, "3 / 4"),
        ("step 3/10\n", 0.3, "3 / 10"),
        ("[ 7/28] Building a.o\n", 0.25, "7 / 28"),
        ("(3/4)", 0.75, "3 / 4"),
        ("2 of 50 files", 0.04, "2 / 50"),
        ("read 1,000 / 4,000 rows", 0.25, "1000 / 4000"),
        ("45 %\n", 0.45, "45 %"),
        ("[ 45%] Building CXX object", 0.45, "45 %"),
        ("done: 99.5%", 0.995, "99.5 %"),
        ("100%", 1.0, "100 %"),
        (" 10%|#    | 10/100\r 45%|##   | 45/100 [00:10<00:12, 4.2it/s]", 0.45, "45 / 100"),
        ("\x1b[32m 7 / 10\x1b[0m\r\n", 0.7, "7 / 10"),
        ("5 / 5", 1.0, "5 / 5"),
        ("0 / 5", 0.0, "0 / 5"),
        ("3 / 10.", 0.3, "3 / 10"),
    ],
)
def test_what_programs_print_of_their_progress_is_understood(
    log: str, fraction: float, text: str
) -> None:
    found = read_progress(log)
    assert found is not None
    assert found.fraction == pytest.approx(fraction) and found.text == text
    assert read_progress(log.encode()) == found


@pytest.mark.parametrize(
    "log",
    [
        "",
        "nothing to see",
        "it is 2026/11/21",
        "21/11/2026 14:00",
        "reading data/12/34.csv",
        "/mnt/3/10",
        "3/10.txt",
        "open 24/7",
        "7 / 0",
        "network 192.168.1.0/24",
        "12:30/45",
        "python-3/11",
        "v1.2/3",
        "120 %",
        "printf 10%d",
        "ratio 3.5/10",
        "accuracy: 93 %",
        "val_acc=97.1%",
        "cpu 50%",
        "1,23 / 4,5678",
    ],
)
def test_dates_paths_versions_and_measures_are_no_progress(log: str) -> None:
    assert read_progress(log) is None


def test_of_one_line_the_counter_is_told_rather_than_the_percentage() -> None:
    assert read_progress("13 / 100 (rate of success 99 %)") == Progress(0.13, "13 / 100")


def test_counted_epochs_go_before_what_is_counted_within_them() -> None:
    log = "Epoch 2/50\n 1/30 loss 0.5\n 29/30 loss 0.4\n"
    assert read_progress(log) == Progress(0.04, "2 / 50")
    assert read_progress("epoch: 3/4 batch 9/10") == Progress(0.75, "3 / 4")


def test_the_first_line_of_a_log_that_was_cut_is_not_believed() -> None:
    line = "12 / 100"
    whole = line + "x" * (READ - len(line))
    assert read_progress(whole) is None
    assert read_progress("1" + whole + "\n 5 / 10") == Progress(0.5, "5 / 10")


def test_only_the_end_of_a_log_counts() -> None:
    assert read_progress(b"1 / 2\n" + b"x\n" * READ) is None


@given(st.one_of(st.binary(max_size=400), st.text(max_size=400)))
def test_whatever_a_job_prints_is_no_error(log: bytes | str) -> None:
    found = read_progress(log)
    assert found is None or 0 <= found.fraction <= 1


@given(st.text(alphabet="0123456789/ %,.\r\nofepch:-", max_size=200))
def test_what_is_told_is_a_share(log: str) -> None:
    found = read_progress(log)
    assert found is None or (0 <= found.fraction <= 1 and "\n" not in found.text)


@given(st.integers(0, 10**9), st.integers(1, 10**9))
def test_every_counter_comes_back_as_it_was_printed(done: int, total: int) -> None:
    found = read_progress(f"doing {done} / {total}\n")
    if done > total:
        assert found is None
    else:
        assert found == Progress(done / total, f"{done} / {total}")


@pytest.mark.parametrize(
    "unit",
    [b"/", b"1/", b"1 ", b" ", b"1,111", b"9", b"1 of ", b"epoch ", b"9.9%", b"\x1b[", b"\r", b"%"],
)
def test_a_megabyte_of_anything_takes_no_time(unit: bytes) -> None:
    log = unit * ((1 << 20) // len(unit))
    start = time.perf_counter()
    read_progress(log)
    assert time.perf_counter() - start < 0.5


@pytest.mark.parametrize(
    ("fraction", "elapsed", "left"),
    [
        (0.5, 10.0, 10.0),
        (0.25, 60.0, 180.0),
        (1.0, 10.0, 0.0),
        (0.0, 10.0, None),
        (0.01, 10.0, None),
        (0.01, 100.0, 9900.0),
        (0.5, 0.0, None),
        (0.5, -3.0, None),
        (float("nan"), 1.0, None),
        (0.5, float("inf"), None),
    ],
)
def test_the_time_left_follows_from_the_rate_so_far(
    fraction: float, elapsed: float, left: float | None
) -> None:
    assert time_left(fraction, elapsed) == (None if left is None else pytest.approx(left))


@given(st.floats(), st.floats())
def test_the_time_left_is_never_negative(fraction: float, elapsed: float) -> None:
    left = time_left(fraction, elapsed)
    assert left is None or 0 <= left < float("inf")


@pytest.mark.parametrize(
    ("text", "step"),
    [("1 / 4", 0.25), ("45 / 1000", 0.001), ("45 %", 0.01), ("99.5 %", 0.001), ("1.25 %", 0.0001)],
)
def test_what_a_job_may_have_done_since_its_last_word(text: str, step: float) -> None:
    assert Progress(0.5, text).step == pytest.approx(step)


@pytest.mark.parametrize("log", ["3 / 9", "12,000 / 40,000", "7%", "0.05 %", "Epoch 1/3"])
def test_each_progress_that_is_read_has_a_step(log: str) -> None:
    found = read_progress(log)
    assert found is not None and 0 < found.step <= 1


@pytest.mark.parametrize(
    ("elapsed", "progress", "earlier", "expected"),
    [
        # Two of four epochs: the third may be all but done.
        (60, Progress(0.5, "2 / 4"), (), Estimate(20, 60, True, 0)),
        (60, Progress(1.0, "4 / 4"), (), Estimate(0, 0, True, 0)),
        (10, Progress(0.01, "1 %"), (), None),
        (10, Progress(0.0, "0 / 4"), (), None),
        (10, None, (), None),
        # One run is a point, two are a range, of more the middle half counts.
        (10, None, (70,), Estimate(60, 60, False, 1)),
        (10, None, (70, 50), Estimate(40, 60, False, 2)),
        (0, None, (10, 20, 30, 40, 1000), Estimate(20, 40, False, 5)),
        # Of those that took longer than it has by now.
        (25, None, (10, 20, 30, 40, 1000), Estimate(10, 495, False, 5)),
        (50, None, (10, 20, 30, 40, 1000), None),
        (70, None, (70, 50), None),
        (10, None, (float("nan"), float("inf"), -5.0), None),
    ],
)
def test_how_long_a_job_still_runs_is_told_where_it_can_be_known(
    elapsed: float,
    progress: Progress | None,
    earlier: tuple[float, ...],
    expected: Estimate | None,
) -> None:
    assert estimate(elapsed, progress, earlier) == expected


def test_progress_and_earlier_runs_that_disagree_are_both_within_the_range() -> None:
    early = estimate(100, Progress(0.1, "10 / 100"), (200, 200, 200))
    assert early is not None and early.runs == 3 and early.by_progress
    assert early.low == pytest.approx(100, rel=0.8) and early.high == pytest.approx(900)
    late = estimate(900, Progress(0.9, "90 / 100"), (2000, 2000, 2000))
    assert late is not None
    assert late.low == pytest.approx(900 * 0.09 / 0.91) and late.high == pytest.approx(200)


DURATIONS = st.floats(0.1, 1e7)


@settings(deadline=None)
@given(
    DURATIONS,
    st.none() | st.integers(0, 100).map(lambda n: Progress(n / 100, f"{n} / 100")),
    st.lists(st.floats(allow_nan=True) | DURATIONS, max_size=12),
)
def test_an_estimate_is_a_range_of_times_to_come(
    elapsed: float, progress: Progress | None, earlier: list[float]
) -> None:
    found = estimate(elapsed, progress, earlier)
    if found is not None:
        assert 0 <= found.low <= found.high < float("inf")
        assert found.by_progress or found.runs


@settings(deadline=None)
@given(DURATIONS, st.lists(DURATIONS, min_size=1, max_size=12))
def test_a_job_that_is_done_has_nothing_left_whatever_others_took(
    elapsed: float, earlier: list[float]
) -> None:
    found = estimate(elapsed, Progress(1.0, "7 / 7"), earlier)
    assert found is not None and (found.low, found.high) == (0, 0)

"""The table of what a job used: what is kept when it is thinned, and what is not believed."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qm.usagefile import LIMIT, MOST, Sample, decode_usage, encode_usage, halved, totals_of

V1 = Path(__file__).parents[1] / "data" / "records" / "v1" / "usage.csv"
HEAD = b"seconds,cores,bytes,processes\n"

STRETCHES = st.lists(
    st.tuples(
        st.integers(1, 100_000),
        st.floats(0, 512),
        st.integers(0, 1 << 50),
        st.integers(0, 5000),
    ),
    max_size=60,
)


def samples_of(stretches: list[tuple[int, float, int, int]]) -> list[Sample]:
    ends = itertools.accumulate(length for length, *_ in stretches)
    return [
        Sample(end, cores, memory, processes)
        for end, (_, cores, memory, processes) in zip(ends, stretches, strict=True)
    ]


def cpu_seconds(samples: list[Sample]) -> float:
    begins = [0.0, *(sample.seconds for sample in samples)]
    return sum(s.cores * (s.seconds - b) for s, b in zip(samples, begins, strict=False))


@settings(deadline=None)
@given(STRETCHES)
def test_thinning_keeps_the_time_the_processor_time_and_the_peaks(
    stretches: list[tuple[int, float, int, int]],
) -> None:
    samples = samples_of(stretches)
    thinned = halved(samples)
    assert len(thinned) == (len(samples) + 1) // 2
    assert cpu_seconds(thinned) == pytest.approx(cpu_seconds(samples))
    for column in ("memory", "processes"):
        before = [getattr(sample, column) for sample in samples]
        assert max((getattr(s, column) for s in thinned), default=0) == max(before, default=0)
    ends = [sample.seconds for sample in thinned]
    assert ends == sorted(set(ends)) and ends[-1:] == [s.seconds for s in samples][-1:]


@settings(deadline=None)
@given(STRETCHES)
def test_what_is_written_is_read_again(stretches: list[tuple[int, float, int, int]]) -> None:
    samples = samples_of(stretches)
    read = decode_usage(encode_usage(samples))
    assert [(s.memory, s.processes) for s in read] == [(s.memory, s.processes) for s in samples]
    assert [s.seconds for s in read] == [s.seconds for s in samples]
    assert [s.cores for s in read] == pytest.approx([s.cores for s in samples], abs=0.001)


def test_a_full_table_of_a_large_job_is_within_the_limit() -> None:
    many = [Sample(1e8 + 1e6 * n, 999_999.123, 1 << 60, 99_999_999) for n in range(MOST)]
    assert len(encode_usage(many)) < LIMIT


@settings(deadline=None)
@given(STRETCHES)
def test_the_means_lie_between_the_lowest_and_the_highest(
    stretches: list[tuple[int, float, int, int]],
) -> None:
    samples = samples_of(stretches)
    totals = totals_of(samples)
    if totals is None:
        assert not samples
        return
    cores = [sample.cores for sample in samples]
    assert min(cores) * 0.999 <= totals.mean_cores <= totals.peak_cores * 1.001
    assert totals.peak_cores == max(cores)
    assert totals.mean_memory <= totals.peak_memory == max(s.memory for s in samples)


def test_a_mean_is_one_over_the_time_and_not_over_the_lines() -> None:
    totals = totals_of([Sample(1, 4.0, 100, 1), Sample(10, 0.0, 300, 2)])
    assert totals == (0.4, 4.0, 280, 300, 2)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\n",
        HEAD[:-1],
        HEAD + b"1.0,0.5,100,1",
        HEAD + b"1.0,0.5,100\n",
        HEAD + b"1.0,0.5,100,1,1\n",
        HEAD + b"2.0,0.5,100,1\n1.0,0.5,100,1\n",
        HEAD + b"1.0,0.5,100,1\n1.0,0.5,100,1\n",
        HEAD + b"0.0,0.5,100,1\n",
        HEAD + b"-1.0,0.5,100,1\n",
        HEAD + b"nan,0.5,100,1\n",
        HEAD + b"inf,0.5,100,1\n",
        HEAD + b"1e300,0.5,100,1\n",
        HEAD + b"1.0,nan,100,1\n",
        HEAD + b"1.0,-0.5,100,1\n",
        HEAD + b"1.0,inf,100,1\n",
        HEAD + b"1.0,0.5,-100,1\n",
        HEAD + b"1.0,0.5,1e3,1\n",
        HEAD + b"1.0,0.5,%d,1\n" % (1 << 63),
        HEAD + b"1.0,0.5,%s,1\n" % (b"9" * 5000),
        HEAD + b"1.0,0.5,100,9999999999\n",
        HEAD + b"1.0,0.5,100,1\r\n",
        HEAD + b"<img src=x>,0.5,100,1\n",
        HEAD + "1.0,0.5,٣,1\n".encode(),
        HEAD + b"\n",
        b"\xff\xfe" + HEAD,
        b"\0" * 200,
        b"another,format\n1,2\n",
        HEAD + b"".join(b"%d.0,0.5,100,1\n" % n for n in range(1, 8000)),
    ],
)
def test_a_table_that_no_supervisor_wrote_is_not_believed(data: bytes) -> None:
    with pytest.raises(ValueError):
        decode_usage(data)


@settings(deadline=None)
@given(st.binary(max_size=300) | st.text(max_size=300).map(lambda text: HEAD + text.encode()))
def test_whatever_bytes_lie_there_they_are_a_table_or_no_table(data: bytes) -> None:
    try:
        samples = decode_usage(data)
    except ValueError:
        return
    assert all(0 <= sample.cores <= 1e6 and sample.seconds > 0 for sample in samples)


def test_the_first_format_stays_readable() -> None:
    samples = decode_usage(V1.read_bytes())
    assert samples[0] == (1.0, 0.871, 12_582_912, 2)
    assert len(samples) == 4 and samples[-1].seconds == 5.4

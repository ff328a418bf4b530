"""Durations and sizes: what people write, what QM refuses, what QM shows."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qm.quantities import (
    LARGEST,
    LONGEST,
    format_duration,
    format_size,
    parse_duration,
    parse_size,
)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90", 90.0),
        ("0.5", 0.5),
        ("0", 0.0),
        ("500ms", 0.5),
        ("45m", 2700.0),
        ("45 min", 2700.0),
        ("2 h", 7200.0),
        ("2 Hours", 7200.0),
        ("1.5h", 5400.0),
        ("1h30m", 5400.0),
        ("1 d 2 h 3 min 4 s", 93784.0),
        ("45:00", 2700.0),
        ("1:30:00", 5400.0),
        ("100:00:00", 360_000.0),
        ("0:00:01.5", 1.5),
        ("1-12", 129_600.0),
        ("1-12:30", 131_400.0),
        ("1-00:00:00", 86_400.0),
        ("  7 s\t", 7.0),
    ],
)
def test_a_duration_is_read_as_people_write_it(text: str, seconds: float) -> None:
    assert parse_duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "-1", "- 1 s", "nan", "inf", "1e3", "+5", "1_000", "1,5 h", "٣ s", "five"),
        *("1:90:00", "1:00:60", "1-24:00:00", "1-12.5", "1:2:3:4", "1:", ":1", "1-", "-5:00"),
        *("1-2-3", "30m 1h", "1h 1h", "1m 1min", "1h 30", "30 1h", "2 fortnights", "9" * 5000),
    ],
)
def test_what_is_no_duration_is_refused_with_what_is_allowed(text: str) -> None:
    with pytest.raises(ValueError, match=r"45m.*1:30:00.*1-00:00:00"):
        parse_duration(text)


@pytest.mark.parametrize("text", ["36526 d", "999999999-0", "999999999999999999", "900000 h"])
def test_more_than_a_hundred_years_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="at most 100 years"):
        parse_duration(text)
    assert parse_duration("36525 d") == LONGEST


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("1024", 1024),
        ("0", 0),
        ("512 B", 512),
        ("1k", 1024),
        ("500M", 500 * 1024**2),
        ("2G", 2 * 1024**3),
        ("2 gb", 2 * 1024**3),
        ("1.5GiB", 3 * 1024**3 // 2),
        ("1T", 1024**4),
        (" 1P ", 1024**5),
        ("1152921504606846975", LARGEST - 1),
    ],
)
def test_a_size_is_read_in_powers_of_1024(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize(
    "text",
    [
        *("", "-1", "1.5", "0.5 B", "2Q", "GiB", "1e9", "nan", "inf", "1 Gi", "2iB", "1 2G"),
        *("2G 1M", "2000P", "٣G", "1_0M", "9" * 5000),
    ],
)
def test_what_is_no_size_is_refused_with_what_is_allowed(text: str) -> None:
    with pytest.raises(ValueError, match=r"500M, 2G or 1\.5GiB"):
        parse_size(text)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (-3, "0 s"),
        (0.0004, "0 s"),
        (0.25, "250 ms"),
        (0.9999, "1 s"),
        (2, "2 s"),
        (2.5, "2.5 s"),
        (59.9999, "1 min"),
        (600, "10 min"),
        (3599.7, "1 h"),
        (5430, "1 h 30 min 30 s"),
        (86_400, "1 d"),
        (95_400, "1 d 2 h 30 min"),
    ],
)
def test_a_duration_is_shown_in_units_that_people_say(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1 KiB"),
        (1536, "1.5 KiB"),
        (1024**2 - 1, "1 MiB"),
        (500 * 1024**2, "500 MiB"),
        (16 * 1024**3, "16 GiB"),
        (LARGEST, "1024 PiB"),
    ],
)
def test_a_size_is_shown_with_two_decimals_at_most(size: int, text: str) -> None:
    assert format_size(size) == text


@given(st.floats(min_value=0, max_value=LONGEST))
def test_a_duration_that_was_shown_can_be_read_back(seconds: float) -> None:
    # Half a second of rounding, from a minute on; half a millisecond below.
    shown = parse_duration(format_duration(seconds))
    assert shown == pytest.approx(seconds, abs=0.501 if seconds >= 59.5 else 0.000501)


@given(st.integers(min_value=0, max_value=LARGEST))
def test_a_size_that_was_shown_can_be_read_back(size: int) -> None:
    assert parse_size(format_size(size)) == pytest.approx(size, rel=0.006)


@given(st.text(alphabet="0123456789.:-+ msminhdkgtpbe", max_size=20))
def test_every_text_gives_a_bounded_quantity_or_a_value_error(text: str) -> None:
    for parse, bound in ((parse_duration, LONGEST), (parse_size, float(LARGEST))):
        try:
            quantity = parse(text)
        except ValueError:
            continue
        assert 0 <= quantity <= bound

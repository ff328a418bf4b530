"""Active_hours: reading them, and whether they are open."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qm.hours import Hours, parse_hours

MONDAY = datetime(2026, 11, 16)  # noqa: DTZ001 - local time, as the clock on the wall shows it.


def at(day: int, clock: str) -> datetime:
    hours, minutes = clock.split(":")
    return MONDAY + timedelta(days=day, hours=int(hours), minutes=int(minutes))


def test_always_is_always_open_and_never_changes() -> None:
    hours = parse_hours("always")
    assert hours.open_at(MONDAY)
    assert hours.next_change(MONDAY) is None


@pytest.mark.parametrize(
    ("text", "day", "clock", "is_open"),
    [
        ("19:00-07:30", 0, "18:59", False),
        ("19:00-07:30", 0, "19:00", True),
        ("19:00-07:30", 1, "07:29", True),
        ("19:00-07:30", 1, "07:30", False),
        ("sat, sun", 5, "00:00", True),
        ("sat, sun", 4, "23:59", False),
        ("sat, sun", 6, "23:59", True),
        ("mon-fri 19:00-07:30, sat, sun", 5, "07:45", True),
        ("fri-mon", 3, "12:00", False),
        ("fri-mon", 0, "12:00", True),
        ("sun 22:00-06:00", 0, "05:59", True),
        ("Saturday 10:00-12:00", 5, "11:00", True),
        ("00:00-24:00", 3, "12:00", True),
    ],
)
def test_hours_are_open_when_they_say_so(text: str, day: int, clock: str, is_open: bool) -> None:
    assert parse_hours(text).open_at(at(day, clock)) is is_open


def test_the_next_change_is_the_next_edge() -> None:
    hours = parse_hours("mon-fri 19:00-07:30")
    assert hours.next_change(at(0, "12:00")) == at(0, "19:00")
    assert hours.next_change(at(0, "19:00")) == at(1, "07:30")
    assert hours.next_change(at(5, "08:00")) == at(7, "19:00")


def test_spans_that_touch_are_one() -> None:
    hours = parse_hours("sat, sun")
    assert hours.next_change(at(5, "12:00")) == at(7, "00:00")


@pytest.mark.parametrize(
    "text",
    ["", "nights", "25:00-26:00", "19:00", "19:00-19:00", "mon-", "24:00-07:00", "1:75-2:00"],
)
def test_what_is_no_span_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        parse_hours(text)


SPANS = ["mon-fri 19:00-07:30", "sat", "12:00-13:00", "tue-wed 23:30-00:30", "sun 18:00-24:00"]


@given(st.lists(st.sampled_from(SPANS), min_size=1, max_size=4), st.integers(0, 7 * 24 * 60 - 1))
def test_nothing_changes_before_the_next_change(spans: list[str], minute: int) -> None:
    hours = parse_hours(", ".join(spans))
    moment = MONDAY + timedelta(minutes=minute)
    change = hours.next_change(moment)
    assert change is not None and change > moment
    assert hours.open_at(change) is not hours.open_at(moment)
    between = moment
    while between < change:
        assert hours.open_at(between) is hours.open_at(moment)
        between += timedelta(minutes=7)


def test_the_text_is_kept_for_people() -> None:
    assert str(parse_hours(" sat ")) == "sat"
    assert Hours() == parse_hours("Always")

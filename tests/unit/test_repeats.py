"""Warnings that come again and again."""

from __future__ import annotations

import logging

import pytest

from qm.repeats import FIRST, LONGEST, OVER, Repeats


class Hearer:
    """Passes records through the filter at times that a test tells."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.filter = Repeats(lambda: self.now)

    def hear(self, text: str, level: int = logging.WARNING, *arguments: object) -> str | None:
        record = logging.LogRecord("qm", level, "x.py", 1, text, arguments, None)
        return record.getMessage() if self.filter.filter(record) else None


@pytest.fixture
def hearer() -> Hearer:
    return Hearer()


def test_the_first_is_written_and_the_next_ones_are_counted(hearer: Hearer) -> None:
    assert hearer.hear("no space for job %d", logging.WARNING, 7) == "no space for job 7"
    for _ in range(3):
        hearer.now += 2
        assert hearer.hear("no space for job %d", logging.WARNING, 7) is None
    hearer.now += FIRST
    said = hearer.hear("no space for job %d", logging.WARNING, 7)
    assert said == "no space for job 7 (came 4 times more)"


def test_another_text_and_what_is_no_warning_are_written_at_once(hearer: Hearer) -> None:
    assert hearer.hear("a") and hearer.hear("b")
    assert all(hearer.hear("job 7 was seen", logging.INFO) for _ in range(3))


def test_a_fault_that_was_over_is_news_when_it_comes_again(hearer: Hearer) -> None:
    assert hearer.hear("a")
    hearer.now += OVER + 1
    assert hearer.hear("a") == "a"


def test_a_fault_that_lasts_for_a_day_is_written_some_thirty_times(hearer: Hearer) -> None:
    written = 0
    for _ in range(86400 // 5):
        hearer.now += 5
        written += hearer.hear("the disk is full") is not None
    assert 86400 / LONGEST <= written <= 40


def test_thousands_of_different_texts_take_little_memory(hearer: Hearer) -> None:
    for number in range(5000):
        assert hearer.hear(f"text {number}")
    assert hearer.hear("text 4999") is None
    assert hearer.hear("text 1") == "text 1"

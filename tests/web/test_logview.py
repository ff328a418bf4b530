"""Logs as text that is safe in a page."""

from __future__ import annotations

import re
import time

from hypothesis import given
from hypothesis import strategies as st

from web.logview import LONGEST, LogView, Span, Style, plain_text

PIECES = st.sampled_from(
    [
        *("a", "12 %", " ", "\n", "\r", "\r\n", "\t", "\x1b[31m", "\x1b[0m", "\x1b[1;4m", "\x1b["),
        *(
            "\x1b]8;;http://evil/\x07",
            "\x1b]52;c;aGk=\x1b\\",
            "\x1b[2A",
            "\x1b[K",
            "\x9b5A",
            "\x1b",
        ),
        *(
            "\x1b[38;5;196m",
            "\x1b[38;2;1;2;3m",
            "\x1bP",
            "\x07",
            "\x00",
            "\u202e",
            "é",
            "\U0001f600",
        ),
    ]
)
HOSTILE = st.lists(PIECES | st.text(max_size=3), max_size=40).map("".join)
UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def seen(text: str) -> list[Span]:
    """Everything that a view shows of a text."""
    view = LogView()
    lines = view.feed(text)
    return [*lines, *view.open_line()]


def test_colours_become_classes_and_end_where_they_are_reset() -> None:
    assert seen("a \x1b[1;31mred\x1b[0m b\n") == [
        Span("a ", ""),
        Span("red", "f1 bold"),
        Span(" b\n", ""),
    ]


def test_a_colour_holds_over_lines_and_pieces() -> None:
    view = LogView()
    assert view.feed("\x1b[3") == []
    assert view.feed("2mok\nmore") == [Span("ok\n", "f2")]
    assert view.feed("\n") == [Span("more\n", "f2")]


def test_colours_of_a_large_palette_become_the_nearest_of_sixteen() -> None:
    assert seen("\x1b[38;5;196mx")[0].classes == "f9"
    assert seen("\x1b[48;2;0;0;0mx")[0].classes == "b0"
    assert seen("\x1b[97;104mx")[0].classes == "f15 b12"


def test_flags_are_taken_off_one_by_one() -> None:
    style = Style().after("1;3;4;31").after("22;39")
    assert style.classes == "italic under"


def test_of_a_bar_that_is_written_over_itself_the_last_state_is_shown() -> None:
    assert plain_text("10 %\r20 %\r30 %\ndone\r\n") == "30 %\ndone\n"


def test_a_bar_that_goes_on_replaces_the_open_line() -> None:
    view = LogView()
    view.feed("start\n10 %\r")
    assert view.open_line() == [Span("10 %", "")]
    view.feed("11 %")
    assert view.open_line() == [Span("11 %", "")]


def test_a_line_that_is_wiped_before_it_is_written_anew_is_empty() -> None:
    assert plain_text("loading\r\x1b[K\n") == "\n"


def test_links_titles_and_clipboards_are_left_out() -> None:
    hostile = "a\x1b]8;;javascript:alert(1)\x07text\x1b]8;;\x07b\x1b]52;c;aGFoYQ==\x1b\\c\x1b]0;t"
    assert plain_text(hostile) == "atextbc"


def test_a_string_that_never_ends_hides_its_line_only() -> None:
    assert plain_text("a\x1b]0;title\nnext\n") == "a\nnext\n"


def test_cursor_moves_and_eight_bit_sequences_do_nothing() -> None:
    assert plain_text("a\x1b[2Ab\x9b5;5Hc\x1b[2Jd\x1bcf\x08\x07g") == "abcdfg"


def test_marks_that_turn_letters_round_are_shown_as_dots() -> None:
    assert plain_text("a\u202eexe.txt") == "a·exe.txt"


def test_a_very_long_line_is_cut_and_says_how_much_is_missing() -> None:
    begin = time.thread_time()
    view = LogView()
    for _ in range(160):
        view.feed("x" * 65536)
    lines = view.feed("\nnext\n")
    assert time.thread_time() - begin < 2
    assert lines[0] == Span("x" * LONGEST, "")
    assert lines[1] == Span(f" … {160 * 65536 - LONGEST:,} characters more\n", "cut")
    assert lines[2] == Span("next\n", "")


@given(HOSTILE)
def test_whatever_is_printed_what_is_shown_cannot_do_anything(text: str) -> None:
    for span in seen(text):
        assert not UNSAFE.search(span.text)
        assert re.fullmatch(r"(?:[fb]\d{1,2}|[a-z]+)?(?: (?:b\d{1,2}|[a-z]+))*", span.classes)


@given(HOSTILE, st.lists(st.integers(0, 60), max_size=6))
def test_where_a_log_is_cut_changes_nothing(text: str, cuts: list[int]) -> None:
    whole, pieces = LogView(), LogView()
    expected = [*whole.feed(text), *whole.open_line()]
    found, at = [], 0
    for cut in [*sorted(cuts), len(text)]:
        found += pieces.feed(text[at:cut])
        at = max(at, cut)
    shown = [*found, *pieces.open_line()]
    assert letters(shown) == letters(expected)
    assert pieces.style == whole.style


def letters(spans: list[Span]) -> list[tuple[str, str]]:
    """Each letter and how it looks; a line feed looks like anything."""
    return [
        (letter, "" if letter == "\n" else classes) for text, classes in spans for letter in text
    ]

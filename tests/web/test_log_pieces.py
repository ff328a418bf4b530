"""Pieces of logs, and places in them: no line or character is torn, no place is missed."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from web import logsearch
from web.logpiece import backward, onward, tail
from web.logsearch import search

LINES = st.lists(st.text("aé\U0001f600 ", max_size=6), max_size=12).map("\n".join)


def reader(data: bytes) -> Callable[[int, int], bytes]:
    """A log with this in it."""
    return lambda offset, size: data[offset : offset + size]


class Log:
    """The same, as a search reads it."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    def read_at(self, offset: int, size: int) -> bytes:
        return self.data[offset : offset + size]

    def read_into(self, offset: int, buffer: memoryview) -> int:
        data = self.read_at(offset, len(buffer))
        buffer[: len(data)] = data
        return len(data)


def found(data: bytes, wanted: bytes, start: int = 0, limit: int = 100) -> logsearch.Found:
    """Search with a clock that stands still."""
    return search(Log(data), len(data), wanted, start, limit, lambda: 0.0)


def test_a_tail_begins_with_a_line() -> None:
    data = b"first\nsecond\nthird\n"
    assert tail(reader(data), len(data), 9, ended=True).data == b"third\n"
    assert tail(reader(data), len(data), 13, ended=True).data == b"second\nthird\n"
    assert tail(reader(data), len(data), 99, ended=True).start == 0


def test_the_tail_of_a_line_without_end_begins_with_a_character() -> None:
    data = "é".encode() * 10
    piece = tail(reader(data), len(data), 5, ended=True)
    assert piece.data == "éé".encode()


def test_half_a_character_at_the_end_waits_for_its_rest_while_the_log_grows() -> None:
    data = "fine é".encode()[:-1]
    assert onward(reader(data), len(data), 0, 64, ended=False).data == b"fine "
    assert onward(reader(data), len(data), 0, 64, ended=True).data == data


def test_a_log_that_was_cut_off_gives_nothing_from_behind_its_end() -> None:
    piece = onward(reader(b"short"), 5, 500, 64, ended=False)
    assert (piece.start, piece.data) == (5, b"")


@given(LINES, st.integers(4, 30))
def test_pieces_onward_make_up_the_whole_log(text: str, most: int) -> None:
    data = text.encode()
    read, at, pieces = reader(data), 0, []
    while at < len(data):
        piece = onward(read, len(data), at, most, ended=True)
        assert piece.start == at and 0 < len(piece.data) <= most
        piece.data.decode()
        pieces.append(piece.data)
        at = piece.end
    assert b"".join(pieces) == data


@given(LINES, st.integers(8, 30))
def test_pieces_backward_make_up_the_whole_log(text: str, most: int) -> None:
    data = text.encode()
    read, at = reader(data), len(data)
    pieces: list[bytes] = []
    while at > 0:
        piece = backward(read, len(data), at, most)
        assert piece.end == at and 0 < len(piece.data) <= most
        piece.data.decode()
        pieces.insert(0, piece.data)
        at = piece.start
    assert b"".join(pieces) == data


@given(st.binary(max_size=60), st.integers(0, 70), st.integers(4, 30))
def test_no_bytes_break_a_piece(data: bytes, at: int, most: int) -> None:
    read, size = reader(data), len(data)
    for ended in (True, False):
        for piece in (
            tail(read, size, most, ended=ended),
            onward(read, size, at, most, ended=ended),
            backward(read, size, at, most),
        ):
            assert 0 <= piece.start <= piece.end <= size
            assert piece.data == data[piece.start : piece.end]


def test_places_are_told_with_line_and_text() -> None:
    one, two = found(b"a\nsome error here\nok\nerror\n", b"error").hits
    assert (one.byte, one.line, one.text) == (7, 2, "some error here")
    assert (two.byte, two.line, two.text) == (21, 4, "error")


def test_the_text_of_a_place_is_harmless() -> None:
    (hit,) = found(b"\x1b]0;x\x07 \x1b[31merror\x1b[0m\n", b"error").hits
    assert hit.text == " error"


@given(
    st.binary(max_size=80).map(lambda raw: bytes(97 + byte % 2 for byte in raw)),
    st.sampled_from([b"a", b"aa", b"ab", b"aba", b"bba"]),
    st.integers(0, 90),
    st.integers(1, 4),
    st.integers(1, 9),
)
def test_the_count_is_true_however_a_log_is_read(
    data: bytes, wanted: bytes, start: int, limit: int, block: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(logsearch, "_BLOCK", block)
        result = found(data, wanted, start, limit)
    assert result.count == data[start:].count(wanted)
    assert len(result.hits) == min(limit, result.count)
    assert result.end == max(min(start, len(data)), len(data))


def test_a_search_ends_when_its_time_is_over_and_says_where() -> None:
    ticks = iter(range(100))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(logsearch, "_BLOCK", 10)
        data = b"x" * 100
        result = search(Log(data), 100, b"y", 0, 9, lambda: float(next(ticks)))
    assert (result.count, result.hits) == (0, ())
    assert 0 < result.end < 100


def test_lines_far_behind_the_beginning_are_not_counted_as_they_would_be_read_again() -> None:
    data = b"error\n" + b"x\n" * 50 + b"error\n"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(logsearch, "_NUMBERED", 100)
        near, far = found(data, b"error").hits
    assert (near.line, far.line, far.byte) == (1, None, 106)


def test_a_log_that_was_cut_off_during_a_search_has_nothing_behind_its_end() -> None:
    log = Log(b"error " * 3)
    assert search(log, 1000, b"error", 0, 100, lambda: 0.0).count == 3

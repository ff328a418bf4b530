"""Pieces of a log: where one may begin and end, so that no line or character is torn. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

ReadAt = Callable[[int, int], bytes]
"""(offset, size) to bytes; fewer than asked for only at the end."""

_LONGEST_CHARACTER = 4


class Piece(NamedTuple):
    """Bytes of a log from ``start`` on."""

    start: int
    data: bytes

    @property
    def end(self) -> int:
        """Behind the last byte."""
        return self.start + len(self.data)


def tail(read: ReadAt, size: int, most: int, *, ended: bool) -> Piece:
    """The last lines of a log of ``size`` bytes, ``most`` bytes at most.

    A line that is longer than that begins within itself. While the log may grow
    (``ended`` is false) half a character at its end is left for later.
    """
    start = _begin(read, max(0, size - most), size)
    return _up_to_end(read, start, size, ended=ended)


def onward(read: ReadAt, size: int, start: int, most: int, *, ended: bool) -> Piece:
    """What comes from byte ``start`` on: to the end of the log, else to the end of a line."""
    start = _character_edge(read, min(start, size), size)
    if size - start <= most:
        return _up_to_end(read, start, size, ended=ended)
    data = read(start, most)
    line_end = data.rfind(b"\n") + 1
    return Piece(start, data[:line_end] if line_end else data[: _whole(data)])


def backward(read: ReadAt, size: int, end: int, most: int) -> Piece:
    """The lines before byte ``end``, ``most`` bytes at most."""
    end = min(end, size)
    start = _begin(read, max(0, end - most), end)
    return Piece(start, read(start, end - start))


def _begin(read: ReadAt, start: int, end: int) -> int:
    """The first line that begins at ``start`` or after it; else the next character."""
    if start == 0:
        return 0
    # The byte before tells whether a line begins just here.
    found = read(start - 1, end - start + 1).find(b"\n", 0, -1)
    return start + found if found >= 0 else _character_edge(read, start, end)


def _character_edge(read: ReadAt, start: int, end: int) -> int:
    following = read(start, min(_LONGEST_CHARACTER - 1, end - start)) if start else b""
    return start + len(following) - len(following.lstrip(_CONTINUATION))


def _up_to_end(read: ReadAt, start: int, size: int, *, ended: bool) -> Piece:
    data = read(start, size - start)
    return Piece(start, data if ended else data[: _whole(data)])


def _whole(data: bytes) -> int:
    """How many bytes there are without half a UTF-8 character at the end (RFC 3629)."""
    for back in range(1, min(_LONGEST_CHARACTER, len(data) + 1)):
        byte = data[-back]
        if byte >= 0xC0:
            needed = 2 if byte < 0xE0 else 3 if byte < 0xF0 else 4
            return len(data) - back if back < needed else len(data)
        if byte < 0x80:
            break
    return len(data)


_CONTINUATION = bytes(range(0x80, 0xC0))

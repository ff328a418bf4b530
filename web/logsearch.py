"""Finds a text in a log, literally, with true counts, within a time. Pure but for the clock."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from web.logpiece import ReadAt
from web.logview import plain_text

BUDGET = 2.0
"""Seconds that one search may take."""

_BLOCK = 1 << 20
_FOR_NUMBERS = 0.4
_NUMBERS_BEFORE = 0.9
"""Seconds of a search after which lines are not counted any more."""
_AROUND = 160
"""Bytes of the line that are shown before what was found, and after."""


@dataclass(frozen=True, slots=True)
class Hit:
    """One place: its byte, its line (1 is the first; None: not counted) and some of its text."""

    byte: int
    line: int | None
    text: str


@dataclass(frozen=True, slots=True)
class Found:
    """What was found from one byte on: ``count`` places before ``end``, the first ones as hits."""

    hits: tuple[Hit, ...]
    count: int
    end: int
    """The search got so far; less than the log's size where its time was over."""


def search(
    read: ReadAt, size: int, wanted: bytes, start: int, limit: int, clock: Callable[[], float]
) -> Found:
    """Look for ``wanted`` from byte ``start`` on; at most ``limit`` places are told.

    Lines are numbered where counting them is quick.
    """
    began = clock()
    places: list[int] = []
    count, at = 0, min(start, size)
    while at < size and clock() - began < BUDGET:
        found, end = _look(read, wanted, at, limit, places)
        count, at = count + found, max(min(at + _BLOCK, size), end)
    numbers: list[int | None] = [None] * len(places)
    if places and clock() - began < _NUMBERS_BEFORE:
        numbers = _numbers(read, places, clock)
    hits = [
        Hit(place, number, _text(read, size, place, len(wanted)))
        for place, number in zip(places, numbers, strict=True)
    ]
    return Found(tuple(hits), count, at)


def _look(read: ReadAt, wanted: bytes, at: int, limit: int, places: list[int]) -> tuple[int, int]:
    """Look through the block at byte ``at``: how many places, and where the last listed one ends.

    ``places`` gets them, up to the limit. The block is let go of before the next
    one is read: with two of them in memory the C library of Linux gives the
    memory back to the system each time, which takes three times as long as the search.
    """
    data = read(at, _BLOCK + len(wanted) - 1)
    count, end = 0, 0
    while len(places) < limit:
        found = data.find(wanted, end)
        if found < 0:
            return count, at + end
        places.append(at + found)
        count, end = count + 1, found + len(wanted)
    if not _overlaps_itself(wanted):
        return count + data.count(wanted, end), at + end
    more, end = _count_one_by_one(data, wanted, end)
    return count + more, at + end


def _overlaps_itself(wanted: bytes) -> bool:
    """True for ``aa``, which is in ``aaa`` once or twice, depending on where one begins."""
    return any(wanted.startswith(wanted[part:]) for part in range(1, len(wanted)))


def _count_one_by_one(data: bytes, wanted: bytes, end: int) -> tuple[int, int]:
    count = 0
    while (at := data.find(wanted, end)) >= 0:
        count, end = count + 1, at + len(wanted)
    return count, end


def _numbers(read: ReadAt, places: list[int], clock: Callable[[], float]) -> list[int | None]:
    until = clock() + _FOR_NUMBERS
    numbers: list[int | None] = []
    line, at = 1, 0
    for place in places:
        while at < place and clock() < until:
            data = read(at, min(_BLOCK, place - at))
            line, at = line + data.count(b"\n"), at + len(data)
            if not data:
                break
        numbers.append(line if at == place else None)
    return numbers


def _text(read: ReadAt, size: int, place: int, length: int) -> str:
    first = max(0, place - _AROUND)
    before = read(first, place - first).rpartition(b"\n")[2]
    behind = read(place, min(size - place, length + _AROUND)).split(b"\n")[0]
    return plain_text((before + behind).decode("utf-8", "replace"))

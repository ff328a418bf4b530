"""Finds a text in a log, literally, with true counts, within a time. Pure but for the clock."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from web.logview import plain_text

BUDGET = 2.0
"""Seconds that one search may take."""

_BLOCK = 1 << 20
_NUMBERED = 256 << 20
"""Bytes before a place of which the lines are counted: they are read once more for that."""
_FOR_NUMBERS = 0.4
_NUMBERS_BEFORE = 0.9
"""Seconds of a search after which lines are not counted any more."""
_AROUND = 160
"""Bytes of the line that are shown before what was found, and after."""


class Readable(Protocol):
    """A log to search: a :class:`qm.osops.browsing.PlainFile` is one."""

    def read_at(self, offset: int, size: int, /) -> bytes:
        """Bytes; fewer than asked for only at the end."""

    def read_into(self, offset: int, buffer: memoryview, /) -> int:
        """Fill ``buffer``; how many bytes there were, fewer than asked for only at the end."""


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
    log: Readable, size: int, wanted: bytes, start: int, limit: int, clock: Callable[[], float]
) -> Found:
    """Look for ``wanted`` from byte ``start`` on; at most ``limit`` places are told.

    Lines are numbered where counting them is quick.
    """
    began = clock()
    places: list[int] = []
    count, at = 0, min(start, size)
    # One buffer for all blocks: a new one each time would be taken from the system and given
    # back, which in a thread takes three times as long as the search.
    buffer = bytearray(min(_BLOCK, size - at) + len(wanted) - 1)
    while at < size and clock() - began < BUDGET:
        filled = log.read_into(at, memoryview(buffer))
        found, end = _look(buffer, filled, wanted, limit, at, places)
        count, at = count + found, max(min(at + _BLOCK, size), end)
    numbers: list[int | None] = [None] * len(places)
    if places and clock() - began < _NUMBERS_BEFORE:
        numbers = _numbers(log, buffer, places, clock)
    hits = [
        Hit(place, number, _text(log, size, place, len(wanted)))
        for place, number in zip(places, numbers, strict=True)
    ]
    return Found(tuple(hits), count, at)


def _look(
    data: bytearray, filled: int, wanted: bytes, limit: int, at: int, places: list[int]
) -> tuple[int, int]:
    """Look through the block from byte ``at``: how many places, and where the last listed one ends.

    ``places`` gets them, up to the limit; of ``data`` the first ``filled`` bytes count.
    """
    count, end = 0, 0
    while len(places) < limit:
        found = data.find(wanted, end, filled)
        if found < 0:
            return count, at + end
        places.append(at + found)
        count, end = count + 1, found + len(wanted)
    if not _overlaps_itself(wanted):
        return count + data.count(wanted, end, filled), at + end
    more, end = _count_one_by_one(data, filled, wanted, end)
    return count + more, at + end


def _overlaps_itself(wanted: bytes) -> bool:
    """True for ``aa``, which is in ``aaa`` once or twice, depending on where one begins."""
    return any(wanted.startswith(wanted[part:]) for part in range(1, len(wanted)))


def _count_one_by_one(data: bytearray, filled: int, wanted: bytes, end: int) -> tuple[int, int]:
    count = 0
    while (at := data.find(wanted, end, filled)) >= 0:
        count, end = count + 1, at + len(wanted)
    return count, end


def _numbers(
    log: Readable, buffer: bytearray, places: list[int], clock: Callable[[], float]
) -> list[int | None]:
    until = clock() + _FOR_NUMBERS
    numbers: list[int | None] = []
    line, at = 1, 0
    for place in places:
        while at < place <= _NUMBERED and clock() < until:
            filled = log.read_into(at, memoryview(buffer)[: place - at])
            line, at = line + buffer.count(b"\n", 0, filled), at + filled
            if not filled:
                break
        numbers.append(line if at == place else None)
    return numbers


def _text(log: Readable, size: int, place: int, length: int) -> str:
    first = max(0, place - _AROUND)
    before = log.read_at(first, place - first).rpartition(b"\n")[2]
    behind = log.read_at(place, min(size - place, length + _AROUND)).split(b"\n")[0]
    return plain_text((before + behind).decode("utf-8", "replace"))

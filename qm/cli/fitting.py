"""Tables of text that fit the width of a terminal. Pure."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence

_GAP = "  "
_LEAST = 16
"""Columns that a name or another long text keeps, however narrow the terminal is."""
_LAST = 28
"""Columns that the last column gets, if others can be shortened for it."""
_CUT = "…"


def cells(text: str) -> int:
    """How many columns of a terminal the text takes: many letters of the Far East take two."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(one) else 2 if unicodedata.east_asian_width(one) in "WF" else 1
        for one in text
    )


def shorten(text: str, width: int) -> str:
    """The text in at most ``width`` columns: its middle is left out, both ends say most."""
    if cells(text) <= width:
        return text
    if width <= 1:
        return _CUT[:width]
    left = (width - 1) // 2
    tail = _head(text[::-1], width - 1 - left)[::-1]
    return _head(text, left) + _CUT + tail


def _head(text: str, width: int) -> str:
    used = 0
    for count, character in enumerate(text):
        used += cells(character)
        if used > width:
            return text[:count]
    return text


def fold(text: str, width: int) -> list[str]:
    """The text in lines of at most ``width`` columns, broken between words where that goes."""
    lines = [""]
    for word in text.split(" "):
        room = width - cells(lines[-1]) - 1
        if not lines[-1]:
            lines[-1] = word
        elif cells(word) <= room:
            lines[-1] += " " + word
        else:
            lines.append(word)
        while cells(lines[-1]) > width:
            head = _head(lines[-1], width) or lines[-1][0]
            lines[-1:] = [head, lines[-1][len(head) :]]
    return lines


def pad(text: str, width: int, *, right: bool = False) -> str:
    """The text with blanks to ``width`` columns."""
    blanks = " " * (width - cells(text))
    return blanks + text if right else text + blanks


def widths_of(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> list[int]:
    """How wide each column is where nothing is cut."""
    return [max(map(cells, column)) for column in zip(heads, *rows, strict=True)]


def fit(
    heads: Sequence[str], widths: Sequence[int], width: int, elastic: frozenset[str]
) -> list[int]:
    """The widths of the columns in a terminal of ``width`` columns.

    The last column takes what is left. Where that is little, columns in
    ``elastic`` give way, the widest first.
    """
    fitted = list(widths)
    last = len(fitted) - 1
    wanted = min(fitted[last], _LAST)
    while True:
        left = width - sum(fitted[:last]) - len(_GAP) * last
        if left >= wanted:
            break
        give = [n for n in range(last) if heads[n] in elastic and fitted[n] > _LEAST]
        if not give:
            break
        widest = max(give, key=lambda n: fitted[n])
        fitted[widest] = max(_LEAST, fitted[widest] - (wanted - left))
    fitted[last] = max(_LEAST, min(fitted[last], left))
    return fitted


def lines_of(
    row: Sequence[str], widths: Sequence[int], numbers: Sequence[bool], *, folded: bool
) -> list[list[str]]:
    """The padded cells of one row, shortened to ``widths``; with ``folded`` the last cell
    goes on in further lines.
    """
    last = fold(row[-1], widths[-1]) if folded else [shorten(row[-1], widths[-1])]
    first = [shorten(cell, width) for cell, width in zip(row[:-1], widths[:-1], strict=True)]
    blank = [""] * len(first)
    return [
        [
            pad(cell, width, right=number)
            for cell, width, number in zip(
                [*(blank if line else first), text], widths, numbers, strict=True
            )
        ]
        for line, text in enumerate(last)
    ]

"""Columns of a table: what fits into how many cells of a terminal. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len, set_cell_size

GAP = 1


@dataclass(frozen=True, slots=True)
class Column:
    """A column of at least ``width`` cells; of what is left over it gets ``grow`` shares."""

    head: str
    width: int
    grow: int = 0
    right: bool = False


@dataclass(frozen=True, slots=True)
class Cell:
    """A text of one line, and how it is drawn, as rich names it."""

    text: str
    style: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """One row: the key of its job, and a cell for each column."""

    key: str
    cells: tuple[Cell, ...]


def widths(columns: Sequence[Column], total: int) -> tuple[int, ...]:
    """The width of each column so that all of them, with gaps, take ``total`` cells."""
    left = total - sum(column.width for column in columns) - GAP * (len(columns) - 1)
    shares = sum(column.grow for column in columns)
    if left <= 0 or not shares:
        return tuple(column.width for column in columns)
    found = [column.width + left * column.grow // shares for column in columns]
    last = max(place for place, column in enumerate(columns) if column.grow)
    found[last] += left - sum(left * column.grow // shares for column in columns)
    return tuple(found)


def fit(text: str, width: int, *, right: bool = False) -> str:
    """``text`` in exactly ``width`` cells; what is cut off ends with an ellipsis."""
    size = cell_len(text)
    if size > width:
        return set_cell_size(text, width - 1) + "…" if width > 1 else set_cell_size(text, width)
    room = " " * (width - size)
    return room + text if right else text + room

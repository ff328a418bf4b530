"""Tables in plain text. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Table:
    """A title, the heads of the columns, and rows of as many cells."""

    title: str
    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row) != len(self.heads):
                raise ValueError(f"{self.title}: {len(row)} cells for {len(self.heads)} columns")

    def text(self) -> str:
        """The table with its first column flush left and the others flush right."""
        widths = [max(len(row[i]) for row in (self.heads, *self.rows)) for i in self._columns()]
        rule = tuple("-" * width for width in widths)
        lines = [_line(row, widths) for row in (self.heads, rule, *self.rows)]
        return "\n".join([self.title, "", *lines])

    def _columns(self) -> range:
        return range(len(self.heads))


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    first, *rest = zip(cells, widths, strict=True)
    parts = [first[0].ljust(first[1]), *(cell.rjust(width) for cell, width in rest)]
    return "  ".join(parts).rstrip()

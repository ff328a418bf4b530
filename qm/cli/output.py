"""The one renderer: tables, pairs and JSON. Colours only on a terminal, and rich only there."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from qm.model import State

if TYPE_CHECKING:
    from rich.table import Table

_STYLE: dict[str, str] = {
    State.ARRIVING: "cyan",
    State.QUEUED: "cyan",
    State.HELD: "yellow",
    State.RUNNING: "bold green",
    State.SUSPENDED: "yellow",
    State.FINISHED: "green",
    State.FAILED: "red",
    State.KILLED: "magenta",
    State.CANCELLED: "magenta",
    State.ABORTED: "magenta",
    State.REJECTED: "red",
    State.LOST: "red",
}
_NUMBERS = frozenset({"ID", "NB_PROC", "PRIORITY"})


def say(text: str) -> None:
    """A line for a person on stdout."""
    print(text)


def tell(text: str) -> None:
    """A line for a person on stderr: beside the output, not part of it."""
    sys.stdout.flush()
    print(text, file=sys.stderr)


def print_json(value: Any) -> None:
    """One JSON value; a list has one line for each of its items."""
    if isinstance(value, list) and value:
        print("[" + ",\n ".join(json.dumps(item) for item in value) + "]")
    else:
        print(json.dumps(value))


def print_table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Rows of text under ``heads``; the column STATE is coloured on a terminal."""
    if sys.stdout.isatty():
        from rich.console import Console

        Console(highlight=False).print(rich_table(heads, rows))
    else:
        for line in plain_table(heads, rows):
            print(line)


def plain_table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Aligned lines, nothing cut off."""
    table = [tuple(heads), *(tuple(row) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    lines = []
    for row in table:
        cells = [
            cell.rjust(width) if head in _NUMBERS else cell.ljust(width)
            for head, cell, width in zip(heads, row, widths, strict=True)
        ]
        lines.append("  ".join(cells).rstrip())
    return lines


def rich_table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> Table:
    """The same table for a terminal: cut to its width, the last column folded."""
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    for number, head in enumerate(heads, 1):
        last = number == len(heads)
        table.add_column(
            head,
            justify="right" if head in _NUMBERS else "left",
            overflow="fold" if last else "ellipsis",
            no_wrap=not last,
            ratio=1 if last else None,
        )
    for row in rows:
        table.add_row(
            *(
                Text(cell, style=_STYLE.get(cell, "") if head == "STATE" else "")
                for head, cell in zip(heads, row, strict=True)
            )
        )
    return table


def print_pairs(pairs: Mapping[str, str | Sequence[str]]) -> None:
    """``name  value`` lines; further lines of a value stand under its first one."""
    width = max(map(len, pairs), default=0)
    for name, value in pairs.items():
        lines = [value] if isinstance(value, str) else list(value)
        for number, line in enumerate(lines):
            print(f"{'' if number else name:<{width}}  {line}".rstrip())

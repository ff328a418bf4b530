"""The one renderer: tables, pairs and JSON. Colours and cuts only on a terminal."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any

import click

from qm.model import State

_STYLE: dict[str, dict[str, Any]] = {
    State.ARRIVING: {"fg": "cyan"},
    State.QUEUED: {"fg": "cyan"},
    State.HELD: {"fg": "yellow"},
    State.RUNNING: {"fg": "green", "bold": True},
    State.SUSPENDED: {"fg": "yellow"},
    State.FINISHED: {"fg": "green"},
    State.FAILED: {"fg": "red"},
    State.KILLED: {"fg": "magenta"},
    State.CANCELLED: {"fg": "magenta"},
    State.ABORTED: {"fg": "magenta"},
    State.REJECTED: {"fg": "red"},
    State.LOST: {"fg": "red"},
}
_NUMBERS = frozenset(
    {"ID", "NB_PROC", "PRIORITY", "EXIT_CODE", "NB_GPU", "ATTEMPT", "JOBS", "FINISHED", "FAILED"}
    | {"KILLED", "LOST", "OTHER", "PROC_HOURS", "CPU_HOURS", "WAIT_MEAN", "WAIT_MEDIAN"}
    | {"RUN_MEAN", "RUN_MEDIAN"}
)
"""Heads of columns that are aligned to the right."""
_ELASTIC = frozenset({"NAME", "OWNER", "INFO", "FOLDER"})
"""Heads of columns whose texts may be shortened on a terminal."""


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
        print("[" + ",\n ".join(map(json.dumps, value)) + "]")
    else:
        print(json.dumps(value))


def print_table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Rows of text under ``heads``: on a terminal fitted to its width, else nothing is cut."""
    if sys.stdout.isatty():
        width = shutil.get_terminal_size().columns
        lines = fitted_table(heads, rows, width, colours=wants_colours())
    else:
        lines = plain_table(heads, rows)
    # One write: a list of 100,000 jobs is as many lines. click shows colours on Windows, too.
    click.echo("\n".join(lines))


def wants_colours() -> bool:
    """True if a person reads stdout on a terminal that shows colours, and nobody forbade them.

    NO_COLOR is the convention of no-color.org.
    """
    allowed = not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    return allowed and sys.stdout.isatty()


def plain_table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Aligned lines, nothing cut off."""
    from qm.cli.fitting import pad, widths_of

    widths = widths_of(heads, rows)
    table = [tuple(heads), *rows]
    if all(map(str.isascii, chain.from_iterable(table))):
        # Much the quickest way, where a character is a column.
        signs = [">" if head in _NUMBERS else "<" for head in heads]
        cells = (f"{{:{sign}{width}}}" for sign, width in zip(signs, widths, strict=True))
        template = "  ".join(cells)
        return [template.format(*row).rstrip() for row in table]
    numbers = [head in _NUMBERS for head in heads]
    return [
        "  ".join(
            pad(cell, width, right=number)
            for cell, width, number in zip(row, widths, numbers, strict=True)
        ).rstrip()
        for row in table
    ]


def fitted_table(
    heads: Sequence[str], rows: Sequence[Sequence[str]], width: int, *, colours: bool
) -> list[str]:
    """The same in ``width`` columns: long names are shortened, the last column is folded."""
    from qm.cli.fitting import fit, lines_of, widths_of

    widths = fit(heads, widths_of(heads, rows), width, _ELASTIC)
    numbers = [head in _NUMBERS for head in heads]
    (head,) = lines_of(heads, widths, numbers, folded=False)
    fitted = ["  ".join(head).rstrip()]
    if colours:
        fitted = [click.style(line, bold=True) for line in fitted]
    for row in rows:
        for line in lines_of(row, widths, numbers, folded=heads[-1] not in _ELASTIC):
            shown = _coloured(heads, line) if colours else line
            fitted.append("  ".join(shown).rstrip())
    return fitted


def _coloured(heads: Sequence[str], line: Sequence[str]) -> list[str]:
    return [
        click.style(cell, **_STYLE[cell.strip()])
        if head == "STATE" and cell.strip() in _STYLE
        else cell
        for head, cell in zip(heads, line, strict=True)
    ]


def print_pairs(pairs: Mapping[str, str | Sequence[str]]) -> None:
    """``name  value`` lines; further lines of a value stand under its first one."""
    width = max(map(len, pairs), default=0)
    for name, value in pairs.items():
        lines = [value] if isinstance(value, str) else list(value)
        for number, line in enumerate(lines):
            print(f"{'' if number else name:<{width}}  {line}".rstrip())

"""Write the tables of docs/REFERENCE.md, and QMserv.cfg.example, anew from the program.

``python docs/tables.py`` does it; a test says when that is due.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from qm.cli.main import COMMANDS, qm
from qm.config import option_help
from qm.config.example import render_example
from qm.jobinfo.keys import KEYS

ROOT = Path(__file__).resolve().parents[1]
REFERENCE = ROOT / "docs" / "REFERENCE.md"
EXAMPLE = ROOT / "QMserv.cfg.example"

Rows = Sequence[Sequence[str]]


def keys() -> Rows:
    """The rows of the table of keys."""
    return [
        (f"`{key.name}`", key.meaning, f"`{key.example}`", "yes" if key.obeyed else "not yet")
        for key in KEYS.values()
    ]


def options(section: str) -> Rows:
    """The rows of the table of one section's options."""
    return [
        (f"`{row.name}`", row.type, f"`{row.default}`", row.help)
        for row in option_help()
        if row.section == section
    ]


def commands() -> Rows:
    """The rows of the table of commands."""
    context = click.Context(qm)
    found = [(name, qm.get_command(context, name)) for name in COMMANDS]
    return [
        (f"`qm {name}`", command.get_short_help_str(limit=200))
        for name, command in found
        if command is not None
    ]


def with_table(text: str, after: str, rows: Rows) -> str:
    """``text`` with the rows of the first table behind the text ``after`` replaced."""
    start = text.index("|---", text.index(after))
    start = text.index("\n", start) + 1
    end = start
    while text.startswith("|", end):
        end = text.index("\n", end) + 1
    lines = "".join(f"| {' | '.join(row)} |\n" for row in rows)
    return text[:start] + lines + text[end:]


def reference(text: str) -> str:
    """docs/REFERENCE.md as it is to be."""
    text = with_table(text, "## Keys", keys())
    text = with_table(text, "## Commands", commands())
    for section in dict.fromkeys(row.section for row in option_help()):
        text = with_table(text, f"`[{section}]`:", options(section))
    return text


if __name__ == "__main__":
    REFERENCE.write_text(reference(REFERENCE.read_text(encoding="utf-8")), encoding="utf-8")
    EXAMPLE.write_text(render_example(), encoding="utf-8")

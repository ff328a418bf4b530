"""README.md as data: its code blocks and its tables."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
README = ROOT / "README.md"


@dataclass(frozen=True, slots=True)
class Block:
    """A code block: its language, what the comment before it says, where it starts, its text."""

    language: str
    mark: str | None
    line: int
    text: str

    def __str__(self) -> str:
        return f"README.md line {self.line}"


def blocks(text: str) -> list[Block]:
    """Every code block of a Markdown text. A mark is ``<!-- NAME -->`` on the line before."""
    found = []
    lines = text.splitlines()
    start: int | None = None
    for number, line in enumerate(lines):
        if not line.startswith("```"):
            continue
        if start is None:
            start = number
            continue
        marked = re.fullmatch(r"<!-- (.+) -->", lines[start - 1]) if start else None
        inside = "\n".join(lines[start + 1 : number]) + "\n"
        found.append(Block(lines[start][3:], marked and marked[1], start + 1, inside))
        start = None
    assert start is None, f"the code block of line {start} has no end"
    return found


def table(text: str, heads: tuple[str, ...], after: str = "") -> list[tuple[str, ...]]:
    """The rows of the first table with these ``heads`` behind the text ``after``."""
    lines = text[text.index(after) :].splitlines()
    start = lines.index(f"| {' | '.join(heads)} |") + 2
    rows = []
    for line in lines[start:]:
        if not line.startswith("|"):
            break
        rows.append(tuple(cell.strip() for cell in line.strip("|").split("|")))
    return rows


def block(language: str, mark: str | None = None) -> list[Block]:
    """The README's blocks of one language with this mark."""
    text = README.read_text(encoding="utf-8")
    return [one for one in blocks(text) if (one.language, one.mark) == (language, mark)]

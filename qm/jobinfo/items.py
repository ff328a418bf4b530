"""What the readers hand to the validator: key, value and line, as they stand in the file."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from qm.errors import InfoError

LONGEST_SHOWN = 60
"""Characters of a value that a message repeats."""

_PAIR = re.compile(r"([^:=]*)[:=](.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Item:
    """One setting: its normalised key, the text of its value, its 1-based line.

    ``shown`` is how messages name it: as the person wrote it, which for a
    Slurm or PBS option is not ``key`` and ``value``.
    """

    key: str
    value: str
    line: int
    shown: str


@dataclass(frozen=True, slots=True)
class Reading:
    """A file that was read but not checked; ``dialect`` as in JobOptions."""

    items: tuple[Item, ...]
    warnings: tuple[str, ...] = ()
    dialect: str = "qm"


def item(name: str, value: str, line: int) -> Item:
    """A setting under the ``name`` that stands in the file; the value loses outer blanks."""
    value = value.strip()
    return Item(normalise(name), value, line, f"{visible(name.strip())} = {quoted(value)}")


def normalise(name: str) -> str:
    """The key that ``name`` means: case, ``-`` and ``_`` make no difference."""
    return name.strip().lower().replace("-", "_")


def split_pair(text: str) -> tuple[str, str] | None:
    """Name and value of ``name : value`` or ``name = value``; None if it is neither.

    The first of the two signs divides; later ones belong to the value.
    """
    match = _PAIR.fullmatch(text)
    if match is None or not match[1].strip():
        return None
    return match[1].strip(), match[2].strip()


def refuse_duplicates(file: str, items: Iterable[Item]) -> None:
    """Raise InfoError where two items have the same key; it names both lines."""
    first: dict[str, Item] = {}
    for each in items:
        earlier = first.setdefault(each.key, each)
        if earlier is not each:
            raise InfoError(
                file,
                each.line,
                f"{each.shown} comes a second time; line {earlier.line} has {earlier.shown}",
                hint="Keep one of the two lines.",
            )


def quoted(text: str) -> str:
    """``text`` for a message: in quotes, shortened, with invisible characters escaped."""
    shortened = text if len(text) <= LONGEST_SHOWN else text[:LONGEST_SHOWN] + "…"
    return f'"{visible(shortened)}"'


def visible(text: str) -> str:
    """``text`` shortened to one line, with characters that do not print written as escapes."""
    return "".join(
        letter if letter.isprintable() else ascii(letter)[1:-1]
        for letter in text[: LONGEST_SHOWN + 1]
    )


def place(file: str, line: int, text: str) -> str:
    """A warning that says where: ``FILE line N: TEXT``, as errors do."""
    return f"{file} line {line}: {text}"

"""What lies in a folder that anybody may have filled: names, kinds, sizes; on every system."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import NamedTuple

_NUMBERS = re.compile(r"(\d+)")


class Kind(StrEnum):
    """What an entry of a folder is; links and junctions are never followed."""

    FILE = "file"
    FOLDER = "folder"
    LINK = "link"
    OTHER = "other"
    """A pipe, a socket, a device."""


class Item(NamedTuple):
    """An entry of a folder."""

    name: str
    kind: Kind
    size: int
    """Bytes; 0 for all but files."""
    changed_ns: int
    """Its last change in ns since the epoch."""
    inode: int


def natural(name: str) -> tuple[tuple[int, int, str], ...]:
    """A key that sorts as people do: ``a2`` before ``a10``, whatever the case."""
    parts = _NUMBERS.split(name.casefold())
    return tuple((0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts if part)

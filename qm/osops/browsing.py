"""Looking into folders that anybody may have filled, as this system does it."""

from __future__ import annotations

import heapq
import sys

from qm.osops import FolderHandle
from qm.osops.browse import Item, Kind, natural

if sys.platform == "win32":
    from qm.osops.windows_browse import PlainFile, entries_of, item_of, link_target, open_file
else:
    from qm.osops.posix_browse import PlainFile, entries_of, item_of, link_target, open_file

__all__ = [
    "Item",
    "Kind",
    "PlainFile",
    "entries_of",
    "item_of",
    "items_of",
    "link_target",
    "natural",
    "open_file",
]


def items_of(folder: FolderHandle, most: int) -> tuple[list[Item], int]:
    """The first ``most`` entries, folders first and by name, and how many there are in all.

    Of the others not even the size is asked for: a folder may have a million of them.
    """
    names = [*entries_of(folder)]
    total = len(names)
    first = heapq.nsmallest(most, names, key=lambda one: (not one[1], natural(one[0]), one[0]))
    items = []
    for name, _ in first:
        try:
            items.append(item_of(folder, name))
        except FileNotFoundError:
            total -= 1  # Gone between the two looks.
    return items, total

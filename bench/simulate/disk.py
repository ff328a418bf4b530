"""A disk in memory, with what a power cut takes: names in the order of the journal, data unsynced.

A change of names is pending until a sync makes it durable, together with all earlier changes of
the things it touches, as ext4, XFS, btrfs, APFS and NTFS do. A cut lets the first so many of the
pending changes survive (the file system commits now and then by itself) and undoes the rest. A
rename is one change, of both folders or of none. Data that no sync followed may be there, empty,
torn or zeros, whatever became of the name; after some time it is written back in any case.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from functools import cache
from random import Random
from typing import NamedTuple

_WRITTEN_BACK = 30_000_000_000
"""Nanoseconds after which a system brings data and names to disk by itself."""
_BLOCK = 4096


class Node:
    """A file (with ``data``) or a folder (with ``entries``)."""

    __slots__ = (
        "birth", "changed", "data", "dirty_since", "entries", "locked_by",
        "mode", "modified", "number", "synced",
    )  # fmt: skip

    def __init__(self, number: int, now: int, mode: int, *, folder: bool) -> None:
        self.number = number
        self.birth = self.changed = self.modified = now
        self.mode = mode
        self.entries: dict[str, Node] = {}
        self.data: bytearray | None = None if folder else bytearray()
        self.synced = b""
        self.dirty_since: int | None = None
        self.locked_by: object | None = None

    @property
    def is_folder(self) -> bool:
        """True for a folder."""
        return self.data is None


class _Change(NamedTuple):
    """A name that came or went, or both: a rename."""

    at: int
    node: Node
    source: Node | None
    old: str
    target: Node | None
    new: str
    replaced: Node | None

    def touches(self, things: set[Node]) -> bool:
        return self.node in things or self.source in things or self.target in things

    def undo(self) -> None:
        if self.target is not None:
            del self.target.entries[self.new]
            if self.replaced is not None:
                self.target.entries[self.new] = self.replaced
        if self.source is not None:
            self.source.entries[self.old] = self.node


def fault(number: int, name: str) -> OSError:
    """The error that a system call gives, of the class that belongs to its number."""
    return OSError(number, _said(number), name)


_said = cache(os.strerror)


class Disk:
    """Files and folders. ``now`` gives nanoseconds since the epoch."""

    def __init__(self, now: Callable[[], int]) -> None:
        self._now = now
        self._number = 100
        self._pending: list[_Change] = []
        self._dirty: dict[Node, None] = {}
        self.root = self.make_folder()
        self.arrived: Callable[[Node, str, str], None] | None = None
        """Told of each name that a rename or a new entry gives: folder, name, name before."""

    def make_folder(self) -> Node:
        """A folder without a name yet."""
        self._number += 1
        return Node(self._number, self._now(), 0o40755, folder=True)

    def make_file(self) -> Node:
        """An empty file without a name yet."""
        self._number += 1
        return Node(self._number, self._now(), 0o100644, folder=False)

    def find(self, path: str, start: Node | None = None) -> Node:
        """What lies at ``path``; FileNotFoundError, NotADirectoryError."""
        node = self.root if start is None or path.startswith("/") else start
        for part in path.split("/"):
            if part and part != ".":
                if node.data is not None:
                    raise fault(errno.ENOTDIR, path)
                found = node.entries.get(part)
                if found is None:
                    raise fault(errno.ENOENT, path)
                node = found
        return node

    def parent(self, path: str, start: Node | None = None) -> tuple[Node, str]:
        """The folder that holds, or would hold, what ``path`` names, and its name there."""
        if "/" not in path:
            return self.root if start is None else start, path
        head, _, name = path.rpartition("/")
        folder = self.find(head or "/", start)
        if folder.data is not None:
            raise fault(errno.ENOTDIR, path)
        return folder, name

    def link(self, folder: Node, name: str, node: Node) -> None:
        """Give a new thing its name."""
        now = self._now()
        folder.entries[name] = node
        folder.modified = folder.changed = now
        self._pending.append(_Change(now, node, None, "", folder, name, None))
        if self.arrived is not None:
            self.arrived(folder, name, "")

    def unlink(self, folder: Node, name: str) -> None:
        """Take a name away, and all that is below it."""
        now = self._now()
        node = folder.entries.pop(name)
        folder.modified = folder.changed = now
        self._pending.append(_Change(now, node, folder, name, None, "", None))

    def rename(self, source: Node, old: str, target: Node, new: str) -> None:
        """One rename; as POSIX has it, a file and an empty folder are replaced."""
        node = source.entries.get(old)
        if node is None:
            raise fault(errno.ENOENT, old)
        there = target.entries.get(new)
        if there is node:
            return
        if there is not None:
            if node.is_folder and not there.is_folder:
                raise fault(errno.ENOTDIR, new)
            if there.is_folder and (not node.is_folder or there.entries):
                raise fault(errno.ENOTEMPTY if node.is_folder else errno.EISDIR, new)
        now = self._now()
        del source.entries[old]
        target.entries[new] = node
        source.modified = source.changed = target.modified = target.changed = now
        node.changed = now
        self._pending.append(_Change(now, node, source, old, target, new, there))
        if self.arrived is not None:
            self.arrived(target, new, old)

    def write(self, node: Node, at: int | None, data: bytes) -> None:
        """Write at an offset, or (None) at the end."""
        assert node.data is not None
        self._soil(node)
        if at is None:
            node.data += data
        else:
            node.data[at : at + len(data)] = data

    def cut_off(self, node: Node, size: int) -> None:
        """Shorten a file."""
        assert node.data is not None
        self._soil(node)
        del node.data[size:]

    def _soil(self, node: Node) -> None:
        now = self._now()
        node.modified = node.changed = now
        if node.dirty_since is not None and now - node.dirty_since > _WRITTEN_BACK:
            self._clean(node)
        if node.dirty_since is None:
            node.dirty_since = now
            self._dirty[node] = None

    def _clean(self, node: Node) -> None:
        if node.data is not None:
            node.synced = bytes(node.data)
            node.dirty_since = None
            self._dirty.pop(node, None)

    def sync(self, node: Node) -> None:
        """Bring one thing to disk: its data, its names, and the changes that these need."""
        self._clean(node)
        things, kept = {node}, []
        old = self._now() - _WRITTEN_BACK
        for change in reversed(self._pending):
            if change.touches(things):
                things.add(change.node)
                things.update(one for one in (change.source, change.target) if one is not None)
            elif change.at > old:
                kept.append(change)
        kept.reverse()
        self._pending = kept

    def settle(self) -> None:
        """All that is there now is on disk: it has been for long."""
        self._pending.clear()
        for node in list(self._dirty):
            self._clean(node)

    def cut(self, random: Random) -> None:
        """The power goes: what was not synced survives as far as ``random`` says."""
        old = self._now() - _WRITTEN_BACK
        safe = sum(change.at <= old for change in self._pending)
        survive = safe + random.randrange(len(self._pending) - safe + 1)
        for change in reversed(self._pending[survive:]):
            change.undo()
        self._pending.clear()
        for node in list(self._dirty):
            if node.dirty_since is not None and node.dirty_since > old:
                node.data = bytearray(_after_cut(node, random))
            self._clean(node)
        for _, node in self.walk():
            node.locked_by = None

    def walk(self, start: Node | None = None, prefix: str = "") -> Iterator[tuple[str, Node]]:
        """Every path and what lies there, a folder before what is in it."""
        for name, node in (self.root if start is None else start).entries.items():
            path = f"{prefix}/{name}"
            yield path, node
            if node.data is None:
                yield from self.walk(node, path)


def _after_cut(node: Node, random: Random) -> bytes:
    """What is left of data that no sync followed."""
    assert node.data is not None
    new, old = bytes(node.data), node.synced
    begin = len(old) if new.startswith(old) else 0
    match random.randrange(5):
        case 0:
            return new
        case 1:
            return old
        case 2:
            return new[: begin + random.randrange(len(new) - begin + 1)]
        case 3:
            return new[:begin] + bytes(min(len(new) - begin, _BLOCK))
        case _:
            return new[:begin]

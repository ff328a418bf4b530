"""Entries and plain files of folders by path, on Windows.

A file is open only while a piece of it is read: an open one would keep the
whole job folder from being moved.
"""

from __future__ import annotations

import sys

assert sys.platform == "win32"

import io
import os
import stat
from collections.abc import Iterator
from types import TracebackType

from qm.osops.browse import Item, Kind
from qm.osops.windows_files import FolderHandle, NotAPlainFile
from qm.osops.windows_handles import (
    GENERIC_READ,
    OPEN_EXISTING,
    PATIENCE_OF_A_READER,
    is_link,
    native,
    open_fd,
)


class PlainFile:
    """A regular file, opened for each piece that is read of it."""

    def __init__(self, path: str) -> None:
        self._path = path
        fd = self._open()
        try:
            status = os.fstat(fd)
        finally:
            os.close(fd)
        self.size = status.st_size
        """Bytes, when it was opened."""
        self.changed_ns = status.st_mtime_ns
        self.inode = status.st_ino

    def read_at(self, offset: int, size: int) -> bytes:
        """At most ``size`` bytes from ``offset`` on; fewer only at the end of the file.

        FileNotFoundError where it was moved, or another file has its name.
        """
        found = bytearray(size)
        return bytes(found[: self.read_into(offset, memoryview(found))])

    def read_into(self, offset: int, buffer: memoryview) -> int:
        """Fill ``buffer`` from ``offset`` on; how many bytes: fewer only at the end of the file.

        FileNotFoundError where it was moved, or another file has its name.
        """
        filled = 0
        with io.FileIO(self._open()) as file:
            if os.fstat(file.fileno()).st_ino != self.inode:
                raise FileNotFoundError(f"{self._path} is another file now")
            file.seek(offset)
            while filled < len(buffer) and (more := file.readinto(buffer[filled:])):
                filled += more
        return filled

    def close(self) -> None:
        """Nothing is held open; here so that every system is used alike."""

    def __enter__(self) -> PlainFile:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _open(self) -> int:
        return open_fd(self._path, GENERIC_READ, OPEN_EXISTING, patience=PATIENCE_OF_A_READER)


def open_file(folder: FolderHandle, name: str) -> PlainFile:
    """Open the regular file ``name``; no link is followed.

    Raises NotAPlainFile for anything else, other OSError where it cannot be opened.
    """
    if item_of(folder, name).kind is not Kind.FILE:
        raise NotAPlainFile(f"{name} is not a plain file")
    return PlainFile(os.path.join(folder.path, name))


def item_of(folder: FolderHandle, name: str) -> Item:
    """What the entry ``name`` is; FileNotFoundError where there is none."""
    if ":" in name:
        # NTFS would take what follows the colon for a stream of another file.
        raise FileNotFoundError(f"Windows has no {name}")
    status = os.lstat(native(os.path.join(folder.path, name)))
    kind = _kind(status)
    size = status.st_size if kind is Kind.FILE else 0
    return Item(name, kind, size, status.st_mtime_ns, status.st_ino)


def link_target(folder: FolderHandle, name: str) -> str:
    """Where the link or junction ``name`` leads, as it says itself."""
    return os.readlink(native(os.path.join(folder.path, name)))


def entries_of(folder: FolderHandle) -> Iterator[tuple[str, bool]]:
    """The names inside, in no order, and whether each one is a folder."""
    with os.scandir(native(folder.path)) as entries:
        for entry in entries:
            yield entry.name, entry.is_dir(follow_symlinks=False)


def _kind(status: os.stat_result) -> Kind:
    if is_link(status):
        return Kind.LINK
    if stat.S_ISREG(status.st_mode):
        return Kind.FILE
    return Kind.FOLDER if stat.S_ISDIR(status.st_mode) else Kind.OTHER

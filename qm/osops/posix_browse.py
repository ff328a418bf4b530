"""Entries and plain files of folders held open, on Linux and macOS."""

from __future__ import annotations

import sys

assert sys.platform != "win32"

import io
import os
import stat
from collections.abc import Iterator
from types import TracebackType

from qm.osops.browse import Item, Kind
from qm.osops.posix_files import FolderHandle, NotAPlainFile

_OPEN = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY


class PlainFile:
    """A regular file held open: it stays the same one wherever it is moved."""

    def __init__(self, fd: int, status: os.stat_result) -> None:
        self._fd = fd
        self.size = status.st_size
        """Bytes, when it was opened."""
        self.changed_ns = status.st_mtime_ns
        self.inode = status.st_ino

    def read_at(self, offset: int, size: int) -> bytes:
        """At most ``size`` bytes from ``offset`` on; fewer only at the end of the file."""
        found = b""
        while len(found) < size:
            more = os.pread(self._fd, size - len(found), offset + len(found))
            if not more:
                break
            found += more
        return found

    def read_into(self, offset: int, buffer: memoryview) -> int:
        """Fill ``buffer`` from ``offset`` on; how many bytes: fewer only at the end of the file."""
        filled = 0
        # Not os.preadv: macOS has it only lately.
        with io.FileIO(self._fd, closefd=False) as file:
            file.seek(offset)
            while filled < len(buffer) and (more := file.readinto(buffer[filled:])):
                filled += more
        return filled

    def close(self) -> None:
        """Let go of the file; harmless when repeated."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def __enter__(self) -> PlainFile:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def open_file(folder: FolderHandle, name: str) -> PlainFile:
    """Open the regular file ``name``; no link is followed and no pipe waited for.

    Raises NotAPlainFile for anything else, other OSError where it cannot be opened.
    """
    if item_of(folder, name).kind is not Kind.FILE:
        # Not even opened: opening a device may do something.
        raise NotAPlainFile(f"{name} is not a plain file")
    fd = os.open(name, _OPEN, dir_fd=folder.fd)
    status = os.fstat(fd)
    if not stat.S_ISREG(status.st_mode):
        os.close(fd)
        raise NotAPlainFile(f"{name} is not a plain file")
    return PlainFile(fd, status)


def item_of(folder: FolderHandle, name: str) -> Item:
    """What the entry ``name`` is; FileNotFoundError where there is none."""
    status = os.stat(name, dir_fd=folder.fd, follow_symlinks=False)
    kind = _kind(status.st_mode)
    size = status.st_size if kind is Kind.FILE else 0
    return Item(name, kind, size, status.st_mtime_ns, status.st_ino)


def link_target(folder: FolderHandle, name: str) -> str:
    """Where the link ``name`` leads, as it says itself."""
    return os.readlink(name, dir_fd=folder.fd)


def entries_of(folder: FolderHandle) -> Iterator[tuple[str, bool]]:
    """The names inside, in no order, and whether each one is a folder."""
    with os.scandir(folder.fd) as entries:
        for entry in entries:
            yield entry.name, entry.is_dir(follow_symlinks=False)


def _kind(mode: int) -> Kind:
    if stat.S_ISREG(mode):
        return Kind.FILE
    if stat.S_ISDIR(mode):
        return Kind.FOLDER
    return Kind.LINK if stat.S_ISLNK(mode) else Kind.OTHER

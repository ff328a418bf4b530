"""The files of an order, as they are sent: by path, each with where its bytes come from."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from qm.errors import QMError, Refused
from qm.names import shown
from qm.osops.scanning import is_junk, is_own
from qm.submit.source import Filled, Made, Work


@dataclass(frozen=True, slots=True)
class Item:
    """One file: ``size`` bytes, which ``data`` or the file ``source`` has.

    ``path`` is that inside the job, divided by ``/``.
    """

    path: str
    size: int
    executable: bool = False
    data: bytes | None = None
    source: str | None = None

    def read(self, offset: int, size: int) -> bytes:
        """Some of its bytes; QMError where the file is another one by now."""
        if self.data is not None:
            return self.data[offset : offset + size]
        assert self.source is not None
        try:
            with open(self.source, "rb") as file:
                file.seek(offset)
                found = file.read(size)
        except OSError as error:
            raise _unreadable(self.source, error) from error
        if len(found) != min(size, self.size - offset):
            raise QMError(f"{shown(self.source)} has become shorter while it was sent")
        return found


@dataclass(frozen=True, slots=True)
class Parcel:
    """A job to be sent: its files, and the folders in it that are empty."""

    name: str
    items: tuple[Item, ...]
    folders: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        """Bytes in all."""
        return sum(item.size for item in self.items)


def parcel_of(work: Work) -> Parcel:
    """What is to be sent for an order's work.

    A link to a file is sent as that file, as copy programs do. Raises Refused for a link
    to a folder and for a pipe, QMError where something cannot be read.
    """
    if isinstance(work, Made):
        return Parcel(work.name, tuple(_made(name, data) for name, data in work.files.items()))
    if isinstance(work, Filled):
        filled = [_made(name, data) for name, data in work.files.items()]
        copied, folders = _walk(work.template.path)
        others = [item for item in copied if item.path not in work.files]
        return Parcel(work.name, (*filled, *others), tuple(folders))
    if work.stored_as is not None:
        return Parcel(work.name, (_file(work.path, work.stored_as),))
    items, folders = _walk(work.path)
    return Parcel(work.name, tuple(items), tuple(folders))


def _made(name: str, data: bytes) -> Item:
    return Item(name, len(data), data=data)


def _walk(top: str) -> tuple[list[Item], list[str]]:
    items: list[Item] = []
    empty: list[str] = []
    stack: list[tuple[str, str, Callable[[str], bool]]] = [(top, "", is_own)]
    while stack:
        folder, prefix, skip = stack.pop()
        count = 0
        for entry in _entries(folder):
            if skip(entry.name) or is_junk(entry.name):
                continue
            count += 1
            path = prefix + entry.name
            if entry.is_dir(follow_symlinks=False):
                stack.append((entry.path, f"{path}/", _nothing))
            else:
                items.append(_file(entry.path, path))
        if not count and prefix:
            empty.append(prefix.rstrip("/"))
    return sorted(items, key=lambda item: item.path), sorted(empty)


def _entries(folder: str) -> Iterator[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            yield from entries
    except OSError as error:
        raise _unreadable(folder, error) from error


def _file(source: str, path: str) -> Item:
    try:
        status = os.stat(source)
    except OSError as error:
        raise _unreadable(source, error) from error
    if stat.S_ISDIR(status.st_mode):
        raise Refused(f"{shown(source)} is a link to a folder", "Put the folder itself there.")
    # Before it is opened: opening a pipe would wait for its writer.
    if not stat.S_ISREG(status.st_mode):
        raise Refused(
            f"{shown(source)} is a pipe, a socket or a device, which cannot be sent",
            "Remove it from the folder.",
        )
    return Item(path, status.st_size, bool(status.st_mode & stat.S_IXUSR), source=source)


def _nothing(name: str) -> bool:
    return False


def _unreadable(path: str, error: OSError) -> QMError:
    return QMError(f"cannot read {shown(path)}: {error.strerror or error}")

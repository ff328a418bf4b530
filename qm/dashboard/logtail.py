"""The end of a log: however large it is, only its last bytes are read."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass

_FLAGS = (
    os.O_RDONLY
    | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_NONBLOCK", 0)
    | getattr(os, "O_BINARY", 0)
    | getattr(os, "O_CLOEXEC", 0)
)


@dataclass(frozen=True, slots=True)
class Stamp:
    """By which a file is seen to be unchanged."""

    inode: int
    size: int
    modified: int


@dataclass(frozen=True, slots=True)
class Tail:
    """The last bytes of a file, and how many lie before them."""

    data: bytes
    before: int
    stamp: Stamp


def read_tail(path: str, limit: int, known: Stamp | None = None) -> Tail | None:
    """The last ``limit`` bytes of the plain file ``path``; None where it is as ``known``.

    OSError where it cannot be read or is no plain file. It is open only for a
    moment: on Windows an open file would keep its folder from being moved.
    """
    fd = os.open(path, _FLAGS)
    try:
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode):
            raise FileNotFoundError(f"{path} is not a plain file")
        stamp = Stamp(status.st_ino, status.st_size, status.st_mtime_ns)
        if stamp == known:
            return None
        before = max(0, status.st_size - limit)
        os.lseek(fd, before, os.SEEK_SET)
        return Tail(_read(fd, status.st_size - before), before, stamp)
    finally:
        os.close(fd)


def _read(fd: int, size: int) -> bytes:
    parts = []
    while size > 0 and (data := os.read(fd, size)):
        parts.append(data)
        size -= len(data)
    return b"".join(parts)

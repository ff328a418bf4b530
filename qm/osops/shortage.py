"""What the machine may lack for a while: room on a disk, open files, memory."""

from __future__ import annotations

import errno
import os
import shutil
import sys
from dataclasses import dataclass

_PASSING = frozenset(
    {errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EAGAIN, errno.EINTR, errno.ENOBUFS}
    | {getattr(errno, name) for name in ("ESTALE", "ETIMEDOUT") if hasattr(errno, name)}
)


def is_passing(error: OSError) -> bool:
    """True where an error says nothing about the file: the process or the machine lacks
    something just now, and the same call will do later. What is there must not be taken
    for absent or damaged because of it.
    """
    return error.errno in _PASSING


@dataclass(frozen=True, slots=True)
class Room:
    """What is left on a disk for this user."""

    free: int
    """Bytes."""
    size: int
    """Bytes of the whole disk."""
    files: int | None
    """How many more files it can hold; None where it does not count them."""
    read_only: bool


def room_of(path: str) -> Room:
    """The disk that ``path`` lies on. OSError where it is not there."""
    if sys.platform == "win32":
        usage = shutil.disk_usage(path)
        return Room(usage.free, usage.total, None, read_only=False)
    found = os.statvfs(path)
    return Room(
        free=found.f_bavail * found.f_frsize,
        size=found.f_blocks * found.f_frsize,
        files=found.f_favail if found.f_files else None,
        read_only=bool(found.f_flag & os.ST_RDONLY),
    )

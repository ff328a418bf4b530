"""By which a change of the index is seen without reading it."""

from __future__ import annotations

import os

Stamp = tuple[tuple[int, int, int] | None, ...]
"""Inode, size and time of the index and of its log; None for one that is not there."""


def stamp_of(index_file: str) -> Stamp:
    """The stamp now; it changes with each transaction of the manager."""
    return tuple(_look(index_file + suffix) for suffix in ("", "-wal"))


def _look(path: str) -> tuple[int, int, int] | None:
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns

"""What an error of SQLite says of the index: damaged, or only out of reach for now."""

from __future__ import annotations

import os
import sqlite3

_OUT_OF_REACH = frozenset(
    {
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_CANTOPEN,
    }
)
_MAY_PASS = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_IOERR})
GIVE_UP = 20
"""Errors in a row of the kind that may pass, after which an index is made anew all the same."""


def gravity(error: Exception, path: str) -> int:
    """How much an error counts towards :data:`GIVE_UP`.

    A full disk and want of open files say nothing against the file, so nothing;
    somebody's lock may be forgotten, so one; whatever else SQLite says is damage.
    """
    if isinstance(error, OSError):
        return 0
    # The lower byte is the kind; see https://www.sqlite.org/rescode.html
    kind = (getattr(error, "sqlite_errorcode", None) or sqlite3.SQLITE_CORRUPT) & 0xFF
    if kind == sqlite3.SQLITE_CANTOPEN and os.path.lexists(path) and not os.path.isfile(path):
        return GIVE_UP
    if kind in _OUT_OF_REACH:
        return 0
    return 1 if kind in _MAY_PASS else GIVE_UP


def remove_index(path: str) -> None:
    """Take an index away, with SQLite's files beside it: deleted, but for a folder or a link that
    somebody has put there, which is renamed. OSError where that is not possible.
    """
    for suffix in ("", "-wal", "-shm"):
        file = path + suffix
        if os.path.isfile(file) and not os.path.islink(file):
            os.unlink(file)
        elif os.path.lexists(file):
            os.rename(file, _free(f"{file}.aside"))  # noqa: TID251 within .qm, no job folder


def _free(path: str) -> str:
    number, free = 2, path
    while os.path.lexists(free):
        free, number = f"{path}.{number}", number + 1
    return free

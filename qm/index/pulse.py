"""Whether the index has changed since one last looked: cheap enough for ten times a second."""

from __future__ import annotations

import os
import sqlite3
from urllib.parse import quote

_LOOK_FOR_ANOTHER = 10
"""Looks after which it is made sure that the file is still the one that is open."""


class Pulse:
    """Feels an index. It keeps a connection open, and belongs to the thread that made it."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._connection: sqlite3.Connection | None = None
        self._inode = 0
        self._version = -1
        self._looks = 0

    def has_changed(self) -> bool:
        """True if anything was written since the last call; also at first.

        False as long as there is no index that can be read.
        """
        self._looks += 1
        if self._connection is not None and self._looks % _LOOK_FOR_ANOTHER == 0:
            self._look_for_another()
        try:
            if self._connection is None and not self._open():
                return False
            version = self._read()
        except sqlite3.Error:
            self.close()
            return False
        changed, self._version = version != self._version, version
        return changed

    def close(self) -> None:
        """Let go of the file; the next look opens it again."""
        connection, self._connection = self._connection, None
        self._version = -1
        if connection is not None:
            connection.close()

    def _open(self) -> bool:
        try:
            self._inode = os.stat(self._path).st_ino
        except OSError:
            return False
        uri = f"file:{quote(self._path)}?mode=ro"
        self._connection = sqlite3.connect(uri, uri=True, timeout=0, isolation_level=None)
        return True

    def _read(self) -> int:
        """SQLite's count of what others have committed (PRAGMA data_version)."""
        assert self._connection is not None
        (version,) = self._connection.execute("PRAGMA data_version").fetchone()
        return int(version)

    def _look_for_another(self) -> None:
        try:
            same = os.stat(self._path).st_ino == self._inode
        except OSError:
            same = False
        if not same:
            self.close()

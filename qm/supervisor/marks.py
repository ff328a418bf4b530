"""The marks that people and the manager leave in a running job's folder: kill and suspend."""

from __future__ import annotations

import json
from typing import Any

from qm.osops import FolderHandle

_LIMIT = 1 << 16
_SUSPEND = "suspend"


class Marks:
    """Reads the marks of one attempt; those of others, and damaged ones, are not there."""

    def __init__(self, records: FolderHandle, attempt: int, token: str) -> None:
        self._records = records
        self._mine = (attempt, token)
        self._suspended = False

    def is_mine(self, mark: Any) -> bool:
        """True for a mark that names this attempt and its token."""
        return isinstance(mark, dict) and (mark.get("attempt"), mark.get("token")) == self._mine

    def kill(self) -> dict[str, Any] | None:
        """The request to end, if there is one."""
        try:
            return self._read("kill")
        except OSError:
            return None

    def suspend_changed(self) -> bool | None:
        """True if the mark to suspend has come since the last look, False if it has gone, or None.

        Only the change counts: an order by the pipe may come before its mark,
        or the mark may never be written on a full disk.
        """
        try:
            found = self._read(_SUSPEND) is not None
            if found == self._suspended or (not found and not self._records.exists("lock")):
                # Without even the lock the folder was deleted: nobody took the mark away.
                return None
        except OSError:
            return None
        self._suspended = found
        return found

    def forget_suspend(self) -> None:
        """The job has ended: take the mark away, which would not be true any more."""
        try:
            if self._read(_SUSPEND) is not None:
                self._records.remove(_SUSPEND)
        except OSError:
            return

    def _read(self, name: str) -> dict[str, Any] | None:
        data = self._records.read(name, _LIMIT)
        if not data:
            return None
        try:
            mark = json.loads(data)
        except (ValueError, RecursionError):
            return None
        return mark if self.is_mine(mark) else None

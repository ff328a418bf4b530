"""The lock that makes a process the one manager of a QM_FOLDER: held, asked for, and by whom."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator

from qm.errors import QMError
from qm.folders.layout import Layout
from qm.osops import FolderHandle

_NAME = "manager.lock"
_PATIENCE = 2.0
_PAUSE = 0.02


@contextlib.contextmanager
def one_manager(layout: Layout, host: str) -> Iterator[None]:
    """Hold the lock, as a process of ``host``; QMError where another manager has it.

    Somebody who only looks may hold it for a moment.
    """
    until = time.monotonic() + _PATIENCE
    with FolderHandle.open(layout.own) as own:
        while (lock := own.lock(_NAME)) is None:
            if time.monotonic() > until:
                raise QMError(
                    f"a manager runs on {layout.root} already: {_holder(own)}",
                    "One manager serves one folder; `qm status` tells about it.",
                )
            time.sleep(_PAUSE)
    try:
        lock.write(f"host {host}, process {os.getpid()}\n")
        yield
    finally:
        lock.release()


def manager_runs(layout: Layout) -> bool:
    """True if a manager holds the lock of this QM_FOLDER."""
    try:
        with FolderHandle.open(layout.own) as own:
            if not own.exists(_NAME):
                return False
            lock = own.lock(_NAME)
    except OSError:
        return False
    if lock is None:
        return True
    lock.release()
    return False


def manager_says(layout: Layout) -> str:
    """What the lock file says of its holder: host and process id."""
    try:
        with FolderHandle.open(layout.own) as own:
            return _holder(own)
    except OSError:
        return ""


def _holder(own: FolderHandle) -> str:
    return (own.read(_NAME, 4096) or b"").decode("utf-8", "replace").strip()

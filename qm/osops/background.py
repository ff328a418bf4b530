"""Processes without a window of their own, and commands made of a link or a batch file."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence


def background_flags() -> int:
    """The ``creationflags`` of a process that serves us unseen; 0 where there are none.

    On Windows it gets no console window, and a Ctrl+C in ours does not reach
    it. ``start_new_session`` does the latter on other systems.
    """
    if sys.platform == "win32":
        return subprocess.CREATE_NO_WINDOW | subprocess.CREATE_NEW_PROCESS_GROUP
    return 0


def spawn_detached(command: Sequence[str], output: str) -> subprocess.Popen[bytes]:
    """Start a process that outlives this one, its terminal and its session.

    What it prints is appended to the file ``output``. Its current folder is
    the root, so that it keeps no disk busy. Raises OSError.
    """
    flags = background_flags()
    if sys.platform == "win32":
        # A terminal may hold its programs in a job object that ends them all when it is closed.
        try:
            return _spawn(command, output, flags | subprocess.CREATE_BREAKAWAY_FROM_JOB)
        except PermissionError:
            pass  # That job object lets nobody out.
    return _spawn(command, output, flags)


def _spawn(command: Sequence[str], output: str, flags: int) -> subprocess.Popen[bytes]:
    with open(output, "ab") as file:
        return subprocess.Popen(
            list(command),
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            cwd=os.path.abspath(os.sep),
            start_new_session=True,
            creationflags=flags,
        )


def batch_encoding() -> str | None:
    """The encoding that cmd.exe reads batch files in; None where a command may be a link.

    Links need rights on Windows that people do not have.
    """
    return "oem" if sys.platform == "win32" else None

"""Processes without a window of their own, and commands made of a link or a batch file."""

from __future__ import annotations

import subprocess
import sys


def background_flags() -> int:
    """The ``creationflags`` of a process that serves us unseen; 0 where there are none.

    On Windows it gets no console window, and a Ctrl+C in ours does not reach
    it. ``start_new_session`` does the latter on other systems.
    """
    if sys.platform == "win32":
        return subprocess.CREATE_NO_WINDOW | subprocess.CREATE_NEW_PROCESS_GROUP
    return 0


def batch_encoding() -> str | None:
    """The encoding that cmd.exe reads batch files in; None where a command may be a link.

    Links need rights on Windows that people do not have.
    """
    return "oem" if sys.platform == "win32" else None

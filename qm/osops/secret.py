"""Files that are for their owner's eyes only."""

from __future__ import annotations

import os
import stat
import sys


def others_may_read(status: os.stat_result) -> bool:
    """True if more people than the owner may read or change the file.

    Always False on Windows, where the rights of a file are those of its
    folder, and a home folder is its owner's.
    """
    if sys.platform == "win32":
        return False
    return bool(stat.S_IMODE(status.st_mode) & (stat.S_IRWXG | stat.S_IRWXO))


def is_ours_alone(status: os.stat_result) -> bool:
    """True if this process's person owns the file, and nobody else may read or change it.

    Always True on Windows, as :func:`others_may_read` has it.
    """
    if sys.platform == "win32":
        return True
    return status.st_uid == os.geteuid() and not others_may_read(status)

"""Whose a file is."""

from __future__ import annotations

import os
import sys


def owner_name(status: os.stat_result) -> str:
    """The login name of a file's owner, or its number; '' where the system keeps none."""
    if sys.platform == "win32":
        return ""
    import pwd

    try:
        return pwd.getpwuid(status.st_uid).pw_name
    except KeyError:
        return str(status.st_uid)

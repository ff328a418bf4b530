"""How many files this process may open."""

from __future__ import annotations

import contextlib
import sys

_WANTED = 65536
_OF_WINDOWS = 8192
"""What the C runtime allows at most; see _setmaxstdio."""


def raise_file_limit() -> None:
    """Deep folders and many supervisors need more open files than some systems start with."""
    if sys.platform == "win32":
        return
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _WANTED if hard == resource.RLIM_INFINITY else min(hard, _WANTED)
    if soft < wanted:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def file_limit() -> int:
    """How many files this process may have open."""
    if sys.platform == "win32":
        return _OF_WINDOWS
    import resource

    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]

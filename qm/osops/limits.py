"""How many files this process may open."""

from __future__ import annotations

import contextlib
import sys

_WANTED = 65536


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

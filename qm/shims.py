"""``python`` for scripts on systems where only ``python3`` exists."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys


def make_python_shim(folder: str) -> None:
    """Put ``python`` into ``folder``, the last one on every job's PATH.

    It is a link to the python3 on the path, else to the one that runs QM.
    """
    target = shutil.which("python3") or sys.executable
    shim = os.path.join(folder, "python")
    if os.path.islink(shim) and os.readlink(shim) == target:
        return
    with contextlib.suppress(OSError):
        if os.path.lexists(shim):
            os.unlink(shim)
        os.symlink(target, shim)

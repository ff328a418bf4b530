"""``python`` for scripts on systems where only ``python3`` exists."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
from collections.abc import Callable

from qm.osops.background import batch_encoding


def make_python_shim(
    folder: str, batch_encoding: Callable[[], str | None] = batch_encoding
) -> None:
    """Put ``python`` into ``folder``, the last one on every job's PATH.

    It is a link to the python3 on the path, else to the one that runs QM.
    Where ``batch_encoding`` names an encoding it is a batch file for the latter.
    """
    encoding = batch_encoding()
    with contextlib.suppress(OSError):
        if encoding is None:
            _link(os.path.join(folder, "python"), shutil.which("python3") or sys.executable)
        else:
            _write(os.path.join(folder, "python.bat"), _batch(sys.executable, encoding))


def _link(shim: str, target: str) -> None:
    if os.path.islink(shim) and os.readlink(shim) == target:
        return
    if os.path.lexists(shim):
        os.unlink(shim)
    os.symlink(target, shim)


def _batch(target: str, encoding: str) -> bytes:
    """A batch file that hands everything on; its exit code is that of ``target``."""
    # In a batch file, unlike on the command line, a % of a path is written twice.
    command = f'@"{target.replace("%", "%%")}" %*\r\n'
    return command.encode(encoding, "replace")


def _write(path: str, data: bytes) -> None:
    try:
        with open(path, "rb") as file:
            if file.read() == data:
                return
    except FileNotFoundError:
        pass
    with open(path, "wb") as file:
        file.write(data)

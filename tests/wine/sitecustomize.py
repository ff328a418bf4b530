"""What Windows does and Wine does not: a folder in which a file is open cannot be renamed.

Python imports this at its start where the folder is in ``PYTHONPATH``. Wine
knows who has a file open, so each one is asked for alone before a rename.
"""

from __future__ import annotations

import ctypes
import os
import sys

if sys.platform == "win32":
    _GENERIC_READ = 0x80000000
    _OPEN_EXISTING = 3
    _SHARING_VIOLATION = 32
    _ACCESS_DENIED = 5
    _kernel32 = ctypes.WinDLL("kernel32", use_last_error=True)
    _kernel32.CreateFileW.restype = ctypes.c_void_p
    _rename = os.rename

    def _is_open(path: str) -> bool:
        handle = _kernel32.CreateFileW(path, _GENERIC_READ, 0, None, _OPEN_EXISTING, 0, None)
        if handle == ctypes.c_void_p(-1).value:
            return ctypes.get_last_error() == _SHARING_VIOLATION
        _kernel32.CloseHandle(ctypes.c_void_p(handle))
        return False

    def rename(src: str, dst: str) -> None:
        """As ``os.rename``, and PermissionError (winerror 5) where NTFS would give it."""
        for folder, _, files in os.walk(src):
            for name in files:
                if _is_open(os.path.join(folder, name)):
                    raise PermissionError(13, "Access is denied", src, _ACCESS_DENIED, dst)
        _rename(src, dst)

    os.rename = rename  # type: ignore[assignment]

"""Files opened by CreateFileW, in ways that hinder nobody, and patience with those in use."""

from __future__ import annotations

import sys

assert sys.platform == "win32"

import ctypes
import msvcrt
import os
import stat
import time
from collections.abc import Callable
from ctypes import wintypes
from typing import TypeVar

from qm.osops import windows_names

_T = TypeVar("_T")

GENERIC_READ = 0x80000000
GENERIC_WRITE = 0x40000000
FILE_READ_ATTRIBUTES = 0x80
# Without FILE_WRITE_DATA the system itself puts every write at the end, also
# the writes of a child that inherits the handle.
APPEND = 0x120116 & ~0x2 | FILE_READ_ATTRIBUTES
SHARE_READ, SHARE_READ_WRITE, SHARE_ALL = 1, 3, 7
CREATE_NEW, CREATE_ALWAYS, OPEN_EXISTING, OPEN_ALWAYS = 1, 2, 3, 4

ACCESS_DENIED, SHARING_VIOLATION, LOCK_VIOLATION = 5, 32, 33
_IN_USE = frozenset({ACCESS_DENIED, SHARING_VIOLATION, LOCK_VIOLATION})
PATIENCE = 2.0
"""Seconds."""
PATIENCE_OF_A_READER = 0.5
_LONGEST_PAUSE = 0.05
NAME_SURROGATE = 0x20000000
"""The bit in the tag of a reparse point that says: this stands for something elsewhere."""
_LOCK_AT = 0x7FFF0000
"""The byte that is locked: far behind the text, since nobody can read a locked byte."""
_INVALID_HANDLE = ctypes.c_void_p(-1).value

_kernel32 = ctypes.WinDLL("kernel32", use_last_error=True)
_kernel32.CreateFileW.restype = wintypes.HANDLE
_kernel32.CreateFileW.argtypes = [
    wintypes.LPCWSTR,
    wintypes.DWORD,
    wintypes.DWORD,
    ctypes.c_void_p,
    wintypes.DWORD,
    wintypes.DWORD,
    wintypes.HANDLE,
]
_kernel32.CloseHandle.argtypes = [wintypes.HANDLE]
_kernel32.LockFile.argtypes = [wintypes.HANDLE, *[wintypes.DWORD] * 4]
_kernel32.UnlockFile.argtypes = [wintypes.HANDLE, *[wintypes.DWORD] * 4]


def native(path: str) -> str:
    r"""``path`` as the system reads it rightly: some names and lengths need ``\\?\``."""
    return windows_names.native(path, os.getcwd())


def open_handle(path: str, access: int, share: int, disposition: int, flags: int = 0) -> int:
    """CreateFileW: a handle that no child inherits; OSError with the path where refused."""
    handle = _kernel32.CreateFileW(native(path), access, share, None, disposition, flags, None)
    if handle == _INVALID_HANDLE:
        code = ctypes.get_last_error()
        raise OSError(0, ctypes.FormatError(code).strip(), path, code)
    return int(handle)


def close_handle(handle: int) -> None:
    """CloseHandle, for what :func:`open_handle` opened."""
    _kernel32.CloseHandle(handle)


def is_link(status: os.stat_result) -> bool:
    """True for a symbolic link or a junction; a cloud file is a reparse point, but no link."""
    return stat.S_ISLNK(status.st_mode) or bool(status.st_reparse_tag & NAME_SURROGATE)


def patiently(action: Callable[[], _T], patience: float = PATIENCE) -> _T:
    """Do it again while the file is in use: virus scanners and readers let go of it soon."""
    until = time.monotonic() + patience
    pause = 0.001
    while True:
        try:
            return action()
        except OSError as error:
            if error.winerror not in _IN_USE or time.monotonic() >= until:
                raise
        time.sleep(pause)
        pause = min(2 * pause, _LONGEST_PAUSE)


def open_fd(
    path: str, access: int, disposition: int, *, share: int = SHARE_ALL, patience: float = PATIENCE
) -> int:
    """A descriptor in binary mode; a file in use is waited for, ``patience`` seconds."""
    handle = patiently(lambda: open_handle(path, access, share, disposition), patience)
    return msvcrt.open_osfhandle(handle, os.O_BINARY | os.O_NOINHERIT)


def lock_file(fd: int) -> bool:
    """Take the lock on an open file; False where another handle has it."""
    if _kernel32.LockFile(msvcrt.get_osfhandle(fd), _LOCK_AT, 0, 1, 0):
        return True
    code = ctypes.get_last_error()
    if code == LOCK_VIOLATION:
        return False
    raise ctypes.WinError(code)


def unlock_file(fd: int) -> None:
    """Free the lock that :func:`lock_file` took."""
    _kernel32.UnlockFile(msvcrt.get_osfhandle(fd), _LOCK_AT, 0, 1, 0)

"""Names and ends on Windows: of signals, of the boot, of a process that is no child."""

from __future__ import annotations

import sys

assert sys.platform == "win32"

import ctypes
import signal
from ctypes import wintypes

_SYNCHRONIZE = 0x100000
_INFINITE = 0xFFFFFFFF
_NO_SUCH_PROCESS = 87

_kernel32 = ctypes.WinDLL("kernel32", use_last_error=True)
_kernel32.OpenProcess.restype = wintypes.HANDLE
_kernel32.OpenProcess.argtypes = [wintypes.DWORD, wintypes.BOOL, wintypes.DWORD]
_kernel32.CloseHandle.argtypes = [wintypes.HANDLE]
_kernel32.WaitForSingleObject.argtypes = [wintypes.HANDLE, wintypes.DWORD]
_ntdll = ctypes.WinDLL("ntdll")


def signal_name(number: int) -> str:
    """``SIGTERM`` for 15; ``SIG`` and the number where it has no name."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"SIG{number}"


def wait_for_end(pid: int) -> None:
    """Return when process ``pid``, not our child, has ended."""
    handle = _kernel32.OpenProcess(_SYNCHRONIZE, False, pid)
    if handle:
        _kernel32.WaitForSingleObject(handle, _INFINITE)
        _kernel32.CloseHandle(handle)
        return
    if ctypes.get_last_error() == _NO_SUCH_PROCESS:
        return
    import psutil

    try:
        psutil.Process(pid).wait()
    except psutil.Error:
        return


class _TimeOfDay(ctypes.Structure):
    _fields_ = (
        ("boot", ctypes.c_int64),
        ("now", ctypes.c_int64),
        ("zone_bias", ctypes.c_int64),
        ("zone", wintypes.ULONG),
        ("reserved", wintypes.ULONG),
        ("boot_bias", ctypes.c_uint64),
        ("sleep_bias", ctypes.c_uint64),
    )


def boot_id() -> str:
    """A name for the time since the last boot: it changes with every boot.

    SYSTEM_TIMEOFDAY_INFORMATION: whoever sets the clock moves ``boot`` and
    ``boot_bias`` alike, so their difference stays the same until the next boot.
    """
    times = _TimeOfDay()
    _ntdll.NtQuerySystemInformation(3, ctypes.byref(times), ctypes.sizeof(times), None)
    return f"boot-{times.boot - times.boot_bias}"

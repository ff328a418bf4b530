"""What a supervisor on Windows waits for: lines of the manager, and ends of scripts."""

from __future__ import annotations

import sys

assert sys.platform == "win32"

import ctypes
import os
import threading
from ctypes import wintypes

_INFINITE = 0xFFFFFFFF
_LONGEST_WAIT_MS = _INFINITE - 1

_kernel32 = ctypes.WinDLL("kernel32", use_last_error=True)
_kernel32.CreateEventW.restype = wintypes.HANDLE
_kernel32.CreateEventW.argtypes = [
    ctypes.c_void_p,
    wintypes.BOOL,
    wintypes.BOOL,
    wintypes.LPCWSTR,
]
_kernel32.SetEvent.argtypes = [wintypes.HANDLE]
_kernel32.WaitForMultipleObjects.argtypes = [
    wintypes.DWORD,
    ctypes.c_void_p,
    wintypes.BOOL,
    wintypes.DWORD,
]

WAKING: set[int] = set()
"""Handles of the scripts of this process: an end wakes Orders.wait, as SIGCHLD does elsewhere."""


class Orders:
    """Lines that the manager sends on standard input, and a wake when a script ends.

    Windows has no wait for a pipe and a process at once, so a thread reads.
    While it does, nobody else may use standard input: even a look at its type
    would wait for the next line.
    """

    def __init__(self) -> None:
        self.closed = False
        self._buffer = b""
        self._no_more = False
        self._guard = threading.Lock()
        self._came: int | None = _kernel32.CreateEventW(None, False, False, None)
        if not self._came:
            raise ctypes.WinError(ctypes.get_last_error())
        threading.Thread(target=self._read, name="orders", daemon=True).start()

    def _read(self) -> None:
        at_end = False
        while not at_end:
            try:
                data = os.read(0, 65536)
            except OSError:
                data = b""
            at_end = not data
            with self._guard:
                self._buffer += data
                self._no_more = at_end
            _kernel32.SetEvent(self._came)

    def wait(self, timeout: float | None) -> list[bytes]:
        """Complete lines that came, none after ``timeout`` seconds or when a script ended."""
        handles = [self._came, *WAKING]
        array = (wintypes.HANDLE * len(handles))(*handles)
        wait_ms = _INFINITE
        if timeout is not None:
            wait_ms = min(max(0, int(timeout * 1000 + 0.999)), _LONGEST_WAIT_MS)
        _kernel32.WaitForMultipleObjects(len(handles), array, False, wait_ms)
        with self._guard:
            *lines, self._buffer = self._buffer.split(b"\n")
            self.closed = self._no_more
        return lines

"""Job Objects: a set of processes that Windows keeps, counts and ends together."""

from __future__ import annotations

import sys

assert sys.platform == "win32"

import ctypes
import struct
from ctypes import wintypes

_BASIC_ACCOUNTING, _PROCESS_IDS, _EXTENDED_LIMITS = 1, 3, 9
_KILL_ON_JOB_CLOSE = 0x2000
_ERROR_MORE_DATA = 234
_COUNTS = struct.Struct("II")
_ID_SIZE = struct.calcsize("N")
_TICKS = 10_000_000
"""Units of 100 ns in a second."""

_kernel32 = ctypes.WinDLL("kernel32", use_last_error=True)
_kernel32.CreateJobObjectW.restype = wintypes.HANDLE
_kernel32.CreateJobObjectW.argtypes = [ctypes.c_void_p, wintypes.LPCWSTR]
_kernel32.SetInformationJobObject.argtypes = [
    wintypes.HANDLE,
    ctypes.c_int,
    ctypes.c_void_p,
    wintypes.DWORD,
]
_kernel32.QueryInformationJobObject.argtypes = [
    wintypes.HANDLE,
    ctypes.c_int,
    ctypes.c_void_p,
    wintypes.DWORD,
    ctypes.c_void_p,
]
_kernel32.AssignProcessToJobObject.argtypes = [wintypes.HANDLE, wintypes.HANDLE]
_kernel32.TerminateJobObject.argtypes = [wintypes.HANDLE, wintypes.UINT]
_kernel32.CloseHandle.argtypes = [wintypes.HANDLE]


class _BasicLimits(ctypes.Structure):
    _fields_ = (
        ("process_time", ctypes.c_int64),
        ("job_time", ctypes.c_int64),
        ("flags", wintypes.DWORD),
        ("smallest_working_set", ctypes.c_size_t),
        ("largest_working_set", ctypes.c_size_t),
        ("active_processes", wintypes.DWORD),
        ("affinity", ctypes.c_size_t),
        ("priority", wintypes.DWORD),
        ("scheduling", wintypes.DWORD),
    )


class _ExtendedLimits(ctypes.Structure):
    _fields_ = (
        ("basic", _BasicLimits),
        ("io", ctypes.c_uint64 * 6),
        ("process_memory", ctypes.c_size_t),
        ("job_memory", ctypes.c_size_t),
        ("peak_process_memory", ctypes.c_size_t),
        ("peak_job_memory", ctypes.c_size_t),
    )


class _Accounting(ctypes.Structure):
    _fields_ = (
        ("user_time", ctypes.c_int64),
        ("kernel_time", ctypes.c_int64),
        ("period_user_time", ctypes.c_int64),
        ("period_kernel_time", ctypes.c_int64),
        ("page_faults", wintypes.DWORD),
        ("processes", wintypes.DWORD),
        ("active_processes", wintypes.DWORD),
        ("terminated_processes", wintypes.DWORD),
    )


class JobObject:
    """A new Job Object; all its processes end when it is closed or its holder dies.

    The system closes it with the process that holds it, also when that one is
    killed: so a script never outlives the supervisor that answers for it.
    """

    def __init__(self) -> None:
        self._handle: int | None = _kernel32.CreateJobObjectW(None, None)
        if not self._handle:
            raise ctypes.WinError(ctypes.get_last_error())
        limits = _ExtendedLimits()
        limits.basic.flags = _KILL_ON_JOB_CLOSE
        size = ctypes.sizeof(limits)
        if not _kernel32.SetInformationJobObject(
            self._handle, _EXTENDED_LIMITS, ctypes.byref(limits), size
        ):
            error = ctypes.WinError(ctypes.get_last_error())
            self.close()
            raise error

    def __del__(self) -> None:
        self.close()

    def close(self) -> None:
        """End what is left in it and let go of it; harmless when repeated."""
        handle, self._handle = self._handle, None
        if handle:
            _kernel32.CloseHandle(handle)

    def add(self, process: int) -> None:
        """Put a process (a handle) in; what it starts from now on is in as well."""
        if not _kernel32.AssignProcessToJobObject(self._handle, process):
            raise ctypes.WinError(ctypes.get_last_error())

    def terminate(self, exit_code: int) -> None:
        """End every process in it at once, with this exit code."""
        _kernel32.TerminateJobObject(self._handle, exit_code)

    def pids(self) -> list[int]:
        """The processes that are in it now."""
        room = 64
        while True:
            # JOBOBJECT_BASIC_PROCESS_ID_LIST: two counts, then the ids, each as wide as a pointer.
            answer = ctypes.create_string_buffer(_COUNTS.size + room * _ID_SIZE)
            complete = self._query(_PROCESS_IDS, answer)
            assigned, listed = _COUNTS.unpack_from(answer)
            if complete:
                return list(struct.unpack_from(f"{listed}N", answer, _COUNTS.size))
            if ctypes.get_last_error() != _ERROR_MORE_DATA:
                raise ctypes.WinError(ctypes.get_last_error())
            room = max(2 * room, assigned)

    def cpu_seconds(self) -> float:
        """Processor time of all its processes, those that ended included, in seconds."""
        answer = _Accounting()
        if not self._query(_BASIC_ACCOUNTING, answer):
            raise ctypes.WinError(ctypes.get_last_error())
        return float(answer.user_time + answer.kernel_time) / _TICKS

    def peak_memory(self) -> int:
        """The most bytes that its processes had committed together at one moment."""
        answer = _ExtendedLimits()
        if not self._query(_EXTENDED_LIMITS, answer):
            raise ctypes.WinError(ctypes.get_last_error())
        return int(answer.peak_job_memory)

    def _query(self, what: int, answer: ctypes.Structure | ctypes.Array[ctypes.c_char]) -> bool:
        size = ctypes.sizeof(answer)
        return bool(
            _kernel32.QueryInformationJobObject(
                self._handle, what, ctypes.byref(answer), size, None
            )
        )

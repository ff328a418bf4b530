"""A script and its whole tree of processes on Windows."""

from __future__ import annotations

import sys

assert sys.platform == "win32"

import ctypes
import errno
import ntpath
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from ctypes import wintypes

from qm.osops.tree import carriers, end_processes, memory_and_cpu
from qm.osops.windows_files import FolderHandle
from qm.osops.windows_handles import native
from qm.osops.windows_jobobject import JobObject
from qm.osops.windows_names import is_verbatim

_CREATE_SUSPENDED = 0x4
# All of PROCESS_TERMINATE, SET_QUOTA, SUSPEND_RESUME, QUERY_LIMITED_INFORMATION, SYNCHRONIZE.
_PROCESS_RIGHTS = 0x1 | 0x100 | 0x800 | 0x1000 | 0x100000
_QUERY_LIMITED_INFORMATION = 0x1000
_SYNCHRONIZE = 0x100000
_INFINITE = 0xFFFFFFFF
_LONGEST_WAIT_MS = _INFINITE - 1
_NO_SUCH_PROCESS = 87
_LONGEST_COMMAND = 8191 - len('cmd.exe /d /s /c ""')
_NEEDED = ("SYSTEMROOT", "COMSPEC", "PATHEXT", "TEMP", "TMP")
"""What hardly a Windows program starts without."""
_ENDED_BY_QM = 0x514D0009
"""The exit code that end_now gives; none that a program would choose."""
_SIGNALS = {_ENDED_BY_QM: "SIGKILL", 0xC000013A: "SIGBREAK"}
"""Exit codes that stand for an end from outside; the second is STATUS_CONTROL_C_EXIT."""

_kernel32 = ctypes.WinDLL("kernel32", use_last_error=True)
_kernel32.OpenProcess.restype = wintypes.HANDLE
_kernel32.OpenProcess.argtypes = [wintypes.DWORD, wintypes.BOOL, wintypes.DWORD]
_kernel32.CreateEventW.restype = wintypes.HANDLE
_kernel32.CreateEventW.argtypes = [
    ctypes.c_void_p,
    wintypes.BOOL,
    wintypes.BOOL,
    wintypes.LPCWSTR,
]
_kernel32.SetEvent.argtypes = [wintypes.HANDLE]
_kernel32.CloseHandle.argtypes = [wintypes.HANDLE]
_kernel32.QueryFullProcessImageNameW.argtypes = [
    wintypes.HANDLE,
    wintypes.DWORD,
    ctypes.c_wchar_p,
    ctypes.c_void_p,
]
_kernel32.WaitForSingleObject.argtypes = [wintypes.HANDLE, wintypes.DWORD]
_kernel32.WaitForMultipleObjects.argtypes = [
    wintypes.DWORD,
    ctypes.c_void_p,
    wintypes.BOOL,
    wintypes.DWORD,
]
_ntdll = ctypes.WinDLL("ntdll")
_ntdll.NtResumeProcess.argtypes = [wintypes.HANDLE]

_running: set[ScriptProcess] = set()
"""Scripts of this process whose end wakes Orders.wait, as SIGCHLD does elsewhere."""


def stand_alone() -> None:
    """Make this process a supervisor: without a console, deaf to Ctrl+C and Ctrl+Break."""
    for number in (signal.SIGINT, signal.SIGBREAK):
        signal.signal(number, signal.SIG_IGN)
    _kernel32.FreeConsole()


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
        handles = [self._came, *(script.handle for script in _running)]
        array = (wintypes.HANDLE * len(handles))(*handles)
        wait_ms = _INFINITE
        if timeout is not None:
            wait_ms = min(max(0, int(timeout * 1000 + 0.999)), _LONGEST_WAIT_MS)
        _kernel32.WaitForMultipleObjects(len(handles), array, False, wait_ms)
        with self._guard:
            *lines, self._buffer = self._buffer.split(b"\n")
            self.closed = self._no_more
        return lines


class ScriptProcess:
    """A job's script and everything that it started, kept together by a Job Object.

    What is left of it ends with this object, and with the process that has it.
    """

    def __init__(
        self, child: subprocess.Popen[bytes], handle: int, job: JobObject, token: str
    ) -> None:
        self.pid = child.pid
        self.token = token
        self.handle = handle
        self.exit_code: int | None = None
        self.signal: str | None = None
        self.cpu_seconds = 0.0
        self.peak_memory = 0
        self.ended = False
        self._child = child
        self._job = job

    def __del__(self) -> None:
        _kernel32.CloseHandle(self.handle)

    @classmethod
    def start(
        cls,
        command: str,
        folder: FolderHandle,
        cwd: str | None,
        env: Mapping[str, str],
        stdout: int,
        stderr: int,
        token: str,
    ) -> ScriptProcess:
        """Run ``command`` by cmd.exe in the folder (or in ``cwd``); OSError where it cannot start.

        The process is put into its Job Object before it runs its first
        instruction, so nothing that it starts can be missed.
        """
        _check_command(command)
        place = folder.path if cwd is None else os.path.join(folder.path, cwd)
        _check_place(place)
        shell = ntpath.join(os.environ.get("SYSTEMROOT", "C:\\Windows"), "System32", "cmd.exe")
        job = JobObject()
        flags = subprocess.CREATE_NO_WINDOW | subprocess.CREATE_NEW_PROCESS_GROUP
        child = subprocess.Popen(
            f'cmd.exe /d /s /c "{command}"',
            executable=shell,
            cwd=place,
            env=_with_needed(env),
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            creationflags=flags | _CREATE_SUSPENDED,
        )
        # The pid cannot become another process's while `child` holds its handle.
        handle = _kernel32.OpenProcess(_PROCESS_RIGHTS, False, child.pid)
        try:
            if not handle:
                raise ctypes.WinError(ctypes.get_last_error())
            job.add(handle)
        except OSError:
            child.kill()
            child.wait()
            if handle:
                _kernel32.CloseHandle(handle)
            raise
        _ntdll.NtResumeProcess(handle)
        script = cls(child, handle, job, token)
        _running.add(script)
        return script

    def poll(self) -> bool:
        """Bring the accounts up to date; True once the script itself has ended."""
        code = self._child.poll()
        self.cpu_seconds = max(self.cpu_seconds, self._job.cpu_seconds())
        if code is not None and not self.ended:
            self.ended = True
            _running.discard(self)
            if not self.peak_memory:
                # Too short for a look at it: then what it had committed must do.
                self.peak_memory = self._job.peak_memory()
            self.signal = _SIGNALS.get(code)
            self.exit_code = None if self.signal else code
        return self.ended

    def sample(self) -> None:
        """Look at the memory of the whole tree now; keeps the highest."""
        memory, _ = memory_and_cpu(self._job.pids())
        self.peak_memory = max(self.peak_memory, memory)

    def survivors(self) -> list[int]:
        """Processes of the job that are left beside the script."""
        others = [pid for pid in self._job.pids() if pid != self.pid]
        # The system's own process behind a console goes a moment after its last user.
        return [pid for pid in others if ntpath.basename(_image(pid)).lower() != "conhost.exe"]

    def ask_to_end(self) -> None:
        """Ctrl+Break to the script's process group, where it can be sent; else nothing.

        It can be sent only to the console that the sender is attached to, and
        the script has one of its own (without a window).
        """
        if self.ended or not _kernel32.AttachConsole(self.pid):
            return
        try:
            _kernel32.GenerateConsoleCtrlEvent(signal.CTRL_BREAK_EVENT, self.pid)
        finally:
            _kernel32.FreeConsole()

    def end_now(self, patience: float, wait: Callable[[float], object]) -> list[int]:
        """End the tree until nothing is left; what is after ``patience`` s is returned."""
        until = time.monotonic() + patience
        while True:
            self._job.terminate(_ENDED_BY_QM)
            self.poll()
            left = self._job.pids()
            if self.ended and not left:
                # Who was started by a service on the job's behalf is not in the Job Object.
                left = carriers(self.token)
                if not left:
                    return []
                end_processes(left, force=True)
            if time.monotonic() > until:
                return left
            wait(0.01)


def _check_command(command: str) -> None:
    # cmd.exe itself would run the first line only, or cut the command off.
    if "\n" in command or "\r" in command:
        raise OSError(
            errno.EINVAL, "cmd.exe runs one line; put the lines into a .bat file and name that"
        )
    if len(command) > _LONGEST_COMMAND:
        raise OSError(
            errno.E2BIG,
            f"the command has {len(command)} characters; cmd.exe takes {_LONGEST_COMMAND}",
        )


def _check_place(place: str) -> None:
    if not os.path.isdir(native(place)):
        raise FileNotFoundError(errno.ENOENT, "No such folder", place)
    # cmd.exe itself would go to the Windows folder instead, and run the script there.
    if is_verbatim(native(place)):
        raise OSError(
            errno.EINVAL, "Windows programs cannot work in a folder of this name; rename it", place
        )
    if place.startswith("\\\\"):
        raise OSError(
            errno.EINVAL,
            "cmd.exe cannot work in a network folder; give the share a drive letter",
            place,
        )


def _with_needed(env: Mapping[str, str]) -> dict[str, str]:
    """``env`` and what programs cannot do without; of names that differ in case, the last."""
    whole = {name: (name, os.environ[name]) for name in _NEEDED if name in os.environ}
    for name, value in env.items():
        whole[name.upper()] = (name, value)
    return dict(whole.values())


def _image(pid: int) -> str:
    """The program file that process ``pid`` runs, or '' where that cannot be known."""
    handle = _kernel32.OpenProcess(_QUERY_LIMITED_INFORMATION, False, pid)
    if not handle:
        return ""
    try:
        name = ctypes.create_unicode_buffer(1024)
        size = wintypes.DWORD(len(name))
        found = _kernel32.QueryFullProcessImageNameW(handle, 0, name, ctypes.byref(size))
        return name.value if found else ""
    finally:
        _kernel32.CloseHandle(handle)


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

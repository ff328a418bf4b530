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
import time
from collections.abc import Callable, Mapping, Sequence
from ctypes import wintypes

from qm.osops.tree import TreeUse, carriers, end_processes, memory_of
from qm.osops.windows_files import FolderHandle
from qm.osops.windows_handles import native
from qm.osops.windows_jobobject import JobObject
from qm.osops.windows_names import is_verbatim
from qm.osops.windows_orders import WAKING
from qm.osops.windows_pausing import Paused

_CREATE_SUSPENDED = 0x4
# All of PROCESS_TERMINATE, SET_QUOTA, SET_INFORMATION, SUSPEND_RESUME,
# QUERY_LIMITED_INFORMATION, SYNCHRONIZE.
_PROCESS_RIGHTS = 0x1 | 0x100 | 0x200 | 0x800 | 0x1000 | 0x100000
_QUERY_LIMITED_INFORMATION = 0x1000
_BELOW_NORMAL, _IDLE = 0x4000, 0x40
_NICE_OF_IDLE = 15
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
_kernel32.CloseHandle.argtypes = [wintypes.HANDLE]
_kernel32.QueryFullProcessImageNameW.argtypes = [
    wintypes.HANDLE,
    wintypes.DWORD,
    ctypes.c_wchar_p,
    ctypes.c_void_p,
]
_kernel32.SetProcessAffinityMask.argtypes = [wintypes.HANDLE, ctypes.c_size_t]
_kernel32.SetPriorityClass.argtypes = [wintypes.HANDLE, wintypes.DWORD]
_ntdll = ctypes.WinDLL("ntdll")
_ntdll.NtResumeProcess.argtypes = [wintypes.HANDLE]


def stand_alone() -> None:
    """Make this process a supervisor: without a console, deaf to Ctrl+C and Ctrl+Break."""
    for number in (signal.SIGINT, signal.SIGBREAK):
        signal.signal(number, signal.SIG_IGN)
    _kernel32.FreeConsole()


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
        self._paused = Paused()

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
        *,
        cpus: Sequence[int] | None = None,
        nice: int = 0,
    ) -> ScriptProcess:
        """Run ``command`` by cmd.exe in the folder (or in ``cwd``); OSError where it cannot start.

        It and all that it starts stay on the processors ``cpus``, in the
        priority class that comes nearest to the value ``nice`` of POSIX.
        A system that refuses either runs the command without.

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
        _lower(handle, cpus, nice)
        _ntdll.NtResumeProcess(handle)
        script = cls(child, handle, job, token)
        WAKING.add(handle)
        return script

    def poll(self) -> bool:
        """Bring the accounts up to date; True once the script itself has ended."""
        code = self._child.poll()
        self.cpu_seconds = max(self.cpu_seconds, self._job.cpu_seconds())
        if code is not None and not self.ended:
            self.ended = True
            WAKING.discard(self.handle)
            if not self.peak_memory:
                # Too short for a look at it: then what it had committed must do.
                self.peak_memory = self._job.peak_memory()
            self.signal = _SIGNALS.get(code)
            self.exit_code = None if self.signal else code
        return self.ended

    def sample(self, limit: int | None = None) -> int:
        """Look at the memory of the whole tree now: its bytes; keeps the highest.

        ``limit`` is of use elsewhere: what processes share is hardly counted here.
        """
        memory = memory_of(self._job.pids())
        self.peak_memory = max(self.peak_memory, memory)
        return memory

    def usage(self, limit: int | None = None) -> TreeUse:
        """What the tree uses now; once the script has ended nothing but its processor time."""
        self.cpu_seconds = max(self.cpu_seconds, self._job.cpu_seconds())
        if self.ended:
            return TreeUse(0, self.cpu_seconds, 0)
        return TreeUse(1 + len(self.survivors()), self.cpu_seconds, self.sample(limit))

    def survivors(self) -> list[int]:
        """Processes of the job that are left beside the script."""
        others = [pid for pid in self._job.pids() if pid != self.pid]
        # The system's own process behind a console goes a moment after its last user.
        return [pid for pid in others if ntpath.basename(_image(pid)).lower() != "conhost.exe"]

    def warn(self, name: str) -> None:
        """Ctrl+Break to the script's process group; ``name`` is of use elsewhere."""
        self._send_break()

    def suspend(self) -> None:
        """Stop all threads of the whole tree."""
        self._paused.suspend(lambda: [*self.survivors(), *([] if self.ended else [self.pid])])

    def resume(self) -> None:
        """Let the whole tree go on."""
        self._paused.resume()

    def ask_to_end(self) -> None:
        """Ctrl+Break to the script's process group, where it can be sent; else nothing.

        A suspended tree goes on, to hear it.
        """
        self.resume()
        self._send_break()

    def _send_break(self) -> None:
        # It can be sent only to the console that the sender is attached to, and
        # the script has one of its own (without a window).
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


def _lower(process: int, cpus: Sequence[int] | None, nice: int) -> None:
    """Give a process (a handle) fewer processors and less priority; its children inherit both.

    Processors beyond those that fit into a mask are in other groups, between
    which Windows moves no process.
    """
    bits = 8 * ctypes.sizeof(ctypes.c_size_t)
    mask = sum(1 << cpu for cpu in set(cpus or ()) if cpu < bits)
    if mask:
        _kernel32.SetProcessAffinityMask(process, mask)
    if nice > 0:
        _kernel32.SetPriorityClass(process, _IDLE if nice >= _NICE_OF_IDLE else _BELOW_NORMAL)


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

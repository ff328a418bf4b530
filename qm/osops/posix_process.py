"""A script and its whole tree of processes on Linux and macOS."""

from __future__ import annotations

import sys

assert sys.platform != "win32"

import ctypes
import os
import select
import signal
import time
from collections.abc import Callable, Mapping

from qm.osops.posix_files import FolderHandle
from qm.osops.tree import carriers, descendants, end_processes, memory_and_cpu

_RESET = [
    signal.SIGPIPE,
    signal.SIGINT,
    signal.SIGTERM,
    signal.SIGHUP,
    signal.SIGQUIT,
    signal.SIGUSR1,
    signal.SIGUSR2,
    signal.SIGCHLD,
]
_PR_SET_CHILD_SUBREAPER = 36


def stand_alone() -> None:
    """Make this process a supervisor: a session of its own, deaf to the desk's signals.

    On Linux it also becomes the parent of every orphan below it, so that no
    process of a job can leave its tree.
    """
    if os.getsid(0) != os.getpid():
        os.setsid()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGPIPE):
        signal.signal(number, signal.SIG_IGN)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


class Orders:
    """Lines that the manager sends on standard input, and a wake when a child ends."""

    def __init__(self) -> None:
        self.closed = False
        self._buffer = b""
        self._child_read, child_write = os.pipe()
        os.set_blocking(self._child_read, False)
        os.set_blocking(child_write, False)
        # With a handler set, the wakeup descriptor gets a byte for each SIGCHLD.
        signal.signal(signal.SIGCHLD, _ignore_signal)
        signal.set_wakeup_fd(child_write, warn_on_full_buffer=False)
        self._poll = select.poll()
        self._poll.register(0, select.POLLIN)
        self._poll.register(self._child_read, select.POLLIN)

    def wait(self, timeout: float | None) -> list[bytes]:
        """Complete lines that came, none after ``timeout`` seconds or when a child ended."""
        wait_ms = None if timeout is None else max(0, int(timeout * 1000 + 0.999))
        lines: list[bytes] = []
        for fd, _ in self._poll.poll(wait_ms):
            if fd == self._child_read:
                os.read(fd, 512)
                continue
            data = os.read(0, 65536)
            if not data:
                self.closed = True
                self._poll.unregister(0)
                continue
            *lines, self._buffer = (self._buffer + data).split(b"\n")
        return lines


def _ignore_signal(number: int, frame: object) -> None:
    pass


class ScriptProcess:
    """A job's script and everything that it started."""

    def __init__(self, pid: int, token: str) -> None:
        self.pid = pid
        self.token = token
        self.exit_code: int | None = None
        self.signal: str | None = None
        self.cpu_seconds = 0.0
        self.peak_memory = 0
        self.ended = False
        self._no_children = False

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
        """Run ``command`` by /bin/sh in the folder (or in ``cwd``); OSError where it cannot start.

        posix_spawn knows no working directory, so this process changes its
        own for the moment: it has one thread, and the folder may be renamed
        meanwhile.
        """
        os.fchdir(folder.fd)
        try:
            if cwd is not None:
                os.chdir(cwd)
            files = [
                (os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0),
                (os.POSIX_SPAWN_DUP2, stdout, 1),
                (os.POSIX_SPAWN_DUP2, stderr, 2),
            ]
            pid = os.posix_spawn(
                "/bin/sh",
                ["sh", "-c", command],
                env,
                file_actions=files,
                setsid=True,
                setsigmask=[],
                setsigdef=_RESET,
            )
        finally:
            os.chdir("/")
        return cls(pid, token)

    def poll(self) -> bool:
        """Collect children that ended; True once the script itself has."""
        while True:
            try:
                pid, status, usage = os.wait4(-1, os.WNOHANG)
            except ChildProcessError:
                self._no_children = True
                break
            if pid == 0:
                self._no_children = False
                break
            self.cpu_seconds += usage.ru_utime + usage.ru_stime
            unit = 1 if sys.platform == "darwin" else 1024
            self.peak_memory = max(self.peak_memory, usage.ru_maxrss * unit)
            if pid == self.pid:
                self.ended = True
                code = os.waitstatus_to_exitcode(status)
                if code >= 0:
                    self.exit_code = code
                else:
                    self.signal = signal_name(-code)
        return self.ended

    def sample(self) -> None:
        """Look at the memory of the whole tree now; keeps the highest."""
        memory, _ = memory_and_cpu(self._tree())
        self.peak_memory = max(self.peak_memory, memory)

    def survivors(self) -> list[int]:
        """Processes of the job that are left, as far as cheap looks tell."""
        if sys.platform == "linux":
            # Orphans are this process's children: no children, no survivors.
            return [] if self._no_children else [p for p in self._tree() if p != self.pid]
        try:
            os.killpg(self.pid, 0)
        except (ProcessLookupError, PermissionError):
            return []
        return self._tree()

    def ask_to_end(self) -> None:
        """SIGTERM to the script's process group and to the rest of its tree, once to each.

        Programs that save their work at the first signal give up at a second one.
        """
        others = [pid for pid in self._tree() if not self._is_in_group(pid)]
        self._signal_group(signal.SIGTERM)
        end_processes(others, force=False)

    def end_now(self, patience: float, wait: Callable[[float], object]) -> list[int]:
        """SIGKILL to the tree until nothing is left; what is after ``patience`` s is returned."""
        until = time.monotonic() + patience
        while True:
            self._signal_group(signal.SIGKILL)
            left = self._tree()
            end_processes(left, force=True)
            self.poll()
            if self.ended and not left and not carriers(self.token):
                return []
            if time.monotonic() > until:
                return left or carriers(self.token)
            end_processes(carriers(self.token), force=True)
            wait(0.01)

    def _is_in_group(self, pid: int) -> bool:
        try:
            return not self.ended and os.getpgid(pid) == self.pid
        except OSError:
            return False

    def _signal_group(self, number: signal.Signals) -> None:
        # Once the script is reaped its pid may be somebody else's group.
        if self.ended:
            return
        try:
            os.killpg(self.pid, number)
        except (ProcessLookupError, PermissionError):
            pass

    def _tree(self) -> list[int]:
        if sys.platform == "linux":
            return descendants(os.getpid())
        alive = [] if self.ended else [self.pid, *descendants(self.pid)]
        return list({*alive, *carriers(self.token)})


def signal_name(number: int) -> str:
    """``SIGKILL`` for 9; ``SIG`` and the number where it has no name."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"SIG{number}"


def wait_for_end(pid: int) -> None:
    """Return when process ``pid``, not our child, has ended (pidfd on Linux, else psutil)."""
    if sys.platform == "linux":
        try:
            fd = os.pidfd_open(pid)
        except ProcessLookupError:
            return
        except OSError:
            fd = -1
        if fd >= 0:
            waiter = select.poll()
            waiter.register(fd, select.POLLIN)
            waiter.poll()
            os.close(fd)
            return
    import psutil

    try:
        psutil.Process(pid).wait()
    except psutil.Error:
        return


def boot_id() -> str:
    """A name for the time since the last boot: it changes with every boot."""
    if sys.platform == "linux":
        try:
            with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
                return file.read().strip()
        except OSError:
            pass
    if sys.platform == "darwin":
        session = _sysctl("kern.bootsessionuuid")
        if session:
            return session
    import psutil

    # To ten seconds: the boot time is computed from a clock that is being adjusted.
    return f"boot-{round(psutil.boot_time() / 10)}"


def _sysctl(name: str) -> str:
    """A value of the kernel of macOS; '' where it does not tell."""
    import subprocess

    try:
        told = subprocess.run(["sysctl", "-n", name], capture_output=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return ""
    return told.stdout.decode("ascii", "replace").strip()

"""A script and its whole tree of processes on Linux and macOS."""

from __future__ import annotations

import sys

assert sys.platform != "win32"

import ctypes
import os
import signal
import time
from collections.abc import Callable, Iterable, Mapping, Sequence

from qm.osops.posix_files import FolderHandle
from qm.osops.posix_host import signal_name, signal_number
from qm.osops.posix_spawning import spawn_lowered
from qm.osops.tree import (
    TreeUse,
    carriers,
    cpu_seconds_of,
    descendants,
    end_processes,
    is_halted,
    memory_of,
    signal_processes,
)

if sys.platform == "linux":
    from qm.osops import posix_procfs

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
_LOOK_ROUND_EVERY = 0.5
"""Seconds for which the processes that were found last are taken for the tree, when measuring."""
_FRESH = 0.5
"""Seconds for which the memory that was counted last is told: a limit has it counted often."""
_STOP_PATIENCE = 1.0
_STOP_ROUND = 0.002


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


class ScriptProcess:
    """A job's script and everything that it started."""

    def __init__(self, pid: int, token: str, nice: int = 0) -> None:
        self.pid = pid
        self.token = token
        self.exit_code: int | None = None
        self.signal: str | None = None
        self.cpu_seconds = 0.0
        self.peak_memory = 0
        self.ended = False
        self._no_children = False
        self._suspended = False
        self._nice = nice
        self._lowered: set[int] = set()
        self._measured: list[int] = []
        self._looked_round = float("-inf")
        self._sampled = float("-inf")
        self._memory = 0
        self._spent = 0.0
        self._spent_by: dict[int, float] = {}

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
        """Run ``command`` by /bin/sh in the folder (or in ``cwd``); OSError where it cannot start.

        It and all that it starts stay on the processors ``cpus`` (Linux), at
        the nice value ``nice`` or that of this process, whichever is higher.
        A system that refuses either runs the command without.

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

            def spawn() -> int:
                return os.posix_spawn(
                    "/bin/sh",
                    ["sh", "-c", command],
                    env,
                    file_actions=files,
                    setsid=True,
                    setsigmask=[],
                    setsigdef=_RESET,
                )

            pid = spawn_lowered(spawn, cpus, nice)
        finally:
            os.chdir("/")
        script = cls(pid, token, nice)
        script._lower_sessions([pid])
        return script

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

    def sample(self, limit: int | None = None) -> int:
        """Look at the memory of the whole tree now: its bytes; the highest are kept as peak.

        Shared pages count for each process, unless that makes more than
        ``limit``: then Linux is asked to count each once.
        """
        now = time.monotonic()
        if now >= self._looked_round + _LOOK_ROUND_EVERY:
            self._looked_round = now
            self._measured = self._quick_tree()
            self._lower_sessions(self._measured)
        memory = memory_of(self._measured)
        if sys.platform == "linux" and limit is not None and memory > limit:
            memory = sum(map(posix_procfs.proportional, self._measured))
        self.peak_memory = max(self.peak_memory, memory)
        self._memory, self._sampled = memory, now
        return memory

    def usage(self, limit: int | None = None) -> TreeUse:
        """What the whole tree uses now; nothing but its processor time once the script has ended.

        Its memory is counted as :meth:`sample` does. Linux tells what processes
        used that have ended; elsewhere what they used since the last look is lost.
        """
        if self.ended:
            return TreeUse(0, self._spent_by_now([]), 0)
        if time.monotonic() >= self._sampled + _FRESH:
            self.sample(limit)
        if sys.platform == "linux":
            statuses = [posix_procfs.status_of(pid) for pid in self._measured]
            known = [status for status in statuses if status is not None]
            spent = self._spent_by_now([status.cpu_seconds for status in known])
            return TreeUse(sum(one.state != "Z" for one in known), spent, self._memory)
        times = cpu_seconds_of(self._measured)
        before, self._spent_by = self._spent_by, times
        more = [max(0.0, time - before.get(pid, 0.0)) for pid, time in times.items()]
        return TreeUse(len(times), self._spent_by_now(more), self._memory)

    def _spent_by_now(self, seconds: Iterable[float]) -> float:
        """With these of the processes that live: on Linux all, elsewhere since the last look."""
        if sys.platform == "linux":
            # One that ended while we read is missing until its parent has collected it.
            self._spent = max(self._spent, self.cpu_seconds + sum(seconds))
        else:
            self._spent += sum(seconds)
        return self._spent

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

    def warn(self, name: str) -> None:
        """Send the signal of this name to the processes of the job; unknown ones are not sent.

        On Linux those that have no handler for it, and do not wait for it, are
        spared: a warning would end them, the shell around the program first.
        """
        number = signal_number(name)
        if number is None:
            return
        pids = self._tree()
        if sys.platform == "linux":
            pids = [pid for pid in pids if posix_procfs.handles(pid, number)]
        signal_processes(pids, number)

    def suspend(self) -> None:
        """Stop the whole tree where it stands.

        A process may start another while it is being stopped: this looks
        again until all that it finds stand still. Parents are stopped before
        their children, so that no shell sees a child stop and goes on.
        """
        self._suspended = True
        until = time.monotonic() + _STOP_PATIENCE
        stopped: set[int] = set()
        while True:
            tree = self._tree()
            signal_processes((pid for pid in tree if pid not in stopped), signal.SIGSTOP)
            if stopped.issuperset(tree) and all(map(is_halted, tree)):
                return
            stopped.update(tree)
            if time.monotonic() > until:
                return
            time.sleep(_STOP_ROUND)

    def resume(self) -> None:
        """Let the whole tree go on, children before their parents, as :meth:`suspend` has it."""
        self._suspended = False
        signal_processes(reversed(self._tree()), signal.SIGCONT)

    def ask_to_end(self) -> None:
        """SIGTERM to the script's process group and to the rest of its tree, once to each.

        Programs that save their work at the first signal give up at a second
        one. A suspended tree goes on, to hear it.
        """
        others = [pid for pid in self._tree() if not self._is_in_group(pid)]
        self._signal_group(signal.SIGTERM)
        end_processes(others, force=False)
        if self._suspended:
            self.resume()

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
        """Every process of the job, parents first."""
        if sys.platform == "linux":
            return descendants(os.getpid())
        alive = [] if self.ended else [self.pid, *descendants(self.pid)]
        return list(dict.fromkeys([*alive, *carriers(self.token)]))

    def _quick_tree(self) -> list[int]:
        if sys.platform == "linux":
            return posix_procfs.quick_descendants(os.getpid())
        return self._tree()

    def _lower_sessions(self, pids: Iterable[int]) -> None:
        """Linux weighs sessions first, and a session that a job makes starts without nice value."""
        if sys.platform == "linux" and self._nice:
            for pid in pids:
                status = posix_procfs.status_of(pid)
                if status is None or status.session in self._lowered:
                    continue
                if posix_procfs.lower_session(pid, self._nice):
                    self._lowered.add(status.session)

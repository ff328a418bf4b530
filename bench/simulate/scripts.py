"""Scripts of jobs, and what their supervisors and the manager hold of one another."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from bench.simulate.kernel import NEVER, SECOND, Kernel, Kind, OpenFile, Pipe, Process, Waiters
from qm.osops import TreeUse


@dataclass
class Script:
    """One start of a script, as it really was."""

    folder: int
    """The inode of its job folder."""
    id: int
    attempt: int
    token: str
    since: int
    ends_at: int
    """Nanoseconds on the kernel's clock."""
    code: int
    stubborn: bool
    """It does not listen to SIGTERM."""
    boot: int
    signal: str | None = None
    left: int | None = None
    """Nanoseconds that it had still to run when it was suspended."""
    told: Waiters = field(default_factory=Waiters)

    def is_over(self, now: int) -> bool:
        """Whether it has ended by ``now``."""
        return self.left is None and self.ends_at <= now

    def end(self, now: int, signal: str | None) -> None:
        """End it by a signal, unless it is over."""
        if not self.is_over(now):
            self.left, self.ends_at, self.signal = None, now, signal


class Machine:
    """The scripts that run or have run, and how long each takes."""

    def __init__(self, kernel: Kernel) -> None:
        self.kernel = kernel
        self.started: list[Script] = []
        self.overlaps: list[str] = []
        self.hurry = False
        """Scripts end soon."""

    def start(self, folder: int, job_id: int, attempt: int, token: str) -> Script:
        """A supervisor starts a script."""
        kernel = self.kernel
        random, now = kernel.random, kernel.ns
        for other in self.started:
            if other.folder == folder and not other.is_over(now):
                self.overlaps.append(f"job {job_id} runs twice at the same time")
        longest = 0.05 if self.hurry or random.random() < 0.4 else 8.0
        code = 0 if random.random() < 0.65 else 1
        ends = now + int(random.random() * longest * SECOND)
        script = Script(
            folder, job_id, attempt, token, now, ends, code, random.random() < 0.2, kernel.boot
        )
        self.started.append(script)
        return script

    def end_carriers(self, token: str, *, patience: float) -> list[int]:
        """Every process of this token is ended."""
        self.kernel.call(True)
        for script in self.started:
            if script.token == token:
                script.end(self.kernel.ns, "SIGKILL")
        return []

    def settle(self) -> None:
        """All come to their end soon; nothing runs for ever."""
        self.hurry = True
        for script in self.started:
            if script.left is not None:
                script.ends_at, script.left = self.kernel.ns + script.left, None
            script.ends_at = min(script.ends_at, self.kernel.ns + SECOND)

    def power_cut(self) -> None:
        """Nothing runs any more."""
        for script in self.started:
            script.end(self.kernel.ns, "SIGKILL")


def script_process(machine: Machine) -> type:
    """The class that stands in for `qm.osops.ScriptProcess`."""

    class SimulatedScript:
        """What a supervisor holds of its script."""

        cpu_seconds = 0.0
        peak_memory = 0

        def __init__(self, script: Script) -> None:
            self._script = script
            self.token = script.token
            machine.kernel.current.script = script

        @classmethod
        def start(
            cls, command: str, folder: Any, cwd: Any, env: dict[str, str], stdout: int,
            stderr: int, token: str, **more: Any,
        ) -> SimulatedScript:  # fmt: skip
            kernel = machine.kernel
            kernel.call(True)
            number = folder.identity().inode
            job_id, attempt = int(env["QM_JOB_ID"]), int(env["QM_ATTEMPT"])
            return cls(machine.start(number, job_id, attempt, token))

        @property
        def exit_code(self) -> int | None:
            return None if self._script.signal else self._script.code

        @property
        def signal(self) -> str | None:
            return self._script.signal

        def poll(self) -> bool:
            return self._script.is_over(machine.kernel.ns)

        def survivors(self) -> list[int]:
            return []

        def usage(self, limit: int | None = None) -> TreeUse:
            return TreeUse(1, 0.0, 0)

        def sample(self, limit: int | None = None) -> int:
            return 0

        def warn(self, name: str) -> None:
            """Nobody listens."""

        def suspend(self) -> None:
            script, now = self._script, machine.kernel.ns
            if not script.is_over(now) and script.left is None and not machine.hurry:
                script.left, script.ends_at = script.ends_at - now, NEVER

        def resume(self) -> None:
            script = self._script
            if script.left is not None:
                script.ends_at, script.left = machine.kernel.ns + script.left, None

        def ask_to_end(self) -> None:
            self.resume()
            if not self._script.stubborn:
                self._script.end(machine.kernel.ns, "SIGTERM")

        def end_now(self, patience: float, wait: Callable[[float], object]) -> list[int]:
            self._script.end(machine.kernel.ns, "SIGKILL")
            return []

    return SimulatedScript


def orders(kernel: Kernel) -> type:
    """The class that stands in for `qm.osops.Orders`."""

    class SimulatedOrders:
        """Lines on the supervisor's standard input, and a wake when its script ends."""

        def __init__(self) -> None:
            self.closed = False
            file = kernel.current.files[0]
            assert file.pipe is not None
            self._pipe = file.pipe
            self._process = kernel.current

        def wait(self, timeout: float | None) -> list[bytes]:
            lines = self._take()
            if lines or self._ended():
                return lines
            script = self._process.script
            if script is not None and not script.is_over(kernel.ns) and script.ends_at < NEVER:
                left = (script.ends_at - kernel.ns) / SECOND
                timeout = left if timeout is None else min(timeout, left)
            kernel.block(self._pipe, timeout)
            lines = self._take()
            self._ended()
            return lines

        def _ended(self) -> bool:
            if self._pipe.closed and not self._pipe.buffer and not self.closed:
                self.closed = True
                return True
            return False

        def _take(self) -> list[bytes]:
            *lines, self._pipe.buffer = self._pipe.buffer.split(b"\n")
            return lines

    return SimulatedOrders


class SupervisorProcess:
    """What the manager holds of a supervisor: stands in for the Popen object."""

    def __init__(self, kernel: Kernel, main: Callable[[], None]) -> None:
        self._kernel = kernel
        orders, answers = Pipe(), Pipe()
        process = self.process = kernel.new_process(Kind.SUPERVISOR)
        for fd, pipe in ((0, orders), (1, answers)):
            process.files[fd] = OpenFile(None, "pipe")
            process.files[fd].pipe = pipe
        manager = kernel.current
        process.reads, process.writes = [orders], [answers]
        manager.writes.append(orders)
        manager.reads.append(answers)
        self.pid = process.pid
        self.stdin = _Writer(orders)
        self.stdout = _Lines(kernel, answers)

        def run() -> None:
            main()
            kernel.kill(process)

        kernel.spawn(process, run, f"supervisor {process.pid}")

    def wait(self) -> int:
        """Return when it has ended."""
        wait_for_process(self._kernel, self.process)
        return 0


def wait_for_process(kernel: Kernel, process: Process) -> None:
    """Block until ``process`` is dead."""
    while process.alive:
        kernel.block(process.ended, None)


class _Writer:
    def __init__(self, pipe: Pipe) -> None:
        self._pipe = pipe

    def write(self, data: bytes) -> None:
        self._pipe.write(data)

    def flush(self) -> None:
        """Nothing is kept back."""

    def close(self) -> None:
        self._pipe.close()


class _Lines:
    def __init__(self, kernel: Kernel, pipe: Pipe) -> None:
        self._kernel, self._pipe = kernel, pipe

    def __enter__(self) -> _Lines:
        return self

    def __exit__(self, *error: object) -> None:
        self._pipe.close()

    def __iter__(self) -> Iterator[bytes]:
        pipe = self._pipe
        while True:
            line, end, rest = pipe.buffer.partition(b"\n")
            if end:
                pipe.buffer = rest
                yield line + end
            elif pipe.closed:
                return
            else:
                self._kernel.block(pipe, None)

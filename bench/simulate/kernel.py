"""Processes and threads that take turns, the clock, and the moment at which one of them dies.

Threads are greenlets: one runs at a time, until it waits, ends, or has made so many system calls
as its turn has. Who comes next, and how long a turn is, the history's random numbers say: the same
seed gives the same history. Nobody waits for real time; when all wait, the clock goes on to the
moment for which the first of them waits.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable
from enum import Enum
from random import Random
from typing import TYPE_CHECKING

from greenlet import getcurrent, greenlet

from bench.simulate.disk import Disk, Node

if TYPE_CHECKING:
    from bench.simulate.scripts import Script

NEVER = 1 << 62
_CALL = 10_000
"""Nanoseconds that a system call takes."""
_BEGIN = 1_800_000_000_000_000_000
SECOND = 1_000_000_000


class Killed(BaseException):
    """The process was killed: nothing catches it, and nothing that it does on its way counts."""


class Kind(Enum):
    """What a process is."""

    PERSON = "person"
    MANAGER = "manager"
    SUPERVISOR = "supervisor"


class OpenFile:
    """An open file, folder or end of a pipe."""

    __slots__ = ("appends", "at", "node", "path", "pipe")

    def __init__(self, node: Node | None, path: str, *, appends: bool = False) -> None:
        self.node = node
        self.path = path
        self.at = 0
        self.appends = appends
        self.pipe: Pipe | None = None


class Process:
    """A process: its threads, its open files, and whether it lives."""

    def __init__(self, pid: int, kind: Kind) -> None:
        self.pid = pid
        self.kind = kind
        self.alive = True
        self.files: dict[int, OpenFile] = {}
        self.threads: list[Strand] = []
        self.reads: list[Pipe] = []
        self.writes: list[Pipe] = []
        self.ended = Waiters()
        self.script: Script | None = None
        """What a supervisor runs, or has run last."""


class Strand:
    """A thread of a process: what it waits for, and until when."""

    __slots__ = ("done", "greenlet", "name", "process", "ready", "until")

    def __init__(self, process: Process, name: str) -> None:
        self.process = process
        self.name = name
        self.ready = True
        self.until = NEVER
        self.done = False
        self.greenlet: greenlet


class Waiters:
    """Threads that wait for one thing."""

    __slots__ = ("waiting",)

    def __init__(self) -> None:
        self.waiting: list[Strand] = []

    def wake(self) -> None:
        """Let all of them look again."""
        for strand in self.waiting:
            strand.ready = True
        self.waiting.clear()


class Pipe(Waiters):
    """Lines from one process to another."""

    __slots__ = ("buffer", "closed")

    def __init__(self) -> None:
        super().__init__()
        self.buffer = b""
        self.closed = False

    def write(self, data: bytes) -> None:
        """Append; BrokenPipeError where nobody reads any more."""
        if self.closed:
            raise BrokenPipeError
        self.buffer += data
        self.wake()

    def close(self) -> None:
        """One end is closed."""
        self.closed = True
        self.wake()


class Kernel:
    """What all processes share. ``random`` says who is next and how long."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.ns = SECOND
        self.disk = Disk(self.now)
        self.boot = 1
        self.person = Process(1, Kind.PERSON)
        self.current = self.person
        self.strand: Strand | None = None
        self.strands: list[Strand] = []
        self.complaints: list[str] = []
        """What no thread may do: end by an exception."""
        self.on_death: Callable[[Process], None] = lambda process: None
        self.power_is_cut = False
        self.calls = 0
        self._doom: tuple[Kind | None, int] | None = None
        self._slice = 0
        self._pid = 1
        self._dying: list[Process] = []
        self._hub: greenlet = getcurrent()

    def now(self) -> int:
        """Nanoseconds since the epoch."""
        return _BEGIN + self.ns

    @property
    def seconds(self) -> float:
        """Monotonic seconds."""
        return self.ns / SECOND

    # Calls of the system.

    def call(self, effect: bool, half: Callable[[], None] | None = None) -> None:
        """Begin a system call; ``effect``: one that changes something. Killed where the process
        dies here, having done ``half`` of it.
        """
        process = self.current
        if not process.alive:
            raise Killed
        self.calls += 1
        self.ns += _CALL
        if self.strand is None:
            return
        if effect and self._doom is not None:
            self._count_down(process, half)
        self._slice -= 1
        if self._slice < 0:
            self.strand.ready = True
            self._pause()

    def _count_down(self, process: Process, half: Callable[[], None] | None) -> None:
        assert self._doom is not None
        whom, left = self._doom
        if whom is not None and whom is not process.kind:
            return
        self._doom = (whom, left - 1)
        if left > 0:
            return
        self._doom = None
        if half is not None:
            half()
        if whom is None:
            self.power_is_cut = True
        else:
            self.kill(process)
        raise Killed

    def doom(self, whom: Kind | None, effects: int) -> None:
        """After so many more effects a process of this kind is killed, or (None) the power goes."""
        self._doom = (whom, effects)

    @property
    def is_doomed(self) -> bool:
        """True while that has not come."""
        return self._doom is not None

    def spare(self) -> None:
        """Nobody dies after all."""
        self._doom = None

    # Processes and threads.

    def new_process(self, kind: Kind) -> Process:
        """A process without threads."""
        self._pid += 1
        return Process(self._pid, kind)

    def spawn(self, process: Process, work: Callable[[], object], name: str) -> Strand:
        """A new thread."""
        strand = Strand(process, name)

        def run() -> None:
            try:
                work()
            except Killed:
                pass
            except Exception:
                if process.alive:
                    self.complaints.append(f"{name} failed:\n{traceback.format_exc()}")
            strand.done = True

        strand.greenlet = greenlet(run, parent=self._hub)
        process.threads.append(strand)
        self.strands.append(strand)
        return strand

    def block(self, waiters: Waiters | None, timeout: float | None) -> None:
        """Wait until woken, or for ``timeout`` seconds. Killed where the process is dead."""
        strand = self.strand
        assert strand is not None, "a person waits for nobody"
        if not strand.process.alive:
            raise Killed
        strand.ready = False
        strand.until = NEVER if timeout is None else self.ns + 1000 + max(0, int(timeout * SECOND))
        if waiters is not None and strand not in waiters.waiting:
            waiters.waiting.append(strand)
        self._pause()

    def _pause(self) -> None:
        self._hub.switch()
        if self.strand is None or not self.strand.process.alive:
            raise Killed

    def kill(self, process: Process) -> None:
        """End a process at once: its locks are free and its pipes broken, its threads no more."""
        process.alive = False
        for file in process.files.values():
            self.let_go(file)
        process.files.clear()
        for pipe in (*process.reads, *process.writes):
            pipe.close()
        process.ended.wake()
        self._dying.append(process)

    def let_go(self, file: OpenFile) -> None:
        """A file is closed: its lock is free."""
        if file.node is not None and file.node.locked_by is file:
            file.node.locked_by = None

    def bury(self) -> None:
        """Let the threads of dead processes come to their end."""
        while self._dying:
            process = self._dying.pop()
            self.current = process
            for strand in process.threads:
                self.strand = strand
                if strand.greenlet:  # Begun and not ended.
                    strand.greenlet.throw(Killed)
                strand.done = True
            self.current, self.strand = self.person, None
            self.strands = [one for one in self.strands if one.process is not process]
            self.on_death(process)

    def turn(self) -> bool:
        """Let one thread that can go on do so; False where all wait."""
        ns = self.ns
        ready = [one for one in self.strands if one.ready or one.until <= ns]
        if not ready:
            return False
        random = self.random
        strand = ready[int(random.random() * len(ready))] if len(ready) > 1 else ready[0]
        strand.ready, strand.until = False, NEVER
        # Most turns are long; short ones let the others in between two calls.
        self._slice = 10_000 if random.random() < 0.7 else int(random.random() * 25)
        self.current, self.strand = strand.process, strand
        strand.greenlet.switch()
        self.current, self.strand = self.person, None
        if strand.done:
            self.strands.remove(strand)
        if self._dying:
            self.bury()
        return True

    def next_moment(self) -> int:
        """The time in ns for which the first thread waits; NEVER where none does."""
        return min((one.until for one in self.strands), default=NEVER)

    def cut_power(self) -> None:
        """Everything ends; what was not synced may be undone; the next boot has another name."""
        for process in {one.process: None for one in self.strands}:
            if process.alive:
                self.kill(process)
        self.bury()
        self.disk.cut(self.random)
        self.boot += 1
        self.power_is_cut = False
        self._doom = None

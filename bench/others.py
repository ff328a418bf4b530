"""The same no-op jobs through other queues, where they are installed."""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from bench.bare import Timed, timed
from bench.gate import Pipe

MOST_JOBS = 500
"""task-spooler keeps a process and a connection for each waiting job, 1000 at most;
nq looks at all earlier jobs for each new one."""

_NO_OP = ("sh", "-c", "true")
_numbers = itertools.count(1)


def installed() -> list[str]:
    """Which of the other queues are there."""
    programs = {"task-spooler": task_spooler(), "nq": shutil.which("nq"), "GNU parallel": _gnu()}
    return [name for name, path in programs.items() if path]


def task_spooler() -> str | None:
    """Debian calls it tsp, because moreutils has a ts of its own."""
    return shutil.which("tsp")


def _gnu() -> str | None:
    """The path of GNU parallel; moreutils has a parallel of its own."""
    path = shutil.which("parallel")
    if path is None:
        return None
    said = subprocess.run([path, "--version"], capture_output=True, check=False, timeout=30)
    return path if b"GNU parallel" in said.stdout else None


def spooled_whole(where: Path, jobs: int, slots: int) -> Timed:
    """task-spooler, from the first ``tsp`` to the end of the last job."""
    with _Spooler(where, slots) as spooler:
        return timed(where, jobs, lambda: spooler.wait(spooler.add_all(jobs)))


def spooled_prepared(where: Path, jobs: int, slots: int) -> Timed:
    """task-spooler with all jobs waiting, from the release to the last end."""
    with _Spooler(where, slots) as spooler, Pipe(spooler.folder) as pipe:
        for _ in range(slots):
            spooler.add("sh", "-c", pipe.hold_script)
        ids = spooler.add_all(jobs)

        def drain() -> None:
            pipe.let_go(slots)
            spooler.wait(ids)

        return timed(where, jobs, drain)


class _Spooler:
    """A task-spooler server of our own, ended afterwards."""

    def __init__(self, where: Path, slots: int) -> None:
        self.folder = _new_folder(where, "tsp")
        self._program = task_spooler() or "tsp"
        socket = str(self.folder / "socket")
        self._environment = {**os.environ, "TS_SOCKET": socket, "TMPDIR": str(self.folder)}
        self._slots = slots

    def __enter__(self) -> _Spooler:
        self._tell("-S", str(self._slots))
        return self

    def __exit__(self, *error: object) -> None:
        self._tell("-K")

    def add(self, *command: str) -> str:
        """Queue a job; returns its id."""
        return self._tell(*command)

    def add_all(self, jobs: int) -> list[str]:
        """Queue so many no-op jobs; returns their ids."""
        return [self.add(*_NO_OP) for _ in range(jobs)]

    def wait(self, ids: Sequence[str]) -> None:
        """Wait for the last ones: they start in order, so that the others have ended before."""
        for job in ids[-2 * self._slots :]:
            self._tell("-w", job)

    def _tell(self, *arguments: str) -> str:
        return _run([self._program, *arguments], self._environment)


def nq_whole(where: Path, jobs: int) -> Timed:
    """nq, which runs one job at a time, from the first ``nq`` to the end of the last job."""
    environment = {**os.environ, "NQDIR": str(_new_folder(where, "nq"))}

    def drain() -> None:
        for _ in range(jobs):
            _run(["nq", "-q", *_NO_OP], environment)
        _run(["nq", "-w"], environment)

    return timed(where, jobs, drain)


def parallel_whole(where: Path, jobs: int, slots: int) -> Timed:
    """GNU parallel with a job log, its own start included.

    It is no queue that outlives its terminal; it shows what running alone costs.
    """
    folder = _new_folder(where, "parallel")
    numbers = folder / "numbers"
    numbers.write_text("".join(f"{number}\n" for number in range(jobs)), "utf-8")
    options = ["--will-cite", f"-j{slots}", "--joblog", str(folder / "log"), "-a", str(numbers)]
    # It gives each command to this shell.
    environment = {**os.environ, "HOME": str(folder), "PARALLEL_SHELL": "/bin/sh"}
    return timed(where, jobs, lambda: _run(["parallel", *options, "true"], environment))


def _new_folder(where: Path, name: str) -> Path:
    folder = where / f"{name}{next(_numbers)}"
    folder.mkdir()
    return folder


def _run(command: Sequence[str], environment: Mapping[str, str]) -> str:
    # Without a time limit: with one, subprocess looks for the end in steps of its own.
    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        env=environment,
        check=True,
    )
    return done.stdout.decode("utf-8", "replace").strip()

"""Managers that are forked from a process that has imported QM already: in a tenth of the time.

A manager that comes from here is a process of its own like any other. Run as
a program, this module takes one JSON object a line: ``{"start": {...}}`` is
answered with a process id, ``{"poll": pid}`` with the process's exit code
(negative: the signal that ended it), or null while it runs.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import IO, Any

import psutil

ROOT = Path(__file__).resolve().parents[2]


class Zygote:
    """The process that forks, from the side of the tests."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.live.zygote"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=ROOT,
        )

    def start(self, arguments: list[str], env: dict[str, str], log: Path) -> Forked:
        """Run ``qm`` with these arguments."""
        wish = {"arguments": arguments, "env": env, "log": str(log), "cwd": os.getcwd()}
        return Forked(self, int(self.ask({"start": wish})))

    def ask(self, wish: dict[str, Any]) -> Any:
        """One line there, one line back."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps(wish).encode() + b"\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def end(self) -> None:
        """Let it go; its managers have ended."""
        with self._process:
            pass


class Forked:
    """A forked process, with the methods of subprocess.Popen that tests use."""

    def __init__(self, zygote: Zygote, pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._zygote = zygote

    def poll(self) -> int | None:
        """Its exit code once it has ended."""
        if self.returncode is None:
            self.returncode = self._zygote.ask({"poll": self.pid})
        return self.returncode

    def wait(self, timeout: float) -> int:
        """Wait for its end; subprocess.TimeoutExpired."""
        until = time.monotonic() + timeout
        while (code := self.poll()) is None:
            if time.monotonic() > until:
                raise subprocess.TimeoutExpired("qm", timeout)
            time.sleep(0.005)
        return code

    def send_signal(self, number: int) -> None:
        """Send it a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """SIGKILL."""
        if self.poll() is None:
            psutil.Process(self.pid).kill()


def serve(lines: IO[str]) -> None:
    """Answer line by line until there are no more."""
    if sys.platform == "win32":
        raise NotImplementedError("there is no fork on Windows")
    # Imported once, for all that are forked.

    import qm.daemon  # noqa: F401
    from qm.cli.main import main

    for line in lines:
        wish = json.loads(line)
        if "poll" in wish:
            pid, status = os.waitpid(wish["poll"], os.WNOHANG)
            answer = None if pid == 0 else os.waitstatus_to_exitcode(status)
        else:
            answer = os.fork()
            if answer == 0:
                _become(**wish["start"])
                main()
        print(json.dumps(answer), flush=True)


def _become(arguments: list[str], env: dict[str, str], log: str, cwd: str) -> None:
    said = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for number, fd in enumerate((nothing, said, said)):
        os.dup2(fd, number)
    os.closerange(3, 64)
    os.environ.clear()
    os.environ.update(env)
    os.chdir(cwd)
    sys.argv = ["qm", *arguments]


if __name__ == "__main__":
    serve(sys.stdin)

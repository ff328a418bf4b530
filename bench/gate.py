"""Jobs that hold processors until they are told to let go."""

from __future__ import annotations

import itertools
import os
import select
import shlex
import subprocess
from pathlib import Path

from bench.waiting import TookTooLongError


class Pipe:
    """A named pipe that this process holds open at both ends.

    So neither side ever waits for the other to come, and once this process is
    gone, whoever still reads finds the end and goes on.
    """

    _numbers = itertools.count(1)

    def __init__(self, folder: Path) -> None:
        """Make one below ``folder``."""
        self.path = folder / f"pipe{next(self._numbers)}"
        subprocess.run(["mkfifo", str(self.path)], check=True)
        self._fd = os.open(self.path, os.O_RDWR)

    def __enter__(self) -> Pipe:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    @property
    def quoted(self) -> str:
        """Its path for a shell."""
        return shlex.quote(str(self.path))

    @property
    def hold_script(self) -> str:
        """A script that waits, without any work, until :meth:`let_go`."""
        return f"read line < {self.quoted} || true"

    @property
    def call_script(self) -> str:
        """A script whose first instruction is to call."""
        return f"echo > {self.quoted}"

    def let_go(self, count: int) -> None:
        """Let ``count`` holding scripts end."""
        os.write(self._fd, b"\n" * count)

    def hear(self, limit: float) -> None:
        """Wait until a script calls; TookTooLongError after ``limit`` seconds."""
        ready, _, _ = select.select([self._fd], [], [], limit)
        if not ready:
            raise TookTooLongError(f"not within {limit:g} s: the job's first instruction")
        os.read(self._fd, 4096)

    def clear(self) -> None:
        """Forget the calls that nobody heard."""
        while select.select([self._fd], [], [], 0)[0]:
            os.read(self._fd, 4096)

    def close(self) -> None:
        """Give it up; harmless when repeated."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
            self.path.unlink()

"""Start QM in the background, and wait until it serves."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from qm.cli.presence import Holder, holder, runs, serves
from qm.config import Config
from qm.errors import QMError
from qm.folders.layout import Layout
from qm.logfile import end_of, log_file, log_folder, read_since
from qm.osops.background import spawn_detached
from qm.service.program import this_program
from qm.service.steps import Step, carry_out

CONSOLE = "console.log"
"""Beside the log: what the process and its interpreter said past the log."""
_LARGEST_CONSOLE = 1 << 20
_POLL = 0.05
_PAGE_PATIENCE = 8.0
_LOSER_PATIENCE = 10.0
_SHOWN = 12
_WARNING = re.compile(r" (?:WARNING|ERROR|CRITICAL) (.*)")
_PAGE = re.compile(r"web page: (https?://\S+)")
_NO_PAGE = "goes on without its web page"

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Launched:
    """What became of a start."""

    manager: Holder | None
    """None: it served, and had nothing to do (``--idle-exit``)."""
    was_there: bool
    """It had been started by somebody else, perhaps at this very moment."""
    log: str
    page: str | None = None
    warnings: tuple[str, ...] = ()


class Launch:
    """One start of QM on one folder."""

    def __init__(self, config: Config, layout: Layout, *, web: bool, patience: float) -> None:
        self._config = config
        self._layout = layout
        self._web = web
        self._until = time.monotonic() + patience
        self._patience = patience
        self._log = log_file(layout.own)
        self._console = os.path.join(log_folder(layout.own), CONSOLE)
        self._log_start = end_of(self._log)
        self._console_start = 0
        self._process: subprocess.Popen[bytes] | None = None

    def by_process(self, arguments: Sequence[str]) -> Launched:
        """Start ``qm serve ARGUMENTS`` as a process of its own.

        Raises QMError where it does not serve within the patience, with the
        last words of its log where it has ended.
        """
        if runs(self._layout):
            return self._there_already()
        command = this_program(self._config).command("serve", "--log-to-file", *arguments)
        try:
            self._make_console()
            self._process = spawn_detached(command, self._console)
        except OSError as error:
            raise QMError(
                f"QM cannot be started in the background: {os.fsdecode(error.filename or '')}"
                f" {error.strerror or error}",
                "`qm serve` runs it here.",
            ) from error
        return self._wait()

    def by_service(self, steps: Sequence[Step]) -> Launched:
        """Start QM by these steps of a service manager. Raises QMError as above."""
        if runs(self._layout):
            return self._there_already()
        carry_out(steps)
        return self._wait()

    def _there_already(self) -> Launched:
        return Launched(holder(self._layout), was_there=True, log=self._log)

    def _make_console(self) -> None:
        os.makedirs(log_folder(self._layout.own), exist_ok=True)
        self._console_start = end_of(self._console)
        if self._console_start > _LARGEST_CONSOLE:
            with contextlib.suppress(OSError):
                os.truncate(self._console, 0)
                self._console_start = 0

    def _wait(self) -> Launched:
        while True:
            code = None if self._process is None else self._process.poll()
            manager = serves(self._layout)
            if manager is not None:
                return self._served_by(manager)
            if code is not None and not runs(self._layout):
                return self._ended(code)
            if time.monotonic() > self._until:
                raise self._too_slow()
            time.sleep(_POLL)

    def _served_by(self, manager: Holder) -> Launched:
        if self._process is not None and not _is_of(manager.pid, self._process.pid):
            # Another start was quicker. Ours finds the lock taken, and ends.
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(_LOSER_PATIENCE)
            return self._there_already()
        page = self._wait_for_page() if self._web else None
        return Launched(manager, False, self._log, page, tuple(self._warnings()))

    def _wait_for_page(self) -> str | None:
        until = time.monotonic() + _PAGE_PATIENCE
        while time.monotonic() < until:
            for line in self._logged():
                found = _PAGE.search(line)
                if found is not None:
                    return found[1]
                if _NO_PAGE in line:
                    return None
            if self._process is not None and self._process.poll() is not None:
                return None
            time.sleep(_POLL)
        return None

    def _ended(self, code: int) -> Launched:
        if code == 0:
            return Launched(None, was_there=False, log=self._log, warnings=tuple(self._warnings()))
        said = read_since(self._console, self._console_start)
        words = [line.strip() for line in said if line.strip()] or list(self._warnings())
        raise QMError(
            f"QM did not start; it ended with code {code}. It said:",
            "\n  ".join(words[-_SHOWN:]) or f"nothing; {self._log} may tell more.",
        )

    def _too_slow(self) -> QMError:
        manager = holder(self._layout) if runs(self._layout) else None
        if manager is None:
            return QMError(
                f"QM has not come up within {self._patience:g} s",
                f"`qm status` tells whether it does; its log is {self._log}.",
            )
        return QMError(
            f"QM ({manager}) still reads its folders after {self._patience:g} s, and goes on",
            f"`qm status` tells when it serves; its log is {self._log}.",
        )

    def _logged(self) -> list[str]:
        return read_since(self._log, self._log_start)

    def _warnings(self) -> Iterator[str]:
        for line in self._logged():
            found = _WARNING.search(line)
            if found is not None:
                yield found[1]


def _is_of(pid: int, child: int) -> bool:
    """Whether ``pid`` is our child: python.exe of a venv on Windows starts another one."""
    if pid == child:
        return True
    import psutil

    try:
        return psutil.Process(pid).ppid() == child
    except psutil.Error:
        return False

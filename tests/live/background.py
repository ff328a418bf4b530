"""A manager that `qm start` puts into the background, and its certain end after a test."""

from __future__ import annotations

import contextlib
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil

from tests.live.harness import QUICK, Queue, is_gone, wait_for
from tests.web.served import free_port

SERVES = re.compile(r"QM serves (\S+) \(process (\d+)\)(?:; its page: (\S+))?; log: (\S+)\n")


class Background:
    """One QM_FOLDER, its configuration, and whatever manager serves it."""

    def __init__(self, folder: Path) -> None:
        self.queue = Queue(folder / "QM")
        self.folder = self.queue.folder
        self.log = self.folder / ".qm" / "log" / "qm.log"
        self.port = free_port()
        self.pids: set[int] = set()
        self._begun: list[subprocess.Popen[str]] = []
        self.configure()

    def configure(self, **options: object) -> None:
        """Write QMserv.cfg: quick times, two processors, and these options."""
        values = {**QUICK, "MaxNbProcessors": "2", **options}
        lines = ["[QMServer]", f"QM_FOLDER = {self.folder}"]
        lines += [f"{name} = {value}" for name, value in values.items()]
        lines += ["[WEB_QMserver]", f"The_Port = {self.port}", ""]
        self.queue.config.write_text("\n".join(lines), encoding="utf-8")

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """A qm command to its end."""
        return self.queue.run(*arguments)

    def start(self, *arguments: str) -> int:
        """``qm start``, without the page; returns the manager's process id."""
        said = self.run("start", "--no-web", *arguments)
        assert said.returncode == 0, said.stderr
        return self.pid_in(said.stdout)

    def pid_in(self, text: str) -> int:
        """The process id in what ``qm start`` says."""
        found = SERVES.fullmatch(text)
        assert found is not None and found[1] == str(self.folder), text
        self.pids.add(int(found[2]))
        return int(found[2])

    def begin(self, *arguments: str) -> subprocess.Popen[str]:
        """A qm command that goes on for a while."""
        process = subprocess.Popen(
            self.queue.command(*arguments),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=self.queue.environment,
        )
        self._begun.append(process)
        return process

    def status(self) -> dict[str, Any]:
        """``qm status --json``."""
        found: dict[str, Any] = json.loads(self.run("status", "--json").stdout)
        return found

    def managers(self) -> list[int]:
        """Every manager process of this folder."""
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                words = process.cmdline()
                if "serve" in words and str(self.folder) in words:
                    found.append(process.pid)
        return found

    def log_text(self) -> str:
        """QM's log."""
        return self.log.read_text(encoding="utf-8") if self.log.exists() else ""

    def end(self) -> list[int]:
        """Stop the manager and the jobs; returns processes that should not have been there."""
        for process in self._begun:
            process.kill()
            with process:
                process.wait(10)
        self.pids.update(self.managers())
        said = self.run("stop", "--kill", "--timeout", "20")
        try:
            self.wait_gone(*self.pids)
        except AssertionError:
            for pid in self.pids:
                with contextlib.suppress(psutil.NoSuchProcess):
                    psutil.Process(pid).kill()
            raise AssertionError(
                f"QM outlived its stop: {said.stderr}; {self.log_text()}"
            ) from None
        return self.queue.end_everything()

    def wait_gone(self, *pids: int) -> None:
        """Wait until these processes have ended: a moment after they let their lock go."""
        wait_for("the manager is gone", lambda: all(map(is_gone, pids)))


def sleeps(seconds: float = 120) -> str:
    """A script that only takes time."""
    return f'"{sys.executable}" -c "import time; time.sleep({seconds})"'

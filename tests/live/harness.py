"""A real manager on a real folder, and waiting on facts."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import psutil

from qm.osops import end_carriers

QUICK = {"Settle": "0.15", "Refuse_after": "0.6", "Empty_after": "1.5", "Kill_grace": "2"}
"""Times that let a test see in a second what takes half a minute otherwise."""
PLACES = ("QM_qJobs", "QM_Jobs", "QM_dJobs", "QM_lost+found")


def wait_for(what: str, fact: Callable[[], Any], timeout: float = 20.0) -> Any:
    """Wait until ``fact()`` is true and return it; fails with ``what`` and the last value."""
    until = time.monotonic() + timeout
    while True:
        value = fact()
        if value:
            return value
        if time.monotonic() > until:
            raise AssertionError(f"not within {timeout:g} s: {what}; last seen: {value!r}")
        time.sleep(0.01)


class ManagerProcess(Protocol):
    """What the tests need of a manager's process: as subprocess.Popen, or forked."""

    pid: int

    def poll(self) -> int | None:
        """Its exit code once it has ended."""

    def wait(self, timeout: float) -> int:
        """Wait for its end; subprocess.TimeoutExpired."""

    def send_signal(self, number: int, /) -> None:
        """Send it a signal, unless it has ended."""

    def kill(self) -> None:
        """SIGKILL."""


class Queue:
    """One QM_FOLDER with the manager that serves it."""

    def __init__(self, folder: Path, **options: object) -> None:
        self.folder = folder
        self.options = {**QUICK, "MaxNbProcessors": "2", **options}
        self.process: ManagerProcess | None = None
        self.staging = folder.parent / "staging"
        folder.mkdir(parents=True, exist_ok=True)
        self.staging.mkdir(exist_ok=True)
        self.config = folder.parent / "QMserv.cfg"
        self.log = folder.parent / "manager.log"
        self.environment = {**os.environ, "HOME": str(folder.parent)}

    def command(self, *arguments: str) -> list[str]:
        """A qm command line on this folder."""
        return [sys.executable, "-m", "qm", "--config", str(self.config), *arguments]

    def start(self) -> Queue:
        """Start the manager and wait until it serves."""
        lines = ["[QMServer]", f"QM_FOLDER = {self.folder}"]
        lines += [f"{name} = {value}" for name, value in self.options.items()]
        return self.serve_with("\n".join(lines) + "\n")

    def serve_with(self, config: str) -> Queue:
        """Start the manager with this QMserv.cfg."""
        self.config.write_text(config, encoding="utf-8")
        with open(self.log, "ab") as log:
            start = log.tell()
            self.process = subprocess.Popen(
                self.command("serve", "--no-web"),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self.environment,
            )

        def serving() -> bool:
            assert self.process is not None
            if self.process.poll() is not None:
                raise AssertionError(f"the manager ended: {self.log_text()}")
            return b"QM serves" in self.log.read_bytes()[start:]

        wait_for("the manager serves", serving)
        return self

    def stop(self) -> None:
        """Ask the manager to end, and wait for it."""
        if self.process is not None and self.process.poll() is None:
            if sys.platform == "win32":
                self.run("stop")  # Windows has no polite signal.
            else:
                self.process.send_signal(signal.SIGTERM)
            self.process.wait(30)
        self.process = None

    def kill_manager(self) -> None:
        """SIGKILL, as a crash."""
        assert self.process is not None
        self.process.kill()
        self.process.wait(10)
        self.process = None

    def run(self, *arguments: str, timeout: float = 60) -> subprocess.CompletedProcess[str]:
        """Run a qm command to its end."""
        return subprocess.run(
            self.command(*arguments),
            capture_output=True,
            text=True,
            timeout=timeout,
            env=self.environment,
            check=False,
        )

    def log_text(self) -> str:
        """What the managers of this folder have said."""
        return self.log.read_text(encoding="utf-8", errors="replace")

    def job(self, name: str, script: str, **options: object) -> Path:
        """Make a job folder beside the queue, older than the settle time."""
        folder = self.staging / name
        folder.mkdir()
        lines = ["[QMOptions]", f"script : {script}"]
        lines += [f"{key} : {value}" for key, value in options.items()]
        (folder / "proc_config.cfg").write_text("\n".join(lines) + "\n", encoding="utf-8")
        return folder

    def drop(self, name: str, script: str = "true", **options: object) -> Path:
        """Make a job folder and move it into QM_qJobs."""
        return self.move_in(self.job(name, script, **options))

    def move_in(self, folder: Path) -> Path:
        """One rename into QM_qJobs."""
        target = self.folder / "QM_qJobs" / folder.name
        os.rename(folder, target)
        return target

    def copy_in(self, folder: Path) -> Path:
        """A copy, file by file."""
        return Path(shutil.copytree(folder, self.folder / "QM_qJobs" / folder.name))

    def where(self, name: str) -> str | None:
        """Which of the four folders holds this name."""
        found = [place for place in PLACES if (self.folder / place / name).is_dir()]
        return found[0] if len(found) == 1 else None

    def path(self, name: str) -> Path:
        """Where the job folder lies now."""
        place = self.where(name)
        assert place is not None, f"{name} is nowhere: {self.tree()}"
        return self.folder / place / name

    def tree(self) -> dict[str, list[str]]:
        """What lies in the four folders."""
        return {p: sorted(os.listdir(self.folder / p)) for p in PLACES}

    def record(self, name: str, record: str) -> dict[str, Any]:
        """A record of a job, as it lies there."""
        loaded: dict[str, Any] = json.loads((self.path(name) / ".qm" / record).read_bytes())
        return loaded

    def wait_done(self, name: str, timeout: float = 20.0) -> Path:
        """Wait until the job lies in QM_dJobs; fails early where it was refused."""
        return self._wait_in(name, "QM_dJobs", "QM_lost+found", timeout)

    def wait_lost(self, name: str, timeout: float = 20.0) -> Path:
        """Wait until the job lies in QM_lost+found; fails early where it ended well."""
        return self._wait_in(name, "QM_lost+found", "QM_dJobs", timeout)

    def _wait_in(self, name: str, wanted: str, other: str, timeout: float) -> Path:
        def arrived() -> bool:
            if (self.folder / other / name).is_dir():
                raise AssertionError(f"{name} lies in {other}: {self.process_log(name)!r}")
            return (self.folder / wanted / name).is_dir()

        try:
            wait_for(f"{name} in {wanted}", arrived, timeout)
        except AssertionError as error:
            raise AssertionError(f"{error}; {self.tree()}; {self.log_text()[-2000:]}") from error
        return self.folder / wanted / name

    def wait_running(self, name: str) -> Path:
        """Wait until the job's script has started."""
        path = self.folder / "QM_Jobs" / name
        wait_for(f"{name} runs", (path / ".qm" / "start.json").exists)
        return path

    def process_log(self, name: str) -> str:
        """The job's process.log."""
        return (self.path(name) / "process.log").read_text(encoding="utf-8", errors="replace")

    def listed(self, *arguments: str) -> list[dict[str, Any]]:
        """``qm list --all --json``."""
        result = self.run("list", "--all", "--json", *arguments)
        assert result.returncode == 0, result.stderr
        rows: list[dict[str, Any]] = json.loads(result.stdout)
        return rows

    def row(self, name: str) -> dict[str, Any] | None:
        """The newest row of this name in ``qm list``."""
        rows = [row for row in self.listed() if row["name"] == name]
        return max(rows, key=lambda row: row["id"] or 0) if rows else None

    def supervisors(self) -> list[psutil.Process]:
        """Supervisor processes of this folder's manager."""
        assert self.process is not None
        children = psutil.Process(self.process.pid).children()
        return [child for child in children if "qm.supervisor" in " ".join(child.cmdline())]

    def end_everything(self) -> list[int]:
        """After a test: end the manager, and jobs that the test left running.

        Returns pids of processes that should not have been there.
        """
        children = []
        if self.process is not None and self.process.poll() is None:
            children = psutil.Process(self.process.pid).children()
        self.stop()
        for start in self.folder.glob("QM_*/*/.qm/start.json"):
            if not os.path.lexists(start.parent / "exit.json"):
                record = json.loads(start.read_bytes())
                psutil.wait_procs(_killed(record["supervisor"], children), timeout=5)
                end_carriers(record["token"], patience=5)
        _, alive = psutil.wait_procs(children, timeout=15)
        for process in alive:
            process.kill()
        return [process.pid for process in alive]


def _killed(pid: int, children: list[psutil.Process]) -> list[psutil.Process]:
    found = [child for child in children if child.pid == pid]
    for process in found:
        process.kill()
    return found


def is_gone(pid: int) -> bool:
    """True if the process has ended; one that nobody has reaped yet has."""
    try:
        return bool(psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True

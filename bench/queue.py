"""One QM_FOLDER and the manager that serves it, started as users start it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from bench.plan import SETTLE
from bench.waiting import TookTooLongError, wait_for, wait_for_each, wait_seconds
from qm.osops import end_carriers

WAITING, RUNNING, DONE, LOST = "QM_qJobs", "QM_Jobs", "QM_dJobs", "QM_lost+found"
LIMIT = 300.0
"""Seconds after which a benchmark gives up waiting for a drain or an acceptance."""
_START_LIMIT = 120.0
_STOP_LIMIT = 30.0
_SUPERVISOR, _PAGE = "qm.supervisor", "web.__main__"
"""What the command line of a child of the manager says."""
_ROOT = str(Path(__file__).resolve().parents[1])


@dataclass(frozen=True, slots=True)
class Usage:
    """CPU seconds since the start, and resident bytes, of the manager and its supervisors."""

    manager_cpu: float
    supervisor_cpu: float
    """Of all supervisors; what their jobs used does not count."""
    manager_memory: int
    supervisor_memory: int
    """Of the largest one; 0 where there is none."""


class Queue:
    """Made in an empty ``folder``; the manager runs between :meth:`start` and :meth:`stop`."""

    def __init__(
        self, folder: Path, slots: int, *, sync: bool = True, page_port: int | None = None
    ) -> None:
        """``page_port``: the manager starts its web page there; without one there is none."""
        self.root = folder / "QM"
        self.pid = 0
        self._staging = folder / "staging"
        self._config = folder / "QMserv.cfg"
        self._log = folder / "manager.log"
        self._process: subprocess.Popen[bytes] | None = None
        self._serve = ["serve"] if page_port is not None else ["serve", "--no-web"]
        self._environment = _environment(folder)
        for path in (self.root / WAITING, self._staging):
            path.mkdir(parents=True)
        switch = "yes" if sync else "no"
        lines = ["[QMServer]", f"QM_FOLDER = {self.root}", f"MaxNbProcessors = {slots}"]
        lines.append(f"Sync = {switch}")
        if page_port is not None:
            lines += ["[WEB_QMserver]", "Host = localhost", f"The_Port = {page_port}"]
            lines += ["Open_browser = no", f"Token_file = {folder / 'token'}"]
        self._config.write_text("\n".join([*lines, ""]), encoding="utf-8")

    def command(self, *arguments: str) -> list[str]:
        """A qm command line on this folder."""
        return [sys.executable, "-m", "qm", "--config", str(self._config), *arguments]

    def start(self, wrapper: Sequence[str] = ()) -> float:
        """Start the manager; returns the seconds until it serves.

        ``wrapper`` is put before its command line (strace).
        """
        begun = self._log.stat().st_size if self._log.exists() else 0
        with self._log.open("ab") as log:
            began = time.perf_counter()
            self._process = subprocess.Popen(
                [*wrapper, *self.command(*self._serve)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self._environment,
            )
        wait_for("the manager serves", lambda: self._serves(begun), _START_LIMIT)
        taken = time.perf_counter() - began
        self.pid = self._process.pid
        if wrapper:
            (self.pid,) = [child.pid for child in psutil.Process(self.pid).children()]
        return taken

    def _serves(self, begun: int) -> bool:
        assert self._process is not None
        with self._log.open("rb") as log:
            log.seek(begun)
            text = log.read()
        if self._process.poll() is not None:
            raise RuntimeError(f"the manager ended: {text.decode('utf-8', 'replace')}")
        return b"QM serves" in text

    def stop(self) -> None:
        """Ask the manager to end and wait for it; running jobs go on."""
        if self._process is None:
            return
        if self._process.poll() is None:
            psutil.Process(self.pid or self._process.pid).send_signal(signal.SIGTERM)
            self._process.wait(_STOP_LIMIT)
        self._process = None

    def end(self) -> None:
        """End the manager and the jobs that still run, with all their processes."""
        children: list[psutil.Process] = []
        if self._process is not None and self._process.poll() is None:
            children = psutil.Process(self.pid or self._process.pid).children()
        try:
            self.stop()
        finally:
            if self._process is not None and self._process.poll() is None:
                self._process.kill()
                self._process.wait()
            for token in self._running_tokens():
                end_carriers(token, patience=5.0)
            for child in psutil.wait_procs(children, timeout=10.0)[1]:
                child.kill()

    def _running_tokens(self) -> list[str]:
        starts = list((self.root / RUNNING).glob("*/.qm/start.json"))
        alive = [start for start in starts if not start.with_name("exit.json").exists()]
        return [str(json.loads(start.read_bytes())["token"]) for start in alive]

    def run(self, *arguments: str) -> float:
        """Run a qm command to its end; returns the seconds that it took."""
        began = time.perf_counter()
        command = self.begin(*arguments)
        self.finish(command)
        return time.perf_counter() - began

    def begin(self, *arguments: str) -> subprocess.Popen[bytes]:
        """Start a qm command, to be given to :meth:`finish`."""
        return subprocess.Popen(
            self.command(*arguments), stdout=subprocess.PIPE, env=self._environment
        )

    @staticmethod
    def finish(command: subprocess.Popen[bytes]) -> None:
        """Wait for the end of a qm command; RuntimeError where it failed."""
        # By the end of its output: a wait with a limit would look in steps of up to 50 ms.
        try:
            command.communicate(timeout=LIMIT)
        except subprocess.TimeoutExpired:
            command.kill()
            command.communicate()
            raise
        if command.returncode != 0:
            raise RuntimeError(f"{command.args!r} ended with code {command.returncode}")

    def stage(self, prefix: str, count: int, script: str, **options: object) -> list[Path]:
        """Make job folders beside the queue; :meth:`wait_rested` makes them old enough."""
        lines = ["[QMOptions]", f"script : {script}"]
        lines += [f"{key} : {value}" for key, value in options.items()]
        text = "\n".join([*lines, ""])
        folders = [self._staging / f"{prefix}{number:06}" for number in range(count)]
        for folder in folders:
            folder.mkdir()
            (folder / "proc_config.cfg").write_text(text, encoding="utf-8")
        return folders

    @staticmethod
    def wait_rested() -> None:
        """Let what was staged become older than the settle time."""
        wait_seconds(SETTLE + 0.2)

    def move_in(self, folders: Sequence[Path]) -> None:
        """One rename for each folder, into QM_qJobs."""
        for folder in folders:
            os.rename(folder, self.root / WAITING / folder.name)

    def wait_accepted(self, folders: Sequence[Path]) -> None:
        """Wait until each has its record: it is a job, and waits or runs."""

        def accepted(name: str) -> bool:
            waiting = self.root / WAITING / name
            return (waiting / ".qm" / "job.json").exists() or not waiting.exists()

        wait_for_each("accepted", [folder.name for folder in folders], accepted, LIMIT)

    def wait_running(self, folders: Sequence[Path]) -> None:
        """Wait until the scripts of all of them run."""

        def runs(name: str) -> bool:
            return (self.root / RUNNING / name / ".qm" / "start.json").exists()

        wait_for_each("it runs", [folder.name for folder in folders], runs, LIMIT)

    def wait_done(self, folders: Sequence[Path]) -> None:
        """Wait until all of them lie in QM_dJobs."""
        done = self.root / DONE
        last = done / folders[-1].name
        names = {folder.name for folder in folders}

        def all_done() -> bool:
            # One look in most cases: a listing costs the manager its processor.
            return names.issubset(os.listdir(done))

        try:
            wait_for("the last job is done", last.exists, LIMIT)
            wait_for("all jobs are done", all_done, LIMIT)
        except TookTooLongError as error:
            missing = len(names.difference(os.listdir(done)))
            lost = len(os.listdir(self.root / LOST))
            raise TookTooLongError(f"{error}; {missing} missing, {lost} refused") from error

    def wait_ended(self, folders: Sequence[Path]) -> None:
        """Wait until all of them, started earlier, have an exit record; no manager is needed."""

        def ended(name: str) -> bool:
            return (self.root / RUNNING / name / ".qm" / "exit.json").exists()

        wait_for_each("it ends", [folder.name for folder in folders], ended, LIMIT)

    def wait_idle(self) -> None:
        """Wait until nothing waits or runs."""

        def idle() -> bool:
            return not any(os.listdir(self.root / place) for place in (WAITING, RUNNING))

        wait_for("nothing waits or runs", idle, LIMIT)

    def usage(self) -> Usage:
        """What the manager and its supervisors have used, by now."""
        manager = psutil.Process(self.pid)
        supervisors = self._children(manager, _SUPERVISOR)
        memory = [one.memory_info().rss for one in supervisors]
        return Usage(
            manager_cpu=cpu_seconds(manager),
            supervisor_cpu=sum(cpu_seconds(one) for one in supervisors),
            manager_memory=manager.memory_info().rss,
            supervisor_memory=max(memory, default=0),
        )

    def processes(self) -> dict[str, list[psutil.Process]]:
        """The manager, its supervisors and its page, as they run just now."""
        manager = psutil.Process(self.pid)
        return {
            "manager": [manager],
            "supervisor": self._children(manager, _SUPERVISOR),
            "page": self._children(manager, _PAGE),
        }

    @staticmethod
    def _children(manager: psutil.Process, word: str) -> list[psutil.Process]:
        found = []
        for child in manager.children():
            with suppress(psutil.NoSuchProcess):
                if word in " ".join(child.cmdline()):
                    found.append(child)
        return found


@contextmanager
def queue_in(
    folder: Path, slots: int, *, sync: bool = True, page_port: int | None = None
) -> Iterator[Queue]:
    """A queue that is not started yet; everything of it is ended afterwards."""
    folder.mkdir()
    queue = Queue(folder, slots, sync=sync, page_port=page_port)
    try:
        yield queue
    finally:
        queue.end()


def cpu_seconds(process: psutil.Process) -> float:
    """Seconds of processor time of a process so far, those of threads that have ended included."""
    times = process.cpu_times()
    return float(times.user + times.system)


def _environment(home: Path) -> dict[str, str]:
    """That of this process, without what would point QM at another folder."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("QM_")}
    path = os.pathsep.join(filter(None, [_ROOT, os.environ.get("PYTHONPATH", "")]))
    return {**kept, "HOME": str(home), "PYTHONPATH": path}

"""The processes of one QM_FOLDER, each of which may be killed at any moment."""

from __future__ import annotations

import contextlib
import json
import os
import random
import socket
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import psutil

from qm.folders.layout import Layout

MARK = "QM_TORTURE"
"""An environment variable that all processes of one torture carry, whoever started them."""
_STOP_LIMIT = 60.0
_HALT_LIMIT = 5.0
_AGAIN = 0.3
"""How often a manager is killed that does not serve yet: else a slow machine sees nothing else."""
_ROOT = str(Path(__file__).resolve().parents[1])
_OPTIONS = (
    "Settle = 0.3\nRefuse_after = 6\nEmpty_after = 30\nKill_grace = 1\nBrake = 0\nRescan = 1\n"
)


class Victims:
    """The manager, its page, supervisors and clients; the manager is started again at once."""

    def __init__(self, folder: Path, slots: int) -> None:
        self.layout = Layout(str(folder / "QM"))
        self.layout.create()
        self.kills: Counter[str] = Counter()
        self.recoveries: list[float] = []
        """Seconds from each kill of the manager until the next one served."""
        self.killed_under: set[int] = set()
        """Ids of jobs that had started and not ended when their supervisor was killed."""
        self.clients: dict[str, subprocess.Popen[bytes]] = {}
        """Submitting ones that run, by the name of their job."""
        self.config = folder / "QMserv.cfg"
        self.log = folder / "manager.log"
        self._killed_at: float | None = None
        self._begun = 0
        self._manager: subprocess.Popen[bytes] | None = None
        kept = {key: value for key, value in os.environ.items() if not key.startswith("QM_")}
        path = os.pathsep.join(filter(None, [_ROOT, os.environ.get("PYTHONPATH", "")]))
        self._mark = f"{os.getpid()}-{time.time_ns()}"
        own = {"HOME": str(folder), "PYTHONPATH": path, MARK: self._mark}
        self._environment = {**kept, **own}
        web = f"[WEB_QMserver]\nHost = localhost\nThe_Port = {_free_port()}\nOpen_browser = no\n"
        where = f"QM_FOLDER = {self.layout.root}\nMaxNbProcessors = {slots}\n"
        self.config.write_text(f"[QMServer]\n{where}{_OPTIONS}{web}", encoding="utf-8")
        self.log.touch()

    def qm(self, *arguments: str) -> subprocess.Popen[bytes]:
        """Start a qm command on this folder; what it says goes into the manager's log."""
        command = [sys.executable, "-m", "qm", "--config", str(self.config), *arguments]
        with self.log.open("ab") as log:
            return subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self._environment,
            )

    def start(self) -> None:
        """Start the manager; :meth:`look` tells when it serves."""
        self._begun = self.log.stat().st_size
        self._manager = self.qm("serve")

    def look(self) -> bool:
        """True if the manager serves. RuntimeError where it ended and nobody had killed it."""
        assert self._manager is not None
        with self.log.open("rb") as log:
            log.seek(self._begun)
            serves = b"QM serves" in log.read()
        if self._manager.poll() is not None:
            raise RuntimeError(f"the manager ended of itself; see {self.log}")
        if serves and self._killed_at is not None:
            self.recoveries.append(time.monotonic() - self._killed_at)
            self._killed_at = None
        return serves

    def strike(self, chance: random.Random) -> None:
        """Kill one process, where one is found: a supervisor, the manager, a client or the page."""
        kind = chance.choices(
            ("manager", "supervisor", "client", "page"), weights=(35, 45, 10, 10)
        )[0]
        if kind == "supervisor":
            self._kill_supervisor(chance)
        elif kind == "client":
            self._kill_client(chance)
        elif kind == "page":
            self._kill_page()
        elif self._killed_at is None or chance.random() < _AGAIN:
            self._kill_manager()

    def _kill_manager(self) -> None:
        assert self._manager is not None
        self._manager.kill()
        self._manager.wait()
        self.kills["manager"] += 1
        # Killed before it served: its recovery goes on counting.
        self._killed_at = self._killed_at or time.monotonic()
        self.start()

    def _kill_supervisor(self, chance: random.Random) -> None:
        running = self._started()
        pids = sorted({pid for _, pid in running}) or [p.pid for p in self._supervisors()]
        if not pids:
            return
        with contextlib.suppress(psutil.Error):
            victim = psutil.Process(chance.choice(pids))
            if not self._is_supervisor(victim):
                return  # It has ended since, and its job has an end.
            # Halted, it cannot end its job between our look and its death.
            victim.suspend()
            until = time.monotonic() + _HALT_LIMIT
            while victim.status() != psutil.STATUS_STOPPED and time.monotonic() < until:
                _wait_a_moment()
            self.killed_under |= {job for job, pid in self._started() if pid == victim.pid}
            victim.kill()
            self.kills["supervisor"] += 1

    def _started(self) -> list[tuple[int, int]]:
        """Jobs with a start and no exit record, and the processes beside them."""
        found = []
        for start in Path(self.layout.root).glob("QM_*/*/.qm/start.json"):
            with contextlib.suppress(OSError, ValueError, KeyError):
                record = json.loads(start.read_bytes())
                job = json.loads(start.with_name("job.json").read_bytes())
                if not start.with_name("exit.json").exists():
                    found.append((int(job["id"]), int(record["supervisor"])))
        return found

    def _kill_client(self, chance: random.Random) -> None:
        running = [client for client in self.clients.values() if client.poll() is None]
        if running:
            chance.choice(running).kill()
            self.kills["client"] += 1

    def _kill_page(self) -> None:
        assert self._manager is not None
        with contextlib.suppress(psutil.Error):
            for child in psutil.Process(self._manager.pid).children():
                if "web.__main__" in " ".join(child.cmdline()):
                    child.kill()
                    self.kills["page"] += 1

    def _supervisors(self) -> list[psutil.Process]:
        """Of this manager, and of killed ones before it."""
        return [process for process in psutil.process_iter() if self._is_supervisor(process)]

    def _is_supervisor(self, process: psutil.Process) -> bool:
        try:
            words = " ".join(process.cmdline())
            return "qm.supervisor" in words and process.environ().get(MARK) == self._mark
        except psutil.Error:
            return False

    def end(self) -> None:
        """End the manager as a person would, then whatever is left of all this."""
        if self._manager is not None and self._manager.poll() is None:
            self._manager.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._manager.wait(_STOP_LIMIT)
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if process.environ().get(MARK) == self._mark:
                    process.kill()
        if self._manager is not None:
            self._manager.wait()
        for client in self.clients.values():
            client.wait()


def _wait_a_moment() -> None:
    time.sleep(0.002)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])

"""The manager's end of the pipes of a real supervisor process."""

from __future__ import annotations

import contextlib
import json
import queue
import secrets
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil

from qm.jobdir import own_folder, write_job
from qm.model import Job
from qm.records import Claim, decode
from tests.fakes.jobs import a_job_folder

ROOT = Path(__file__).resolve().parents[2]
BOOT = "import sys; sys.path[:] = sys.argv[1:]; from qm.supervisor.__main__ import main; main()"


def wait_until(what: str, fact: Callable[[], bool], timeout: float = 15.0) -> None:
    until = time.monotonic() + timeout
    while not fact():
        assert time.monotonic() < until, f"not within {timeout} s: {what}"
        time.sleep(0.005)


class Driver:
    """The manager's end of the pipes."""

    def __init__(self, root: Path) -> None:
        self.running = root / "QM_Jobs"
        self.running.mkdir()
        self.process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", BOOT, str(ROOT), *(p for p in sys.path if p)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd="/",
            start_new_session=True,
        )
        self._messages: queue.Queue[bytes] = queue.Queue()
        self._listener = threading.Thread(target=self._listen)
        self._listener.start()
        self.ready = self.hear()

    def _listen(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as messages:
            for line in messages:
                self._messages.put(line)
        self._messages.put(b"")

    def hear(self, within: float = 30.0) -> dict[str, Any]:
        """The next message; queue.Empty where none comes."""
        line = self._messages.get(timeout=within)
        assert line, "the supervisor has ended"
        message: dict[str, Any] = json.loads(line)
        return message

    def outcome(self) -> dict[str, Any]:
        """The last word on a job, after its start."""
        message = self.hear()
        return self.hear() if "started" in message else message

    def say(self, message: dict[str, Any]) -> None:
        """Tell the supervisor."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(message).encode() + b"\n")
        self.process.stdin.flush()

    def claimed(self, name: str = "job") -> Job:
        """A job folder as a claim leaves it."""
        # Whoever carries the token is ended with the job, also in a test beside this one.
        token = f"token of {name} {secrets.token_hex(4)}"
        job = a_job_folder(self.running / name, attempt=1, token=token)
        with own_folder(str(self.running / name), create=True) as own:
            write_job(own, job, Claim("boot", claimed=True))
        return job

    def order(self, job: Job, command: str, **changes: Any) -> None:
        """Have the job run; ``changes`` are to what an order usually says."""
        order = {
            "path": str(self.running / job.name),
            "inode": job.identity.inode,
            "attempt": job.attempt,
            "token": job.token,
            "boot": "boot",
            "host": "host",
            "nb_proc": 1,
            "mem": None,
            "command": command,
            "cwd": None,
            "stdout": None,
            "stderr": None,
            "walltime": None,
            "grace": 5.0,
            "sync": True,
            "shims": "/nowhere",
            "submit": False,
            "notes": ["a note"],
            "env": {"GREETING": "hello"},
            "supervisor_started": None,
            **changes,
        }
        self.say({"run": order})

    def mark(self, job: Job, **more: Any) -> dict[str, Any]:
        """What a request about this attempt names it by."""
        return {"attempt": job.attempt, "token": job.token, **more}

    def kill(self, job: Job, grace: float = 5.0) -> None:
        """Ask for the job's end."""
        self.say({"kill": self.mark(job, grace=grace, reason="User", text="killed")})

    def run(self, command: str, **changes: Any) -> dict[str, Any]:
        """The last word on a job that runs this command."""
        self.order(self.claimed(), command, **changes)
        return self.outcome()

    def path(self, name: str = "job") -> Path:
        return self.running / name

    def log(self, name: str = "job") -> str:
        return (self.path(name) / "process.log").read_text(encoding="utf-8")

    def record(self, file: str, name: str = "job") -> dict[str, Any]:
        return decode((self.path(name) / ".qm" / file).read_bytes())

    def wait_started(self, name: str = "job") -> None:
        wait_until("it has started", (self.path(name) / ".qm" / "start.json").exists)

    def close(self) -> None:
        """Be gone, as a manager that has ended."""
        assert self.process.stdin is not None
        self.process.stdin.close()

    def end(self) -> int:
        """Be gone, and return the exit code of the supervisor."""
        self.close()
        code = self.process.wait(20)
        self._listener.join(20)
        return code


@contextlib.contextmanager
def a_driver(root: Path) -> Iterator[Driver]:
    """A supervisor for one test; whatever it leaves running is ended with it."""
    driver = Driver(root)
    try:
        yield driver
    finally:
        driver.close()
        wait_until("the supervisor ends", lambda: _has_ended(driver.process))
        driver.end()


def _has_ended(supervisor: subprocess.Popen[bytes]) -> bool:
    """True if it has; else its jobs are ended, after which it ends itself."""
    if supervisor.poll() is not None:
        return True
    with contextlib.suppress(psutil.Error):
        for child in psutil.Process(supervisor.pid).children(recursive=True):
            child.kill()
    return False

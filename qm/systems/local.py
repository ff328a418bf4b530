"""This machine: supervisors that are reused, and one that is kept warm."""

from __future__ import annotations

import contextlib
import errno
import json
import logging
import os
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qm.core import actions as act
from qm.core import events as ev
from qm.crashpoints import crash_point
from qm.faults import fault_of
from qm.jobenv import job_variables
from qm.jobinfo.keys import not_obeyed
from qm.model import Job, Reason
from qm.osops import started_at
from qm.osops.background import background_flags
from qm.records import RecordError, outcome_from_record

log = logging.getLogger("qm.local")

Post = Callable[[ev.Event], None]

_IDLE_FOR = 30.0
_BOOT = "import sys; sys.path[:] = sys.argv[1:]; from qm.supervisor.__main__ import main; main()"


@dataclass(frozen=True, slots=True)
class Site:
    """What every order says of this machine and this manager."""

    running: str
    """The path of QM_Jobs."""
    shims: str
    host: str
    boot: str
    kill_grace: float
    sync: bool
    nice: int = 0
    enforce: frozenset[str] = frozenset()
    """Of cpu, memory and gpu: what jobs are held to."""
    gpus: int = 0


@dataclass(frozen=True, slots=True)
class Order:
    """A job that is to be run, and the message that tells a supervisor all about it."""

    job: Job
    token: str
    message: dict[str, Any]


class LocalSystem:
    """Runs jobs by supervisor processes; what happens is posted as events."""

    def __init__(self, site: Site, slots: int, post: Post) -> None:
        self._site = site
        self._slots = slots
        self._post = post
        self._lock = threading.Lock()
        self._idle: list[Supervisor] = []
        self._busy: dict[str, Supervisor] = {}
        self._starting = 0
        self._pending: deque[Order] = deque()
        self._closed = False

    def warm_up(self) -> None:
        """Have one supervisor ready before the first job comes."""
        with self._lock:
            wanted = not self._idle and not self._starting and not self._closed
            self._starting += wanted
        if wanted:
            Supervisor(self)

    def run(self, action: act.Start) -> None:
        """Hand over a claimed job: to an idle supervisor, or to the next that is ready."""
        order = self._order(action.job, action.command, action.note)
        crash_point("start.chosen", action.job.name)
        with self._lock:
            supervisor = self._idle.pop() if self._idle else None
            if supervisor is not None:
                self._give(supervisor, order)
            else:
                self._pending.append(order)
            needed = len(self._pending) + (not self._idle) - self._starting
            room = self._slots + 1 - len(self._busy) - len(self._idle) - self._starting
            needed = max(0, min(needed, room))
            self._starting += needed
        if supervisor is not None:
            supervisor.send(order)
        for _ in range(needed):
            Supervisor(self)

    def _order(self, job: Job, command: str, note: str | None) -> Order:
        site, options = self._site, job.options
        path = os.path.join(site.running, job.name)
        assert job.token is not None
        message = {
            "path": path,
            "inode": job.identity.inode,
            "attempt": job.attempt,
            "token": job.token,
            "boot": site.boot,
            "host": site.host,
            "nb_proc": options.nb_proc,
            "mem": options.mem,
            "command": command,
            "cwd": options.cwd,
            "stdout": options.stdout,
            "stderr": options.stderr,
            "walltime": options.walltime,
            "grace": site.kill_grace,
            "sync": site.sync,
            "shims": site.shims,
            "submit": job.submit_token is not None,
            "notes": [*job.notes, *([note] if note else []), *not_obeyed(options)],
            "env": job_variables(
                job, path, path, hide_gpus=site.gpus > 0 and "gpu" in site.enforce
            ),
            "cpus": list(job.cpus) or None,
            "gpus": list(job.gpus) or None,
            "nice": site.nice,
            "enforce_mem": options.mem is not None and "memory" in site.enforce,
            "warn": None
            if options.signal is None
            else {"signal": options.signal[0], "before": options.signal[1]},
        }
        return Order(job, job.token, message)

    def stop(self, job: Job, reason: Reason, grace: float) -> bool:
        """Tell the supervisor of this attempt to end it; False where it is none of ours.

        The mark in the folder says the same; it may be out of reach: the folder
        was deleted or taken elsewhere, or the disk is full.
        """
        with self._lock:
            supervisor = None if job.token is None else self._busy.get(job.token)
        if supervisor is None:
            return False
        mark = {"attempt": job.attempt, "token": job.token, "grace": grace}
        supervisor.tell({"kill": {**mark, "reason": reason.word, "text": reason.text}})
        return True

    def pause(self, job: Job, *, suspended: bool) -> bool:
        """Tell the supervisor of this attempt to let it stand still, or go on; False where
        it is none of ours: then the mark in the folder has to do.
        """
        with self._lock:
            supervisor = None if job.token is None else self._busy.get(job.token)
        if supervisor is None:
            return False
        mark = {"attempt": job.attempt, "token": job.token}
        supervisor.tell({"suspend" if suspended else "resume": mark})
        return True

    def adapt(self, site: Site) -> None:
        """Another configuration, for the jobs that start from now on."""
        self._site = site

    def set_slots(self, slots: int) -> None:
        """How many jobs may run at once."""
        with self._lock:
            self._slots = slots

    def trim(self, now: float) -> None:
        """Let supervisors go that have been idle for long, all but one."""
        with self._lock:
            old = [s for s in self._idle[:-1] if now - s.idle_since > _IDLE_FOR]
            self._idle = [s for s in self._idle if s not in old]
        for supervisor in old:
            supervisor.close()

    def close(self) -> list[Job]:
        """Idle supervisors end now, busy ones after their job.

        Returns the jobs that no supervisor had been given yet.
        """
        with self._lock:
            self._closed = True
            unstarted = [order.job for order in self._pending]
            self._pending.clear()
            idle, self._idle = self._idle, []
            everybody = [*idle, *self._busy.values()]
        for supervisor in everybody:
            supervisor.close()
        return unstarted

    def is_ready(self, supervisor: Supervisor, *, first: bool) -> None:
        """A supervisor has nothing to do: give it what waits."""
        order = None
        with self._lock:
            self._starting -= first
            if self._closed:
                supervisor.close()
            elif self._pending:
                order = self._pending.popleft()
                self._give(supervisor, order)
            else:
                supervisor.idle_since = time.monotonic()
                self._idle.append(supervisor)
        if order is not None:
            supervisor.send(order)

    def _give(self, supervisor: Supervisor, order: Order) -> None:
        # Under the lock: a supervisor that dies from now on dies with this job, and says so.
        supervisor.order = order
        self._busy[order.token] = supervisor

    def is_done(self, token: str) -> None:
        """The attempt is no longer a supervisor's."""
        with self._lock:
            self._busy.pop(token, None)

    def is_gone(
        self, supervisor: Supervisor, *, first: bool, why: str, fault: Reason | None = None
    ) -> None:
        """A supervisor has ended, or did not start: its job, or the next one, is told."""
        with self._lock:
            self._starting -= first
            if supervisor in self._idle:
                self._idle.remove(supervisor)
            order = supervisor.order
            if order is None and first and self._pending:
                order = self._pending.popleft()
                failed = True
            else:
                failed = False
            if order is not None:
                self._busy.pop(order.token, None)
        if order is None:
            return
        if failed:
            self._post(ev.LaunchFailed(order.job.id, order.token, why, fault))
        else:
            self._post(ev.SupervisorGone(order.job.id, order.token))

    def fault_of(self, error: OSError) -> Reason | None:
        """What the machine lacks, where that is why a job could not be started."""
        return fault_of(error, self._site.running)

    def post(self, event: ev.Event) -> None:
        """Pass an event on to the reactor."""
        self._post(event)


class Supervisor:
    """One supervisor process and the thread that hears it."""

    def __init__(self, system: LocalSystem) -> None:
        self._system = system
        self.order: Order | None = None
        self.idle_since = 0.0
        self._process: subprocess.Popen[bytes] | None = None
        self._born: float | None = None
        self._writing = threading.Lock()
        try:
            threading.Thread(target=self._live, name="qm-supervisor", daemon=True).start()
        except RuntimeError as error:
            # The process may have no more threads: the system does not say it as an OSError.
            self._could_not_start(OSError(errno.EAGAIN, str(error)))

    def _could_not_start(self, error: OSError) -> None:
        why = f"no supervisor: {error.strerror}"
        self._system.is_gone(self, first=True, why=why, fault=self._system.fault_of(error))

    def _live(self) -> None:
        try:
            process = self._process = _spawn()
        except OSError as error:
            self._could_not_start(error)
            return
        self._born = started_at(process.pid)
        first = True
        assert process.stdout is not None
        with process.stdout as messages:
            for line in messages:
                if not line.endswith(b"\n"):
                    break  # It was killed in the middle of a word.
                self._hear(json.loads(line), first=first)
                first = False
        code = process.wait()
        self._system.is_gone(self, first=first, why=f"the supervisor ended with code {code}")
        self.close()

    def _hear(self, message: dict[str, Any], *, first: bool) -> None:
        if "ready" in message:
            self._system.is_ready(self, first=first)
            return
        order, token = self.order, message["token"]
        if order is None or order.token != token:
            return
        if "started" in message:
            self._system.post(ev.Started(order.job.id, token, message["started"]))
            return
        if "suspended" in message:
            self._system.post(ev.Paused(order.job.id, token, bool(message["suspended"])))
            return
        self.order = None
        self._system.is_done(token)
        # The reactor first: what it starts next may come to this very supervisor.
        self._system.post(self._event_of(order, message))
        self._system.is_ready(self, first=False)

    def _event_of(self, order: Order, message: dict[str, Any]) -> ev.Event:
        job_id, token = order.job.id, order.token
        if "ended" in message:
            record = message["ended"]
            try:
                outcome = outcome_from_record(record)
            except RecordError:
                return ev.SupervisorGone(job_id, token)
            return ev.Ended(job_id, token, outcome, bool(record.get("vanished")))
        if "refused" in message:
            return ev.NotStarted(job_id, token, message["refused"])
        why = str(message["failed"])
        fault = self._system.fault_of(OSError(message.get("errno"), why))
        return ev.LaunchFailed(job_id, token, why, fault)

    def send(self, order: Order) -> None:
        """Tell it its job; one that cannot be reached any more is told as gone by its thread."""
        self.tell({"run": {**order.message, "supervisor_started": self._born}})
        crash_point("start.sent", order.job.name)

    def tell(self, message: dict[str, Any]) -> None:
        """Write one line to it."""
        process = self._process
        if process is None or process.stdin is None:
            return
        with self._writing, contextlib.suppress(OSError, ValueError):
            process.stdin.write(json.dumps(message).encode() + b"\n")
            process.stdin.flush()

    def close(self) -> None:
        """Close its standard input: it ends, after its job if it has one."""
        process = self._process
        if process is not None and process.stdin is not None:
            with self._writing, contextlib.suppress(OSError):
                process.stdin.close()


def _spawn() -> subprocess.Popen[bytes]:
    # -S and -I: no start-up files of the user or of site-packages; it starts in half the time.
    root = str(Path(__file__).resolve().parents[2])
    return subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", _BOOT, root, *(p for p in sys.path if p)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=os.path.abspath(os.sep),
        start_new_session=True,
        creationflags=background_flags(),
    )

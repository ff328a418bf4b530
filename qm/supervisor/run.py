"""One job, from the lock to the exit record."""

from __future__ import annotations

import contextlib
import json
import os
import time
from typing import Any

from qm.crashpoints import crash_point
from qm.jobfiles import LOG, OWN
from qm.osops import TOKEN_VARIABLE, FolderHandle, Lock, Orders, ScriptProcess
from qm.supervisor.environment import script_environment
from qm.supervisor.limits import Order, limits_of
from qm.supervisor.log import open_log, write_footer, write_header
from qm.supervisor.marks import Marks
from qm.supervisor.usage import UsageRecorder
from qm.supervisor.watch import Report, Watch
from qm.times import utc_text

_LOCK_PATIENCE = 10.0
"""Seconds to wait for a lock that the manager may hold for a moment, to probe it."""
_RESERVED = "exit.reserved"
_RESERVED_BYTES = 4096
_RECORD_LIMIT = 1 << 20


class NotMine(Exception):
    """The job is not (or no longer) this supervisor's to run; nothing was started."""


class JobRun:
    """Runs the job of one order."""

    def __init__(self, order: Order, orders: Orders, report: Report) -> None:
        self.order = order
        self.orders = orders
        self.report = report
        self.limits = limits_of(order)

    def run(self) -> dict[str, Any]:
        """Run it; returns what to report. NotMine or OSError where nothing was started."""
        crash_point("supervisor.told", self.order["path"])
        with FolderHandle.open(self.order["path"]) as folder:
            if folder.identity().inode != self.order["inode"]:
                raise NotMine("another folder has taken this name")
            with folder.sub(OWN) as records:
                lock = self._take_lock(records)
                try:
                    crash_point("supervisor.locked", folder.path)
                    self._compare_token(records)
                    return self._attempt(folder, records)
                finally:
                    lock.release()
                    crash_point("supervisor.lock_freed", folder.path)

    def _take_lock(self, records: FolderHandle) -> Lock:
        until = time.monotonic() + _LOCK_PATIENCE
        while True:
            lock = records.lock("lock")
            if lock is not None:
                return lock
            if time.monotonic() > until:
                raise NotMine("somebody else holds the job's lock")
            self.orders.wait(0.005)

    def _compare_token(self, records: FolderHandle) -> None:
        # A manager that took this job back has written a new token before it let the lock go.
        data = records.read("job.json", _RECORD_LIMIT)
        record = json.loads(data) if data else {}
        mine = (self.order["attempt"], self.order["token"])
        if (record.get("attempt"), record.get("token")) != mine:
            raise NotMine("the manager took this job back")

    def _attempt(self, folder: FolderHandle, records: FolderHandle) -> dict[str, Any]:
        started = time.time()
        log = open_log(folder)
        try:
            write_header(log, started, self.order["notes"])
            crash_point("supervisor.log_opened", folder.path)
            records.reserve(_RESERVED, _RESERVED_BYTES)
            crash_point("supervisor.reserved", folder.path)
            self._write_start(folder, records, started)
            crash_point("supervisor.start_recorded", folder.path)
            # From here on the attempt counts: whatever happens ends in an exit record.
            script, problem = self._launch(folder, log)
            crash_point("supervisor.script_started", folder.path)
            watch = None if script is None else self._follow(script, records, started)
            crash_point("supervisor.script_ended", folder.path)
            record = self._exit_record(script, watch, started, problem)
            parts = [record["reason"], None if watch is None else watch.remark]
            remark = "; ".join(part for part in parts if part) or None
            with contextlib.suppress(OSError):
                write_footer(log, time.time(), _how(record), remark)
            crash_point("supervisor.footer_written", folder.path)
        finally:
            os.close(log)
        self._write_exit(records, record)
        crash_point("supervisor.exit_recorded", folder.path)
        return record

    def _write_start(self, folder: FolderHandle, records: FolderHandle, started: float) -> None:
        try:
            records.write("start.json", _encode(self._start_record(started)))
        except OSError:
            # Not started: the next launch shall not find a log of nothing.
            folder.remove(LOG)
            raise

    def _start_record(self, started: float) -> dict[str, Any]:
        order = self.order
        return {
            "format": 1,
            "attempt": order["attempt"],
            "token": order["token"],
            "host": order["host"],
            "boot": order["boot"],
            "supervisor": os.getpid(),
            "supervisor_started": order["supervisor_started"],
            "started": utc_text(started),
            "nb_proc": order["nb_proc"],
            "cpus": order.get("cpus"),
            "gpus": order.get("gpus"),
            "mem": order["mem"],
            "command": order["command"],
        }

    def _launch(
        self, folder: FolderHandle, log: int
    ) -> tuple[ScriptProcess | None, OSError | None]:
        order = self.order
        opened: list[int] = []
        try:
            env = script_environment(folder, order)
            env[TOKEN_VARIABLE] = order["token"]
            stdout = self._output(folder, order["stdout"], log, opened)
            same = order["stderr"] == order["stdout"]
            stderr = stdout if same else self._output(folder, order["stderr"], log, opened)
            script = ScriptProcess.start(
                order["command"],
                folder,
                order["cwd"],
                env,
                stdout,
                stderr,
                order["token"],
                cpus=order.get("cpus"),
                nice=order.get("nice") or 0,
            )
            return script, None
        except OSError as error:
            return None, error
        finally:
            for fd in opened:
                os.close(fd)

    def _output(self, folder: FolderHandle, path: str | None, log: int, opened: list[int]) -> int:
        if path is None:
            return log
        where = os.path.join(folder.path, path)
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_NOFOLLOW", 0)
        fd = os.open(where, flags, 0o666)
        opened.append(fd)
        return fd

    def _follow(self, script: ScriptProcess, records: FolderHandle, started: float) -> Watch:
        marks = Marks(records, self.order["attempt"], self.order["token"])
        recorder = UsageRecorder(script, records, self.limits.memory)
        watch = Watch(script, self.limits, marks, self.orders, self.report, recorder)
        watch.follow(started)
        return watch

    def _exit_record(
        self,
        script: ScriptProcess | None,
        watch: Watch | None,
        started: float,
        problem: OSError | None,
    ) -> dict[str, Any]:
        reason = None if watch is None else watch.ending
        if problem is not None:
            where = f"{problem.filename}: " if problem.filename else ""
            reason = ("Launch", f"could not be started: {where}{problem.strerror or problem}")
        suspended = 0.0 if watch is None else round(watch.suspended_seconds, 3)
        return {
            "format": 1,
            "attempt": self.order["attempt"],
            "token": self.order["token"],
            "exit_code": 127 if script is None else script.exit_code,
            "signal": None if script is None else script.signal,
            "reason": None if reason is None else f"{reason[0]}: {reason[1]}",
            "started": utc_text(started),
            "ended": utc_text(time.time()),
            "cpu_seconds": 0.0 if script is None else round(script.cpu_seconds, 3),
            "peak_memory": 0 if script is None else script.peak_memory,
            **({"suspended_seconds": suspended} if suspended else {}),
        }

    def _write_exit(self, records: FolderHandle, record: dict[str, Any]) -> None:
        """The record decides how the job ended: on a full disk, keep the lock and try on."""
        sync = bool(self.order["sync"])
        pause = 0.1
        while True:
            try:
                records.write_reserved(_RESERVED, "exit.json", _encode(record), sync=sync)
                return
            except FileNotFoundError:
                # The folder was deleted under the job: only the manager can be told.
                record["vanished"] = True
                return
            except OSError:
                self.orders.wait(pause)
                pause = min(pause * 2, 10.0)


def _how(record: dict[str, Any]) -> str:
    if record["exit_code"] is None:
        return f"signal {record['signal']}"
    return f"code {record['exit_code']}"


def _encode(record: dict[str, Any]) -> bytes:
    return json.dumps(record, ensure_ascii=True).encode()

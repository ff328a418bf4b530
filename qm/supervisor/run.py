"""One job, from the lock to the exit record."""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Callable
from typing import Any

from qm.jobfiles import LOG, OWN
from qm.osops import TOKEN_VARIABLE, FolderHandle, Lock, Orders, ScriptProcess
from qm.supervisor.environment import script_environment
from qm.supervisor.log import open_log, write_footer, write_header
from qm.times import utc_text

Order = dict[str, Any]
Report = Callable[[dict[str, Any]], None]

_LOCK_PATIENCE = 10.0
"""Seconds to wait for a lock that the manager may hold for a moment, to probe it."""
_SHORT = 0.02
"""A job that ends within this time is reported once, not twice."""
_LOOK_EVERY = 1.0
_SAMPLE_EVERY = 5.0
_LEFT_BEHIND_GRACE = 2.0
_END_PATIENCE = 30.0
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
        self.ending: tuple[str, str] | None = None
        self.kill_at: float | None = None
        self.grace = float(order["grace"])
        self.remark: str | None = None

    def run(self) -> dict[str, Any]:
        """Run it; returns what to report. NotMine or OSError where nothing was started."""
        with FolderHandle.open(self.order["path"]) as folder:
            if folder.identity().inode != self.order["inode"]:
                raise NotMine("another folder has taken this name")
            with folder.sub(OWN) as records:
                lock = self._take_lock(records)
                try:
                    self._compare_token(records)
                    return self._attempt(folder, records)
                finally:
                    lock.release()

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
            records.reserve(_RESERVED, _RESERVED_BYTES)
            self._write_start(folder, records, started)
            # From here on the attempt counts: whatever happens ends in an exit record.
            script, problem = self._launch(folder, log)
            if script is not None:
                self._watch_to_the_end(script, records, started)
            record = self._exit_record(script, started, time.time(), problem)
            with contextlib.suppress(OSError):
                write_footer(log, time.time(), _how(record), self._footer_remark(record))
        finally:
            os.close(log)
        self._write_exit(records, record)
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
                order["command"], folder, order["cwd"], env, stdout, stderr, order["token"]
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

    def _watch_to_the_end(
        self, script: ScriptProcess, records: FolderHandle, started: float
    ) -> None:
        """A fault of ours ends the script: it must not run on beside a second start of it."""
        try:
            self._watch(script, records, started)
        except Exception as error:
            self.remark = f"QM failed beside it: {error!r}"
            self._finish_off(script)

    def _watch(self, script: ScriptProcess, records: FolderHandle, started: float) -> None:
        begun = time.monotonic()
        limit = self.order["walltime"]
        deadline = None if limit is None else begun + limit
        next_look, next_sample = begun + _LOOK_EVERY, begun + _LOOK_EVERY
        announced = False
        self._hear(script, _SHORT)
        while True:
            # Once it is being ended, the rest of the tree has the same grace as the script.
            if script.poll() and not (self.ending and script.survivors()):
                break
            now = time.monotonic()
            if not announced:
                announced = True
                self.report({"started": utc_text(started), "token": self.order["token"]})
            if deadline is not None and now >= deadline and self.ending is None:
                self._end(script, ("TimeLimit", f"ran longer than its walltime, {limit:g} s"))
            if now >= next_look:
                next_look = now + _LOOK_EVERY
                self._look_for_kill(script, records)
            if now >= next_sample:
                next_sample = now + _SAMPLE_EVERY
                script.sample()
            if self.kill_at is not None and now >= self.kill_at:
                self._finish_off(script)
                return
            times = [next_look, next_sample, deadline if self.ending is None else None]
            wake = min(t for t in (*times, self.kill_at) if t is not None)
            self._hear(script, max(0.0, wake - now))
        if script.survivors():
            self._end_left_behind(script)

    def _hear(self, script: ScriptProcess, timeout: float) -> None:
        for line in self.orders.wait(timeout):
            try:
                order = json.loads(line)
            except ValueError:
                continue
            if isinstance(order, dict):
                self._obey(script, order.get("kill"))

    def _look_for_kill(self, script: ScriptProcess, records: FolderHandle) -> None:
        if self.ending is not None:
            return
        try:
            data = records.read("kill", _RECORD_LIMIT)
            self._obey(script, json.loads(data) if data else None)
        except (OSError, ValueError):
            return

    def _obey(self, script: ScriptProcess, mark: Any) -> None:
        """A request to end, from the mark in the folder or straight from the manager."""
        mine = (self.order["attempt"], self.order["token"])
        if not isinstance(mark, dict) or (mark.get("attempt"), mark.get("token")) != mine:
            return
        grace = mark.get("grace")
        if isinstance(grace, int | float) and 0 <= grace <= 86400:
            self.grace = float(grace)
        self._end(script, (str(mark.get("reason", "User")), str(mark.get("text", "killed"))))

    def _end(self, script: ScriptProcess, reason: tuple[str, str]) -> None:
        # Who ended first wins: a script that is over already has its own end.
        if self.ending is not None or script.poll():
            return
        self.ending = reason
        self.kill_at = time.monotonic() + self.grace
        script.ask_to_end()

    def _finish_off(self, script: ScriptProcess) -> None:
        left = script.end_now(_END_PATIENCE, self.orders.wait)
        if left:
            self.remark = f"could not end the processes {', '.join(map(str, left))}"

    def _end_left_behind(self, script: ScriptProcess) -> None:
        """What a script started and left is ended with it, as batch systems do."""
        count = len(script.survivors())
        script.ask_to_end()
        until = time.monotonic() + min(_LEFT_BEHIND_GRACE, self.grace)
        while script.survivors() and time.monotonic() < until:
            self.orders.wait(0.02)
            script.poll()
        self.remark = f"{count} processes that the script left behind were ended"
        if script.survivors():
            self._finish_off(script)

    def _exit_record(
        self,
        script: ScriptProcess | None,
        started: float,
        ended: float,
        problem: OSError | None,
    ) -> dict[str, Any]:
        reason = self.ending
        if problem is not None:
            where = f"{problem.filename}: " if problem.filename else ""
            reason = ("Launch", f"could not be started: {where}{problem.strerror or problem}")
        return {
            "format": 1,
            "attempt": self.order["attempt"],
            "token": self.order["token"],
            "exit_code": 127 if script is None else script.exit_code,
            "signal": None if script is None else script.signal,
            "reason": None if reason is None else f"{reason[0]}: {reason[1]}",
            "started": utc_text(started),
            "ended": utc_text(ended),
            "cpu_seconds": 0.0 if script is None else round(script.cpu_seconds, 3),
            "peak_memory": 0 if script is None else script.peak_memory,
        }

    def _footer_remark(self, record: dict[str, Any]) -> str | None:
        parts = [part for part in (record["reason"], self.remark) if part]
        return "; ".join(parts) or None

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

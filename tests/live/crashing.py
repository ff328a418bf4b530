"""A queue with one process that dies at a crash point, started again, and then examined."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

import psutil

from bench.promises import broken_promises, complaints, noting, starts_in
from qm.config import load_config
from qm.control.requests import Request, take_answer, write_request
from qm.crashpoints import NOTE_VARIABLE, VARIABLE
from qm.folders.layout import Layout
from qm.index import reading
from tests.live.harness import PLACES, Queue, is_gone, wait_for
from tests.live.zygote import Zygote

PATIENCE = 60.0
KILLED = -9
"""The exit code of who was killed by SIGKILL."""


class CrashingQueue(Queue):
    """One QM_FOLDER whose manager dies at a point, is started again, and goes on."""

    def __init__(self, folder: Path, zygote: Zygote, **options: object) -> None:
        options = {"Refuse_after": "0.3", "Brake": "0", "Rescan": "1", **options}
        super().__init__(folder, **options)
        self.layout = Layout(str(folder))
        self.notes = folder.parent / "starts"
        """What the scripts noted of their starts."""
        self.crash = folder.parent / "crash"
        """What the process that died wrote last."""
        self.states: dict[str, str] = {}
        """How each job is to end."""
        self._zygote = zygote
        self._asked: list[str] = []
        self._before: set[str] | None = None

    def serve_with(self, config: str) -> Queue:
        """Start the manager with this QMserv.cfg; it serves, or has died as it should."""
        self.config.write_text(config, encoding="utf-8")
        if self._before is None:
            # What `qm doctor` says of this machine, whatever becomes of the jobs.
            self.layout.create()
            self._before = complaints(load_config(self.config, environ={}))
        self.log.touch()
        begun = self.log.stat().st_size
        arguments = self.command("serve", "--no-web")[3:]
        process = self.process = self._zygote.start(arguments, self.environment, self.log)

        def serving() -> bool:
            return process.poll() is not None or b"QM serves" in self.log.read_bytes()[begun:]

        wait_for("the manager serves", serving, PATIENCE)
        if process.poll() is not None and not self.died():
            raise AssertionError(f"the manager ended: {self.log_text()}")
        return self

    def stop(self) -> None:
        """End the manager the quick way: it is used to that."""
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait(PATIENCE)
        self.process = None

    def end_everything(self) -> list[int]:
        """As any queue, but an orphan that nobody has reaped yet has ended."""
        children = []
        if self.process is not None and self.process.poll() is None:
            children = [child.pid for child in psutil.Process(self.process.pid).children()]
        self.stop()
        wait_for("supervisors end", lambda: all(map(is_gone, children)), PATIENCE)
        return super().end_everything()

    def start_armed(self, at: str, *, note: str = "crash") -> None:
        """Start the manager; it, or a supervisor, is to die at this point."""
        self.crash = self.folder.parent / note
        kept = self.environment
        self.environment = {**kept, VARIABLE: at, NOTE_VARIABLE: str(self.crash)}
        try:
            self.start()
        finally:
            self.environment = kept

    def died(self) -> bool:
        """True if the process that was to die has come to its point, and is gone."""
        words = self.crash.read_text().split() if self.crash.exists() else []
        return len(words) > 1 and is_gone(int(words[0]))

    def go_on(self) -> None:
        """Start the manager again where it has died."""
        assert self.process is not None
        code = self.process.poll()
        if code is not None:
            assert self.died() and code == KILLED, (code, self.log_text())
            self.process = None
            self.start()

    def wait(self, what: str, fact: Callable[[], Any]) -> Any:
        """Wait for a fact, whichever manager makes it true."""

        def fact_then() -> Any:
            self.go_on()
            return fact()

        try:
            return wait_for(what, fact_then, PATIENCE)
        except AssertionError as error:
            raise AssertionError(f"{error}; {self.tree()}; {self.log_text()[-3000:]}") from error

    def give(self, name: str, state: str, script: str = "true", **options: object) -> Path:
        """Drop a job that notes its starts, and is to end in this state."""
        self.states[name] = state
        return self.drop(name, noting(self.notes, script), **options)

    def has(self, name: str, file: str) -> bool:
        """Whether the job's folder has this file now."""
        return any((self.folder / place / name / file).exists() for place in PLACES)

    def wait_end(self, *names: str) -> None:
        """Wait until these jobs lie in their last folder."""
        last = [self.folder / place for place in PLACES[2:]]
        self.wait(
            f"{names} end", lambda: all(any((p / name).is_dir() for p in last) for name in names)
        )

    def ask(self, verb: str, target: str, *, fetch: bool = True) -> dict[str, Any]:
        """Ask the manager, whichever; the answer (``fetch``: else it is waited for later)."""
        request = f"{time.time_ns():020d}-{len(self._asked):08x}"
        expires = time.time() + PATIENCE
        write_request(self.layout.requests, Request(request, verb, (target,), "test", expires, 1.0))
        if not fetch:
            self._asked.append(request)
            return {}
        return self.answer(request)

    def answer(self, request: str) -> dict[str, Any]:
        """Wait for an answer and take it."""
        answer = self.wait(
            f"an answer to {request}", lambda: take_answer(self.layout.requests, request)
        )
        return dict(answer)

    def settle(self, *, may_wait: Collection[str] = ()) -> None:
        """Wait until every request is answered, and every job rests."""
        while self._asked:
            self.answer(self._asked.pop())
        waiting, running, *last = (self.folder / place for place in PLACES)
        resting = set(self.states) - set(may_wait)

        def all_rest() -> bool:
            here = {name for folder in last for name in os.listdir(folder)}
            moving = [*os.listdir(waiting), *os.listdir(running), *os.listdir(self.layout.intents)]
            return resting <= here and set(moving) <= set(may_wait)

        self.wait("every job rests", all_rest)
        self.wait("every notice has arrived", lambda: not os.listdir(self.layout.notices))

    def examine(self, *, may_wait: Collection[str] = ()) -> None:
        """Hold the promises against the folders; the manager runs."""
        assert self.died(), f"nothing died: {self.log_text()}"

        broken = wait_for_none(lambda: [*self._unexpected(), *self._broken(may_wait)])
        assert not broken, (broken, self.log_text()[-3000:])
        amiss = complaints(load_config(self.config, environ={})) - (self._before or set())
        assert not amiss, (amiss, self.log_text()[-3000:])

    def _broken(self, may_wait: Collection[str]) -> list[Any]:
        starts = starts_in(self.notes)
        return broken_promises(self.layout, set(self.states), starts, may_wait=may_wait)

    def _unexpected(self) -> list[str]:
        with reading(self.layout.index_file) as index:
            rows = sorted(index.rows("place IS NOT NULL"), key=lambda row: row.id)
        states = {row.name: row.state for row in rows}
        return [
            f"{name} is {states.get(name)}, not {state}"
            for name, state in self.states.items()
            if states.get(name) != state
        ]


def wait_for_none(fault: Callable[[], list[Any]]) -> list[Any]:
    """What is still wrong after some seconds: the last steps come after what is seen."""
    until = time.monotonic() + 10.0
    while found := fault():
        if time.monotonic() > until:
            return found
        time.sleep(0.1)
    return []

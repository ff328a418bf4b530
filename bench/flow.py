"""Jobs of every kind that flow into a queue, in the ways in which people bring them."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from bench.promises import noting
from bench.victims import Victims
from qm.control.requests import Request, take_answer, write_request
from qm.model import State

MOST_WAITING = 60
_EXPIRES = 3600.0
_ASK_AGAIN = 0.5


class Kind(NamedTuple):
    """A kind of job: how often it comes, what it does, and how it may end."""

    name: str
    weight: int
    script: str
    options: dict[str, str]
    ends: frozenset[State]
    stopped: bool = False
    """A person asks for its end after a while."""


def _kind(
    name: str, weight: int, script: str, *ends: State, stopped: bool = False, **options: str
) -> Kind:
    return Kind(name, weight, script, options, frozenset(ends), stopped)


KINDS = (
    _kind("short", 8, "sleep 0.05", State.FINISHED),
    _kind("longer", 5, "sleep 0.8; echo done", State.FINISHED),
    _kind("fails", 3, "exit 3", State.FAILED),
    _kind("retried", 3, "[ -e tried ] || { touch tried; exit 3; }", State.FINISHED, retries="3"),
    _kind("again", 4, "sleep 0.4", State.FINISHED, rerunnable="yes"),
    _kind("forks", 2, "(setsid sleep 300 &); sleep 300 & exit 0", State.FINISHED),
    _kind("limited", 2, "sleep 300", State.KILLED, walltime="0.5"),
    _kind("killed", 3, "sleep 300", State.KILLED, State.CANCELLED, stopped=True),
    _kind("deaf", 1, "trap '' TERM; sleep 300", State.KILLED, State.CANCELLED, stopped=True),
    _kind("held", 2, "true", State.CANCELLED, stopped=True, hold="yes"),
    _kind("refused", 1, "true", State.REJECTED, nb_proc="four"),
    _kind("child", 4, "true", State.FINISHED, State.ABORTED),
)


class Flow:
    """Brings jobs, and asks for the end of some; each call of :meth:`step` does what is due."""

    def __init__(self, folder: Path, victims: Victims, chance: random.Random) -> None:
        self.dropped: dict[str, Kind] = {}
        """Every job that QM has for certain, by its name."""
        self.notes = folder / "starts"
        self._victims = victims
        self._chance = chance
        self._staging = folder / "staging"
        self._staging.mkdir()
        self._waiting = folder / "QM" / "QM_qJobs"
        self._submitted: dict[str, Kind] = {}
        self._copies: list[tuple[str, Kind, Iterator[float]]] = []
        self._copy_at: dict[str, float] = {}
        self._stop_at: dict[str, float] = {}
        self._asked: dict[str, str] = {}
        self._next = 0.0
        self._number = 0

    def step(self, *, more: bool) -> bool:
        """Do what is due; ``more``: with new jobs. True while something is under way."""
        now = time.monotonic()
        if more and now >= self._next and len(os.listdir(self._waiting)) < MOST_WAITING:
            self._next = now + self._chance.uniform(0.02, 0.3)
            self._bring()
        self._go_on_copying(now)
        self._look_at_clients()
        self._ask(now)
        return bool(self._copies or self._submitted or self._stop_at or self._asked)

    def _bring(self) -> None:
        self._number += 1
        kind = self._chance.choices(KINDS, weights=[kind.weight for kind in KINDS])[0]
        name = f"{kind.name}{self._number:05}"
        options = dict(kind.options)
        if kind.name == "child" and self.dropped:
            options["after"] = self._chance.choice(list(self.dropped)[-10:])
        lines = ["[QMOptions]", f"script : {noting(self.notes, kind.script)}"]
        lines += [f"{key} : {value}" for key, value in options.items()]
        way = self._chance.choices((self._move, self._copy, self._submit), weights=(6, 2, 1))[0]
        way(name, kind, "\n".join([*lines, ""]))
        if kind.stopped:
            self._stop_at[name] = time.monotonic() + self._chance.uniform(0.2, 3.0)

    def _stage(self, name: str, info: str) -> Path:
        folder = self._staging / name
        folder.mkdir()
        (folder / "proc_config.cfg").write_text(info, encoding="utf-8")
        return folder

    def _move(self, name: str, kind: Kind, info: str) -> None:
        os.rename(self._stage(name, info), self._waiting / name)
        self.dropped[name] = kind

    def _copy(self, name: str, kind: Kind, info: str) -> None:
        """File by file, with pauses."""
        self._copies.append((name, kind, self._copying(name, info)))
        self._copy_at[name] = 0.0

    def _copying(self, name: str, info: str) -> Iterator[float]:
        """Its info file comes last: however long this process is held up, nothing runs by half."""
        folder = self._waiting / name
        folder.mkdir()
        for number in range(4):
            yield self._chance.uniform(0.02, 0.2)
            (folder / f"data{number}").write_bytes(os.urandom(2000))
        yield 0.1
        (folder / "proc_config.cfg").write_text(info, encoding="utf-8")

    def _go_on_copying(self, now: float) -> None:
        for copy in list(self._copies):
            name, kind, steps = copy
            if now < self._copy_at[name]:
                continue
            try:
                self._copy_at[name] = now + next(steps)
            except StopIteration:
                self._copies.remove(copy)
                self.dropped[name] = kind

    def _submit(self, name: str, kind: Kind, info: str) -> None:
        folder = self._stage(name, info)
        self._victims.clients[name] = self._victims.qm("submit", str(folder))
        self._submitted[name] = kind

    def _look_at_clients(self) -> None:
        """Who was killed may have submitted, or not; who ended well has."""
        for name, kind in list(self._submitted.items()):
            code = self._victims.clients[name].poll()
            if code is None:
                continue
            del self._submitted[name]
            if code == 0 or self.is_there(name):
                self.dropped[name] = kind
            else:
                self._stop_at.pop(name, None)

    def _may_come(self, name: str) -> bool:
        """False for a job that nobody has submitted, for its client was killed before."""
        return name in self.dropped or name in self._submitted or name in self._copy_at

    def is_there(self, name: str) -> bool:
        """Whether a folder of this name lies in one of the four."""
        return any(Path(self._victims.layout.root).glob(f"QM_*/{name}"))

    def _ask(self, now: float) -> None:
        requests = self._victims.layout.requests
        for name, due in list(self._stop_at.items()):
            if now >= due:
                del self._stop_at[name]
                request = f"{time.time_ns():020d}-{len(self._asked):08x}"
                expires = time.time() + _EXPIRES
                write_request(requests, Request(request, "kill", (name,), "torture", expires))
                self._asked[request] = name
        for request, name in list(self._asked.items()):
            answer = take_answer(requests, request)
            if answer is None:
                continue
            del self._asked[request]
            if not answer.get("ok") and not answer.get("state") and self._may_come(name):
                # Not there yet, or just being looked at: as a person would, again.
                self._stop_at[name] = now + _ASK_AGAIN

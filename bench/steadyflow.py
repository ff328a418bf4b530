"""Short jobs at an even pace, for as long as one likes: what comes and how it has to end."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from bench.queue import RUNNING, WAITING, Queue
from qm.control.requests import Request, take_answer, write_request
from qm.folders.layout import Layout
from qm.model import State

_EXPIRES = 3600.0
_ASK_AGAIN = 0.5
_LOOK_EVERY = 0.2
_MOST_GPUS = 1000
"""More than any machine has: who asks for them is refused."""


class Kind(NamedTuple):
    """What comes, how it ends, and what a person asks for once ``record`` is there."""

    name: str
    end: State
    script: str
    options: Mapping[str, object] = {}
    verb: str = ""
    record: str = ""


SHORT = Kind("short", State.FINISHED, "true")
HELD = Kind(
    "held", State.FINISHED, "true", {"hold": "yes"}, "release", f"{WAITING}/{{}}/.qm/job.json"
)
KILLED = Kind("killed", State.KILLED, "sleep 300", {}, "kill", f"{RUNNING}/{{}}/.qm/start.json")
REFUSED = Kind("refused", State.REJECTED, "true", {"nb_gpu": _MOST_GPUS})
_ROUND = 100
_IN_A_ROUND = {20: HELD, 45: KILLED, 70: REFUSED}


def kind_of(number: int) -> Kind:
    """What comes as drop ``number``: of a hundred, one of each kind but the short ones."""
    return _IN_A_ROUND.get(number % _ROUND, SHORT)


@dataclass(frozen=True, slots=True)
class Ends:
    """What became of all drops. ``wrong`` counts those that ended otherwise than they had to."""

    good: int
    lost: int
    doubled: int
    wrong: int

    def broken(self) -> tuple[str, ...]:
        """What must not have happened, in words."""
        counts = {"lost": self.lost, "doubled": self.doubled, "ended wrongly": self.wrong}
        return tuple(f"{count} jobs {what}" for what, count in counts.items() if count)


def ends_of(
    expected: Mapping[str, State], there: Iterable[str], history: Iterable[Mapping[str, Any]]
) -> Ends:
    """Hold what was dropped against the folders of ended jobs and the lines of the history.

    A job whose folder was removed after its end has a second line, which says no more than that.
    """
    lines = [
        (str(line["name"]), str(line["state"])) for line in history if not line.get("vanished")
    ]
    told = dict(lines)
    often = Counter(name for name, _ in lines)
    lost = set(expected).difference(there)
    wrong = [name for name in set(expected) - lost if told.get(name) != expected[name]]
    return Ends(
        good=len(expected) - len(lost) - len(wrong),
        lost=len(lost),
        doubled=sum(count > 1 for count in often.values()),
        wrong=len(wrong),
    )


class Flow:
    """Drops jobs into a queue; each call of :meth:`step` does what is due."""

    def __init__(self, queue: Queue, rate: float, most_waiting: int) -> None:
        """``rate`` is in drops per second. While ``most_waiting`` wait, no more come: else the
        load of a slow machine would not be steady."""
        self.expected: dict[str, State] = {}
        """Every drop by its name, and the state in which it has to end."""
        self.late = 0
        """How often nothing came because too many waited."""
        self._queue = queue
        self._pause = 1 / rate
        self._most_waiting = most_waiting
        self._requests = Layout(str(queue.root)).requests
        self._next = time.monotonic()
        self._look_at = 0.0
        self._wanted: dict[str, Kind] = {}
        self._asked: dict[str, tuple[str, Kind]] = {}

    def step(self) -> None:
        """Drop what is due, ask for what is due."""
        now = time.monotonic()
        if now >= self._next:
            # What came too late is not made up for: a burst is no steady load.
            self._next = max(self._next + self._pause, now)
            if len(os.listdir(self._queue.root / WAITING)) < self._most_waiting:
                self._drop()
            else:
                self.late += 1
        self.ask()

    def _drop(self) -> None:
        number = len(self.expected)
        kind = kind_of(number)
        made = self._queue.stage(f"{kind.name}{number:07}-", 1, kind.script, **kind.options)
        (name,) = (folder.name for folder in made)
        self._queue.move_in(made)
        self.expected[name] = kind.end
        if kind.verb:
            self._wanted[name] = kind

    def ask(self) -> bool:
        """Ask for what is due, take answers; True while something is still to be asked for."""
        now = time.monotonic()
        if now >= self._look_at:
            self._look_at = now + _LOOK_EVERY
            for name, kind in list(self._wanted.items()):
                if (self._queue.root / kind.record.format(name)).exists():
                    del self._wanted[name]
                    self._send(name, kind)
            self._take_answers()
        return bool(self._wanted or self._asked)

    def _send(self, name: str, kind: Kind) -> None:
        request = f"{time.time_ns():020d}-{len(self._asked):08x}"
        expires = time.time() + _EXPIRES
        write_request(self._requests, Request(request, kind.verb, (name,), "bench", expires))
        self._asked[request] = (name, kind)

    def _take_answers(self) -> None:
        for request, (name, kind) in list(self._asked.items()):
            answer = take_answer(self._requests, request)
            if answer is None:
                continue
            del self._asked[request]
            if not answer.get("ok"):
                # Its record is written just before the manager knows of it: again, as a person.
                self._wanted[name] = kind
                self._look_at = time.monotonic() + _ASK_AGAIN

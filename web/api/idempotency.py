"""Requests that may come twice: the header Idempotency-Key says that they are one."""

from __future__ import annotations

import hashlib
import re
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import bottle

from web.problem import Problem
from web.roles import caller

_KEPT = 600.0
"""Seconds for which an answer is remembered."""
_MOST = 1000
_KEY = re.compile(r"[A-Za-z0-9_-]{1,64}")

Answer = dict[str, Any]


class Once:
    """Carries a request out once, and gives the same answer to its repetitions.

    As the IETF draft "The Idempotency-Key HTTP Header Field" has it: a key
    belongs to one caller and one request; with another request it is an error.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._done: OrderedDict[tuple[str, str], _Done] = OrderedDict()

    def run(self, act: Callable[[], Answer]) -> Answer:
        """What ``act`` gives for the request at hand, or gave for the one that it repeats."""
        key = bottle.request.get_header("Idempotency-Key")
        if key is None:
            return act()
        if _KEY.fullmatch(key) is None:
            raise Problem(422, "Idempotency-Key is not 1 to 64 letters, digits, - and _.")
        # A sum of the body: a thousand large ones would be a gigabyte.
        body = hashlib.sha256(bottle.request.body.read()).digest()
        request = f"{bottle.request.method} {bottle.request.path}", body
        return self._of(key, request).answer(act)

    def _of(self, key: str, request: tuple[str, bytes]) -> _Done:
        now = self._clock()
        with self._lock:
            while self._done and self._is_old(next(iter(self._done.values())), now):
                self._done.popitem(last=False)
            done = self._done.get((caller().key, key))
            if done is None:
                done = self._done[caller().key, key] = _Done(now, request)
            elif done.request != request:
                raise Problem(409, "This Idempotency-Key was used for another request.")
            return done

    def _is_old(self, done: _Done, now: float) -> bool:
        return now - done.at > _KEPT or len(self._done) >= _MOST


class _Done:
    """One request with its answer, once it has one."""

    def __init__(self, at: float, request: tuple[str, bytes]) -> None:
        self.at = at
        self.request = request
        self._lock = threading.Lock()
        self._answer: Answer | None = None

    def answer(self, act: Callable[[], Answer]) -> Answer:
        # What failed may be tried again: only an answer is remembered.
        with self._lock:
            if self._answer is None:
                self._answer = act()
            return self._answer

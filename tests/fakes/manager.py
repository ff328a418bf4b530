"""Somebody who holds the manager's lock and answers requests as a test tells."""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import TracebackType
from typing import Any

from qm.control.requests import Request, open_requests, write_answer
from qm.errors import QMError
from qm.folders.layout import Layout
from qm.osops import FolderHandle

Answering = Callable[[Request], dict[str, Any]]


class FakeManager:
    """Within its context a manager seems to run; each verb is answered by a function of its own.

    A function that raises QMError says no.
    """

    def __init__(self, layout: Layout, **verbs: Answering) -> None:
        self.layout = layout
        self.asked: list[Request] = []
        self._verbs = verbs
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._serve)

    def __enter__(self) -> FakeManager:
        with FolderHandle.open(self.layout.own) as own:
            lock = own.lock("manager.lock")
        assert lock is not None
        self._lock = lock
        lock.write("host here, process 1\n")
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ended.set()
        self._thread.join(20)
        self._lock.release()

    def _serve(self) -> None:
        known: set[str] = set()
        while not self._ended.wait(0.002):
            for request in open_requests(self.layout.requests, known, 0.0):
                known.add(request.id)
                self.asked.append(request)
                self._answer(request)

    def _answer(self, request: Request) -> None:
        answer = self._verbs.get(request.verb)
        try:
            if answer is None:
                raise QMError(f"this manager does not know {request.verb!r}")
            ok, data = True, answer(request)
        except QMError as error:
            ok, data = False, {"error": error.message, "hint": error.hint}
        write_answer(self.layout.requests, request.id, ok, data)

    def asked_for(self, verb: str) -> list[tuple[str, ...]]:
        """The targets of every request of this verb, in the order in which they came."""
        return [request.targets for request in self.asked if request.verb == verb]

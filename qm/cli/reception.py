"""Answers to submissions: the manager is asked in batches, while more is being submitted."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from qm.control.client import ask
from qm.errors import QMError

if TYPE_CHECKING:
    from qm.folders.layout import Layout
    from qm.submit import Submission

_PATIENCE = 60.0
"""Seconds for the manager to look at what was submitted."""
_AFTER_INTERRUPT = 5.0
_BATCH = 100
_BATCH_TIME = 0.5
"""Seconds; a batch is asked for when it is full, or after that time."""
_LOOK = 0.1

Known = Mapping[str, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Answered:
    """One batch, with what the manager says of it by token; with ``problem``, it said nothing."""

    batch: Sequence[Submission]
    known: Known = field(default_factory=dict)
    problem: QMError | None = None


class Reception:
    """Asks the manager for submissions in batches, on a thread of its own.

    Once it did not answer, it is not asked again: what was submitted is a drop then.
    """

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._batch: list[Submission] = []
        self._since = 0.0
        self._asked: queue.SimpleQueue[list[Submission] | None] = queue.SimpleQueue()
        self._answers: queue.SimpleQueue[Answered | None] = queue.SimpleQueue()
        self._problem: QMError | None = None
        self._thread: threading.Thread | None = None

    def add(self, submission: Submission) -> None:
        """Ask for this one, soon."""
        if not self._batch:
            self._since = time.monotonic()
        self._batch.append(submission)
        if len(self._batch) >= _BATCH or time.monotonic() - self._since > _BATCH_TIME:
            self._hand_over()

    def answered(self) -> Iterator[Answered]:
        """What has been answered by now."""
        while True:
            try:
                answer = self._answers.get_nowait()
            except queue.Empty:
                return
            if answer is not None:
                yield answer

    def rest(self, *, interrupted: bool = False) -> Iterator[Answered]:
        """Wait for the remaining answers; only for a few seconds when ``interrupted``."""
        if self._batch:
            self._hand_over()
        if self._thread is None:
            return
        self._asked.put(None)
        until = time.monotonic() + _AFTER_INTERRUPT if interrupted else None
        while until is None or time.monotonic() < until:
            try:
                # In short steps: on Windows nothing interrupts a wait without an end.
                answer = self._answers.get(timeout=_LOOK)
            except queue.Empty:
                continue
            if answer is None:
                return
            yield answer

    def _hand_over(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._ask_for_all, name="ask", daemon=True)
            self._thread.start()
        self._asked.put(self._batch)
        self._batch = []

    def _ask_for_all(self) -> None:
        while (batch := self._asked.get()) is not None:
            self._answers.put(self._ask(batch))
        self._answers.put(None)

    def _ask(self, batch: list[Submission]) -> Answered:
        if self._problem is None:
            tokens = tuple(submission.token for submission in batch)
            try:
                answer = ask(self._layout, "accepted", tokens, timeout=_PATIENCE)
                return Answered(batch, answer["submissions"])
            except QMError as error:
                self._problem = error
            except OSError as error:
                self._problem = QMError(f"QM could not be asked: {error.strerror or error}")
        return Answered(batch, problem=self._problem)

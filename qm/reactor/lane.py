"""A worker thread with a queue of its own: effects of one kind, in order."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable, Iterable, Sequence
from typing import Generic, TypeVar

from qm.core.events import Event

log = logging.getLogger("qm.lane")

Item = TypeVar("Item")
_BATCH = 64


class Lane(Generic[Item]):
    """Hands what is put to ``work`` in batches, and posts the events that come back.

    ``work`` is given what has come until now, at most 64 at once. It must tell
    failures as events; an exception is a bug: ``failed`` then says for each
    item of the batch what becomes of it, so that nothing waits for ever.
    """

    def __init__(
        self,
        name: str,
        work: Callable[[Sequence[Item]], Iterable[Event]],
        failed: Callable[[Item, Exception], Event | None],
        post: Callable[[Event], None],
    ) -> None:
        self._work = work
        self._failed = failed
        self._post = post
        self._queue: queue.SimpleQueue[Item | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name=f"qm-{name}", daemon=True)

    def start(self) -> None:
        """Begin to work."""
        self._thread.start()

    def put(self, item: Item) -> None:
        """Queue one effect."""
        self._queue.put(item)

    def stop(self, timeout: float) -> bool:
        """Work off what is queued, then end; False where that takes longer than ``timeout`` s."""
        self._queue.put(None)
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while True:
            item = self._queue.get()
            if item is None:
                return
            batch = [item]
            stop = False
            while len(batch) < _BATCH:
                try:
                    more = self._queue.get_nowait()
                except queue.Empty:
                    break
                if more is None:
                    stop = True
                    break
                batch.append(more)
            self._try(batch)
            if stop:
                return

    def _try(self, batch: list[Item]) -> None:
        try:
            for event in self._work(batch):
                self._post(event)
        except Exception as error:
            log.exception("an effect failed: %r", batch[:3])
            for item in batch:
                what = self._failed(item, error)
                if what is not None:
                    self._post(what)

"""Threads that look: at QM_qJobs, at the folders of ended jobs, and at the index itself."""

from __future__ import annotations

import contextlib
import logging
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable

from qm.core import events as ev
from qm.effects.listing import Lister
from qm.effects.reconcile import Librarian
from qm.index import GIVE_UP, Index
from qm.watch import Hint, Watch

log = logging.getLogger("qm.looking")

Post = Callable[[ev.Event], None]
_SHARE = 20.0
_SHARE_WITH_EVENTS = 100.0
_SHARE_OVERDUE = 50.0
_LONGEST_OVERDUE = 30.0
"""Seconds: a listing that took long, because much else was going on, does not rule for minutes."""
_MEND_AFTER = 5.0
_MOMENT = 0.05
_LOST_EVERY = 1.0
_LONGEST_PAUSE = 5.0


class QueueWatcher(threading.Thread):
    """Lists QM_qJobs: when an event or a stat says so, and every ``rescan`` seconds; a very large
    one less often, so that a manager at rest needs about 2 % of a processor for it.
    """

    def __init__(self, lister: Lister, path: str, poll: float, rescan: float, post: Post) -> None:
        super().__init__(name="qm-queue-watcher", daemon=True)
        self._lister = lister
        self.watch = Watch(path, self.wake)
        """To be started by whoever wants events."""
        self._poll = poll
        self._rescan = rescan
        self._post = post
        self._wake = threading.Event()
        self._hints: deque[Hint] = deque(maxlen=100_000)
        self._ended = False

    def wake(self, hint: Hint) -> None:
        """A file event came; it may name an entry, else a stat tells what is new."""
        if hint.name:
            self._hints.append(hint)
        self._wake.set()

    def stop(self) -> None:
        """End soon."""
        self._ended = True
        self._wake.set()

    def run(self) -> None:
        """Until stopped. The first listing was made by whoever started this thread."""
        listed, cost, missing_since = time.monotonic(), 0.0, 0.0
        supervised = listed
        while not self._ended:
            self._wake.wait(self._poll)
            self._wake.clear()
            self._take_hints()
            now = time.monotonic()
            if now - supervised >= self._rescan:
                self._supervise()
                supervised = now
            spared = min(_SHARE_OVERDUE * cost, _LONGEST_OVERDUE)
            overdue = now - listed >= max(self._rescan, spared)
            # A large queue is listed less often, the more so where events name what came.
            rest = cost * (_SHARE_WITH_EVENTS if self.watch.works else _SHARE)
            if overdue or (now - listed >= rest and self._lister.changed()):
                events = self._lister.look()
                listed = time.monotonic()
                cost = listed - now
                for event in events:
                    self._post(event)
                gone = any(isinstance(e, ev.Frozen) and e.reason is not None for e in events)
                if overdue and not gone:
                    self._post(self._lister.present())
                missing_since = (missing_since or now) if gone else 0.0
                if missing_since and now - missing_since > _MEND_AFTER:
                    with contextlib.suppress(OSError):
                        self._lister.mend()

    def _supervise(self) -> None:
        self._lister.mend_own()
        if self.watch.wanted:
            self.watch.supervise()

    def _take_hints(self) -> None:
        while self._hints:
            for event in self._lister.hint(self._hints.popleft(), time.monotonic()):
                self._post(event)


class IndexKeeper(threading.Thread):
    """Writes the index a moment after something changed, and makes a lost one anew."""

    def __init__(
        self, index: Index, librarian: Librarian, rescan: float, post: Post, *, rebuild: bool
    ) -> None:
        super().__init__(name="qm-index", daemon=True)
        self._index = index
        self._librarian = librarian
        self._rescan = rescan
        self._post = post
        self._rebuild = rebuild
        self._ended = threading.Event()

    def stop(self) -> None:
        """End soon."""
        self._ended.set()
        self._index.wake()

    def run(self) -> None:
        """Until stopped."""
        reconcile_at = 0.0
        failures = burden = 0
        incomplete = True
        while not self._ended.is_set():
            self._index.wait_for_change(_LOST_EVERY)
            # What changes within a moment goes into one transaction.
            if self._ended.wait(_MOMENT):
                break
            try:
                if self._index.is_lost() or burden >= GIVE_UP:
                    log.warning("the index is lost: made anew from folders and records")
                    burden = 0
                    self._index.make_anew()
                    self._rebuild = True
                    self._post(ev.IndexLost())
                if self._rebuild:
                    self._librarian.rebuild()
                    self._rebuild, incomplete = False, True
                self._index.flush()
                now = time.monotonic()
                if now >= reconcile_at:
                    took = self._librarian.reconcile()
                    reconcile_at = time.monotonic() + max(self._rescan, _SHARE * took)
                    if incomplete:
                        self._post(ev.IndexComplete())
                        incomplete = False
                if failures:
                    log.info("the index is written again")
                failures = burden = 0
            except (sqlite3.Error, OSError) as error:
                failures += 1
                burden += self._index.gravity(error)
                log.warning("the index cannot be written: %s", error)
                self._ended.wait(min(0.1 * 2 ** min(failures, 10), _LONGEST_PAUSE))

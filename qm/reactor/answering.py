"""Requests: what comes in as files, what goes out as answers, and jobs that have ended."""

from __future__ import annotations

import contextlib
import logging
import os
import threading
import time
from collections.abc import Callable, Sequence

from qm.control.requests import open_requests, sweep, write_answer
from qm.core import actions as act
from qm.core import events as ev
from qm.crashpoints import crash_point
from qm.effects.bringback import find_to_rerun, restore
from qm.effects.finish import flush, remove_to_trash
from qm.effects.lookup import ended_rows, find_ended
from qm.folders.layout import Layout
from qm.index import Index, Row
from qm.model import Place
from qm.names import shown
from qm.osops import FolderHandle
from qm.records import LIMIT, RecordError, decode
from qm.watch import Hint, Watch

log = logging.getLogger("qm.requests")

ControlAction = (
    act.Answer | act.Remove | act.AnswerEnded | act.FindEnded | act.FindToRerun | act.Restore
)
_SWEEP_EVERY = 600.0
_WITH_EVENTS = 1.0


class ControlWork:
    """Answers requests. An answer is given when the index shows what it says."""

    def __init__(self, layout: Layout, index: Index) -> None:
        self._layout = layout
        self._index = index

    def __call__(self, actions: Sequence[ControlAction]) -> list[ev.Event]:
        flush(self._index)
        events = [self._try(action) for action in actions]
        return [event for event in events if event is not None]

    def _try(self, action: ControlAction) -> ev.Event | None:
        try:
            if isinstance(action, act.FindEnded):
                return find_ended(self._layout, action)
            return self._one(action)
        except OSError as error:
            if isinstance(action, act.FindEnded):
                log.warning("jobs before job %d cannot be looked up: %s", action.id, error)
                return ev.EndsFound(action.id, {})
            log.warning("request %s: %s", action.request, error)
            self._answer(action.request, False, {"error": f"QM could not do it: {error}"})
        except Exception as error:
            # A bug: whoever asked is told all the same, and the others have their answers.
            log.exception("%r failed", action)
            if isinstance(action, act.FindEnded):
                return self.failed(action, error)
            self._answer(action.request, False, {"error": f"QM failed: {error}"})
        return None

    def _one(
        self, action: act.Answer | act.Remove | act.AnswerEnded | act.FindToRerun | act.Restore
    ) -> ev.Event | None:
        if isinstance(action, act.Remove):
            self._remove(action)
        elif isinstance(action, act.AnswerEnded):
            self._answer_ended(action)
        elif isinstance(action, act.FindToRerun):
            found = find_to_rerun(self._layout, action)
            if isinstance(found, ev.Rerun):
                return found
            self._answer(action.request, *found)
        elif isinstance(action, act.Restore):
            done = restore(self._layout, self._index, action)
            flush(self._index)
            self._answer(action.request, *done)
        else:
            self._answer(action.request, action.ok, action.data)
        return None

    @staticmethod
    def failed(action: ControlAction, error: Exception) -> ev.Event | None:
        """A broken answer hurts nobody but its client, which times out."""
        return ev.EndsFound(action.id, {}) if isinstance(action, act.FindEnded) else None

    def _answer(self, request: str, ok: bool, data: dict[str, object]) -> None:
        with contextlib.suppress(OSError):
            write_answer(self._layout.requests, request, ok, data)

    def _answer_ended(self, action: act.AnswerEnded) -> None:
        rows = ended_rows(self._layout, action.target)
        if not rows:
            error = f"there is no job {shown(action.target)}"
            data: dict[str, object] = {"error": error, "hint": "`qm list --all` shows all jobs."}
        else:
            row = rows[0]
            data = {
                "error": f"job {row.id} ({row.name}) had ended already: {row.state}",
                "id": row.id,
                "name": row.name,
                "state": row.state,
                "reason": row.reason,
            }
        self._answer(action.request, False, data)

    def _remove(self, action: act.Remove) -> None:
        removed: list[dict[str, object]] = []
        for target in action.targets:
            rows = [row for row in ended_rows(self._layout, target) if row.place is not None]
            if len(rows) > 1:
                ids = ", ".join(str(row.id) for row in rows[:10])
                text = f"{shown(target)} is the name of {len(rows)} ended jobs"
                data: dict[str, object] = {"error": text, "hint": f"Say which: {ids}."}
                self._answer(action.request, False, data)
                return
            done = self._trash(rows[0], action.request) if rows else None
            done = done or self._removed_before(target, action.request)
            if done is None:
                hint = "`qm list --all` shows all jobs."
                data = {"error": f"there is no ended job {shown(target)}", "hint": hint}
                self._answer(action.request, False, data)
                return
            removed.append(done)
        flush(self._index)
        self._answer(action.request, True, {"removed": removed})

    def _trash(self, row: Row, request: str) -> dict[str, object] | None:
        assert row.place is not None
        try:
            trashed = remove_to_trash(self._layout, Place(row.place), row.name, request)
        except FileNotFoundError:
            return None
        self._index.remove(row.id)
        return {"id": row.id, "name": row.name, "trash": trashed}

    def _removed_before(self, target: str, request: str) -> dict[str, object] | None:
        """Removed for this very request, before a crash took the answer."""
        for name in os.listdir(self._layout.trash):
            path = os.path.join(self._layout.trash, name, ".qm")
            try:
                with FolderHandle.open(path) as own:
                    record = decode(own.read("removed", LIMIT) or b"")
            except (OSError, RecordError):
                continue
            if record.get("request") == request:
                return {"id": None, "name": target, "trash": name}
        return None


_REVOCABLE = frozenset({"stop"})
"""Requests that are taken back with their file: they may wait long to be carried out."""


class RequestReader(threading.Thread):
    """Looks for requests when woken by an event, and every ``poll`` seconds without events."""

    def __init__(self, folder: str, poll: float, post: Callable[[ev.Event], None]) -> None:
        super().__init__(name="qm-requests", daemon=True)
        self.watch = Watch(folder, self.wake)
        """To be started by whoever wants events."""
        self._folder = folder
        self._poll = poll
        self._post = post
        self._wake = threading.Event()
        self._ended = False
        self._known: set[str] = set()
        self._revocable: set[str] = set()
        self._stamp = 0

    def wake(self, hint: Hint) -> None:
        """A file event came."""
        if not hint.name.endswith(".answer"):
            self._wake.set()

    def stop(self) -> None:
        """End soon."""
        self._ended = True
        self._wake.set()

    def run(self) -> None:
        """Until stopped."""
        sweep_at = 0.0
        while not self._ended:
            if time.monotonic() >= sweep_at:
                sweep_at = time.monotonic() + _SWEEP_EVERY
                with contextlib.suppress(OSError):
                    sweep(self._folder)
            try:
                self._look()
            except OSError as error:
                log.warning("requests cannot be read: %s", error)
            self._wake.wait(max(self._poll, _WITH_EVENTS) if self.watch.works else self._poll)
            self._wake.clear()

    def _look(self) -> None:
        stamp = os.stat(self._folder).st_mtime_ns
        if stamp == self._stamp:
            return
        found = open_requests(self._folder, self._known, time.time())
        # Only now: what could not be read is looked for again.
        self._stamp = stamp
        self._look_for_withdrawn()
        for request in found:
            self._known.add(request.id)
            if request.verb in _REVOCABLE:
                self._revocable.add(request.id)
            log.info("%s asks: %s %s", request.who, request.verb, " ".join(request.targets))
            crash_point("request.read", request.verb)
            self._post(
                ev.Asked(
                    request.id,
                    request.verb,
                    request.targets,
                    shown(request.who),
                    request.grace,
                    request.data,
                )
            )
        if len(self._known) > 10_000:
            # Answered long ago: their files are gone.
            self._known = {request.id for request in found}

    def _look_for_withdrawn(self) -> None:
        for request in sorted(self._revocable):
            if not os.path.exists(os.path.join(self._folder, f"{request}.json")):
                self._revocable.discard(request)
                self._post(ev.Withdrawn(request))

"""File events by watchdog: they only wake. Everything works without them."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from qm.osops.observer import new_observer

if TYPE_CHECKING:
    from watchdog.observers.api import BaseObserver

log = logging.getLogger("qm.watch")


class Hint(NamedTuple):
    """What an event says: a name in the watched folder ('': some name), whether it came by
    a rename, and its name before where that is known ('': it is not)."""

    name: str
    renamed: bool = False
    before: str = ""


Changed = Callable[[Hint], None]


class Watch:
    """Watches one folder, not what is inside its folders."""

    def __init__(self, path: str, changed: Changed) -> None:
        self._path = path
        self._changed = changed
        self._observer: BaseObserver | None = None
        self._root: tuple[int, int] | None = None
        self.wanted = False
        """True from the first :meth:`start` to :meth:`stop`."""
        self.trouble: str | None = None
        """Why there are no events, for a person; None while there are."""

    @property
    def works(self) -> bool:
        """True while there should be events."""
        return self._observer is not None

    def start(self) -> None:
        """Begin; where that is not possible, :attr:`trouble` says why and polling must do."""
        self._end()
        self.wanted = True
        try:
            status = os.stat(self._path)
            observer = new_observer()
            observer.schedule(_handler(self._changed, self._path), self._path, recursive=False)
            observer.start()
        except Exception as error:
            # No inotify instance or watch left, no watchdog, an odd file system.
            self.trouble = f"no file events: {error}; the folder is polled"
            log.warning("%s", self.trouble)
            return
        self._observer = observer
        self._root = (status.st_dev, status.st_ino)
        self.trouble = None

    def supervise(self) -> None:
        """Start anew where a thread died or the folder was replaced."""
        try:
            status = os.stat(self._path)
        except OSError:
            return
        observer = self._observer
        alive = (
            observer is not None
            and observer.is_alive()
            and all(emitter.is_alive() for emitter in observer.emitters)
            and bool(observer.emitters)
        )
        if not alive or self._root != (status.st_dev, status.st_ino):
            self.start()

    def stop(self) -> None:
        """End the threads."""
        self.wanted = False
        self._end()

    def _end(self) -> None:
        observer, self._observer = self._observer, None
        if observer is not None:
            observer.stop()
            observer.join(2.0)


def _handler(changed: Changed, root: str) -> Any:
    from watchdog.events import FileSystemEvent, FileSystemEventHandler

    class Handler(FileSystemEventHandler):
        """An exception in here would end watchdog's thread for good."""

        def on_any_event(self, event: FileSystemEvent) -> None:
            try:
                if event.event_type in ("opened", "closed", "closed_no_write", "deleted"):
                    return
                if os.fsdecode(event.src_path) == root:
                    # Some systems tell only that something in the folder changed.
                    changed(Hint(""))
                    return
                before = os.path.basename(os.fsdecode(event.src_path))
                after = os.path.basename(os.fsdecode(event.dest_path)) if event.dest_path else ""
                renamed = event.event_type == "moved"
                changed(Hint(after, True, before) if renamed else Hint(before))
            except Exception:
                log.exception("a file event could not be understood")

    return Handler()

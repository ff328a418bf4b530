"""watchdog's observer, as this system needs it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from watchdog.observers.api import BaseObserver, EventEmitter

_TIMEOUT = 0.1


def new_observer() -> BaseObserver:
    """An observer as this system has it.

    On Linux it does not listen for what leaves the folder: watchdog holds such
    an event for half a second, to pair it with an arrival elsewhere, and what
    is behind it waits; each of our claims is one.
    """
    from watchdog.observers import Observer

    emitter = _arrivals_only()
    if emitter is None:
        # The Windows emitter delivers only after a silence of this time.
        return Observer(timeout=_TIMEOUT)
    from watchdog.observers.api import BaseObserver

    return BaseObserver(emitter, timeout=_TIMEOUT)


def _arrivals_only() -> type[EventEmitter] | None:
    if sys.platform != "linux":
        return None
    from watchdog.observers.inotify import InotifyFullEmitter
    from watchdog.observers.inotify_c import InotifyConstants

    wanted = (
        InotifyConstants.IN_CREATE | InotifyConstants.IN_MOVED_TO | InotifyConstants.IN_DELETE_SELF
    )

    class ArrivalEmitter(InotifyFullEmitter):
        """Tells of names that come into the folder, and whether by a rename."""

        def get_event_mask_from_filter(self) -> Any:
            return wanted

    return ArrivalEmitter

"""One answer for all browsers that ask for the same at the same moment, as after an event."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field

from qm.control.managerlock import manager_runs
from qm.folders.layout import Layout
from web.pages.stamp import Stamp, stamp_of

_MOMENT = 0.25
"""Seconds for which an answer is told again, where the index is the same."""
_MOST = 16


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a page, as it goes out; ``packed`` with gzip."""

    tag: str
    plain: bytes
    packed: bytes
    newer_in: float = 0.0
    """Seconds after which another one can be made though nothing changes any more; 0 if never."""


@dataclass(frozen=True, slots=True)
class _Kept:
    part: Part
    seen: tuple[Stamp, bool]
    until: float


@dataclass
class KeptParts:
    """For any thread: one makes an answer, the others wait for it, which is quicker than theirs."""

    layout: Layout
    clock: Callable[[], float] = time.monotonic
    _guard: threading.Lock = field(default_factory=threading.Lock)
    _kept: dict[Hashable, _Kept] = field(default_factory=dict)

    def get(self, key: Hashable, make: Callable[[], Part]) -> Part:
        """What ``make`` gives, or gave for this key a moment ago when nothing else was there."""
        with self._guard:
            # Before it is made: what changes meanwhile makes the next one another.
            seen = (stamp_of(self.layout.index_file), manager_runs(self.layout))
            kept = self._kept.get(key)
            if kept is not None and kept.seen == seen and self.clock() < kept.until:
                return kept.part
            part = make()
            if len(self._kept) >= _MOST:
                self._kept.clear()
            good_for = min(part.newer_in or _MOMENT, _MOMENT)
            self._kept[key] = _Kept(part, seen, self.clock() + good_for)
            return part

"""A person who removes the oldest of the ended jobs, so that about as many lie there as before."""

from __future__ import annotations

import os
import shutil
import time
from collections import deque
from pathlib import Path

from bench.queue import DONE, LOST

_EVERY = 2.0


class Tidier:
    """Keeps ``keep`` folders of ended jobs; all of them where that is 0."""

    def __init__(self, root: Path, keep: int) -> None:
        self.removed: set[str] = set()
        self._places = [root / place for place in (DONE, LOST)]
        self._keep = keep
        self._known: set[str] = set()
        self._there: deque[Path] = deque()
        """As they came, as far as two looks tell them apart."""
        self._next = 0.0

    def step(self) -> None:
        """Look from time to time, and remove one of those that are too many."""
        if self._keep and time.monotonic() >= self._next:
            self._next = time.monotonic() + _EVERY
            self._look()
        if self._keep and len(self._there) > self._keep:
            oldest = self._there.popleft()
            shutil.rmtree(oldest)
            self.removed.add(oldest.name)

    def _look(self) -> None:
        for place in self._places:
            for name in sorted(os.listdir(place)):
                if name not in self._known:
                    self._known.add(name)
                    self._there.append(place / name)

    def names(self) -> set[str]:
        """Every name that has been seen among the ended ones, now or before it was removed."""
        return self.removed.union(*(os.listdir(place) for place in self._places))

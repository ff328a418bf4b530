"""Things with numbers that one job has at a time: processors to be pinned to, GPUs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable


class Pool:
    """Which numbers are free; given out in the order in which they were put in."""

    def __init__(self, numbers: Iterable[int]) -> None:
        self._numbers = tuple(dict.fromkeys(numbers))
        self._held: Counter[int] = Counter()
        """By how many: a job that runs although it was given up may share with its successor."""

    def __len__(self) -> int:
        """How many are free."""
        return sum(1 for number in self._numbers if not self._held[number])

    def take(self, count: int) -> tuple[int, ...]:
        """Choose so many free ones, to be claimed; none at all where there are not enough."""
        free = [number for number in self._numbers if not self._held[number]]
        return tuple(free[:count]) if count <= len(free) else ()

    def claim(self, numbers: Iterable[int]) -> None:
        """Somebody has these; those that are not ours do not matter."""
        self._held.update(numbers)

    def give_back(self, numbers: Iterable[int]) -> None:
        """Whoever claimed these has them no more."""
        self._held.subtract(numbers)
        self._held += Counter()  # Forgets those that nobody holds.

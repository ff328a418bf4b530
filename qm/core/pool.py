"""Things with numbers that one job has at a time: processors to be pinned to, GPUs."""

from __future__ import annotations

from collections.abc import Iterable


class Pool:
    """Which numbers are free; given out in the order in which they were put in."""

    def __init__(self, numbers: Iterable[int]) -> None:
        self._rank = {number: rank for rank, number in enumerate(numbers)}
        self._free = list(self._rank)

    def __len__(self) -> int:
        """How many are free."""
        return len(self._free)

    def take(self, count: int) -> tuple[int, ...]:
        """So many of them; none at all where there are not enough."""
        if count > len(self._free):
            return ()
        taken, self._free = self._free[:count], self._free[count:]
        return tuple(taken)

    def claim(self, numbers: Iterable[int]) -> None:
        """Somebody has these already; those that are not ours do not matter."""
        claimed = set(numbers)
        self._free = [number for number in self._free if number not in claimed]

    def give_back(self, numbers: Iterable[int]) -> None:
        """These are free again."""
        returned = {number for number in numbers if number in self._rank}
        self._free = sorted(returned | set(self._free), key=self._rank.__getitem__)

"""Samples of one figure, and what is told of them. Pure."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Series:
    """The samples of one figure, in the order in which they were taken; at least one."""

    name: str
    unit: str
    values: tuple[float, ...]

    def __post_init__(self) -> None:
        if not self.values:
            raise ValueError(f"{self.name} has no samples")

    @property
    def median(self) -> float:
        """The middle one, or the mean of the two in the middle."""
        return statistics.median(self.values)

    @property
    def low(self) -> float:
        """The lowest."""
        return min(self.values)

    @property
    def high(self) -> float:
        """The highest."""
        return max(self.values)

    def percentile(self, percent: float) -> float:
        """The lowest sample that at least ``percent`` of all samples do not exceed."""
        if not 0 < percent <= 100:
            raise ValueError(f"{percent} is not a percentage above 0 and up to 100")
        ordered = sorted(self.values)
        return ordered[math.ceil(len(ordered) * percent / 100) - 1]

    def spread(self) -> str:
        """``median (low to high)``, or the sample alone where there is but one."""
        middle = shown(self.median)
        if len(self.values) == 1:
            return middle
        return f"{middle} ({shown(self.low)} to {shown(self.high)})"


def ratios(name: str, ours: Sequence[float], theirs: Sequence[float]) -> Series:
    """``ours`` over ``theirs``, round by round: what slows one round slows both."""
    pairs = zip(ours, theirs, strict=True)
    return Series(name, "ratio", tuple(a / b for a, b in pairs))


def interleave(contenders: Mapping[str, Callable[[], T]], rounds: int) -> dict[str, list[T]]:
    """Let each contender run once in each round, in turn: A B A B A B."""
    results: dict[str, list[T]] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, run in contenders.items():
            results[name].append(run())
    return results


def shown(value: float) -> str:
    """A figure with three digits that count; larger ones in full, with thousands apart."""
    if value == 0:
        return "0"
    if abs(value) >= 99.95:
        return f"{value:,.0f}"
    rounded = float(f"{value:.3g}")
    digits = max(0, 2 - math.floor(math.log10(abs(rounded))))
    return f"{rounded:.{min(digits, 4)}f}"

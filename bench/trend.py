"""Whether a figure grows while a run goes on. Pure."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

_PARTS = 3


@dataclass(frozen=True, slots=True)
class Tolerance:
    """What may come on top and still is no growth: so much, and so large a share of the figure."""

    amount: float
    share: float = 0.0


@dataclass(frozen=True, slots=True)
class Trend:
    """The medians of the first and of the last third of all samples."""

    first: float
    last: float

    @property
    def growth(self) -> float:
        """What has come on top; negative where the figure fell."""
        return self.last - self.first

    def grows(self, tolerance: Tolerance) -> bool:
        """True if more has come on top than the amount, and more than the share."""
        return self.growth > max(tolerance.amount, tolerance.share * self.first)


def trend_of(values: Sequence[float]) -> Trend:
    """The trend of samples taken at even distances, at least three.

    Medians, because one sample may fall on a moment of much work; thirds, because what comes and
    goes within a minute is in both of them.
    """
    third = len(values) // _PARTS
    if third == 0:
        raise ValueError(f"{len(values)} samples have no first and last third")
    return Trend(statistics.median(values[:third]), statistics.median(values[-third:]))

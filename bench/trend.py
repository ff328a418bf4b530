"""Whether a figure grows while a run goes on. Pure."""

from __future__ import annotations

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
    """The lower quartiles of the first and of the last third of all samples."""

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

    Lower quartiles, because many a sample falls on a moment of work, whose memory and handles are
    given back, and a busy machine makes these moments longer; what is never given back raises all
    samples. Thirds, because what comes and goes within a minute is in both of them.
    """
    third = len(values) // _PARTS
    if third == 0:
        raise ValueError(f"{len(values)} samples have no first and last third")
    return Trend(_low(values[:third]), _low(values[-third:]))


def _low(values: Sequence[float]) -> float:
    """The lower quartile: a sample that a quarter of all do not exceed."""
    return sorted(values)[(len(values) - 1) // 4]

"""A figure of the page and the gate that it has to pass. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from bench.report import Section
from bench.series import Series, shown
from bench.tables import Table


class Of(StrEnum):
    """What of all samples is held against the gate."""

    MEDIAN = "median"
    P95 = "p95"
    HIGHEST = "highest"


@dataclass(frozen=True, slots=True)
class Gated:
    """A figure that has to be below ``limit``, or with ``or_equal`` at most that."""

    series: Series
    limit: float
    of: Of = Of.P95
    or_equal: bool = False

    @property
    def measured(self) -> float:
        """What is held against the limit."""
        match self.of:
            case Of.MEDIAN:
                return self.series.median
            case Of.P95:
                return self.series.percentile(95)
            case Of.HIGHEST:
                return self.series.high

    @property
    def is_met(self) -> bool:
        """True if the gate is passed."""
        return self.measured <= self.limit if self.or_equal else self.measured < self.limit

    @property
    def gate(self) -> str:
        """``p95 < 25 ms``."""
        sign = "<=" if self.or_equal else "<"
        return f"{self.of} {sign} {self.limit:,g} {self.series.unit}".rstrip()

    @property
    def verdict(self) -> str:
        """``met`` or ``NOT met``."""
        return "met" if self.is_met else "NOT met"


@dataclass(frozen=True, slots=True)
class Told:
    """A figure without a gate, to compare with; it stands in the same table."""

    series: Series


Figure = Gated | Told

HEADS = ("", "unit", "median (lowest to highest)", "p95", "gate", "")


def section_of(
    definition: str, title: str, figures: Sequence[Figure], missing: Sequence[str] = ()
) -> Section:
    """The section ``web``. ``missing`` are sentences on what could not be measured: as long as
    there is one, the gates are not all met.
    """
    rows = tuple(_row(figure) for figure in figures)
    missed = [f.series.name for f in figures if isinstance(f, Gated) and not f.is_met]
    gated = sum(isinstance(figure, Gated) for figure in figures)
    notes = [f"{gated - len(missed)} of {gated} gates are met.", *missing]
    series = tuple(figure.series for figure in figures)
    tables = (Table(title, HEADS, rows),)
    return Section("web", definition, tables, series, tuple(notes), (*missed, *missing))


def _row(figure: Figure) -> tuple[str, ...]:
    one = figure.series
    p95 = shown(one.percentile(95)) if len(one.values) > 1 else ""
    cells = (one.name, one.unit, one.spread(), p95)
    if isinstance(figure, Gated):
        return (*cells, figure.gate, figure.verdict)
    return (*cells, "", "")

"""What a job used over time, as two plots and a table for those who cannot see them. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from qm.quantities import format_size
from qm.usagefile import Sample, halved, totals_of
from web.pages.cells import brief, short_size
from web.plots import SeriesPlot, elapsed_plot

_ROWS = 12
"""The most rows of the table: it is listened to."""
_UNITS = (("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1))


@dataclass(frozen=True, slots=True)
class UsageRow:
    """A stretch of time in words; ``until`` is its end, since the start."""

    until: str
    cores: str
    memory: str
    processes: int


@dataclass(frozen=True, slots=True)
class UsageView:
    """Plots, their captions, and the same in some rows; ``memory_unit`` is that of its axis."""

    cores: SeriesPlot
    cores_told: str
    memory: SeriesPlot
    memory_told: str
    memory_unit: str
    rows: tuple[UsageRow, ...]


def usage_view(
    samples: Sequence[Sample],
    *,
    cores_asked: int | None,
    memory_asked: int | None,
    elapsed: float | None,
) -> UsageView | None:
    """The view of these samples; None where there is none.

    ``memory_asked`` is in bytes; ``elapsed`` is how long the job has run by
    now, in seconds, and None for one that has ended.
    """
    totals = totals_of(samples)
    if totals is None:
        return None
    length = max(samples[-1].seconds, elapsed or 0.0)
    unit, size = _unit(max(totals.peak_memory, memory_asked or 0))
    cores = [(sample.seconds, sample.cores) for sample in samples]
    memory = [(sample.seconds, sample.memory / size) for sample in samples]
    core_levels = [] if cores_asked is None else [(f"asked for {cores_asked}", float(cores_asked))]
    memory_levels = []
    if memory_asked is not None:
        memory_levels = [(f"asked for {format_size(memory_asked)}", memory_asked / size)]
    return UsageView(
        cores=elapsed_plot(_from_start(cores), length, core_levels),
        cores_told=_told(
            f"{totals.mean_cores:.2f}",
            f"{totals.peak_cores:.2f}",
            "" if cores_asked is None else str(cores_asked),
        ),
        memory=elapsed_plot(_from_start(memory), length, memory_levels),
        memory_told=_told(
            short_size(totals.mean_memory),
            short_size(totals.peak_memory),
            "" if memory_asked is None else format_size(memory_asked),
        ),
        memory_unit=f" {unit}",
        rows=tuple(_row(sample) for sample in _few(samples)),
    )


def _told(mean: str, peak: str, asked: str) -> str:
    told = f"{mean} on average, {peak} at most"
    return f"{told}; {asked} asked for" if asked else told


def _from_start(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """The first sample tells of the time before it as well."""
    return [(0.0, points[0][1]), *points]


def _unit(most: int) -> tuple[str, int]:
    return next(((word, size) for word, size in _UNITS if most >= size), ("B", 1))


def _few(samples: Sequence[Sample]) -> Sequence[Sample]:
    while len(samples) > _ROWS:
        samples = halved(samples)
    return samples


def _row(sample: Sample) -> UsageRow:
    memory = short_size(sample.memory)
    return UsageRow(brief(sample.seconds), f"{sample.cores:.2f}", memory, sample.processes)

"""What minutes of steady load have shown, and the verdict. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from bench.plan import Plan
from bench.report import Section
from bench.series import Series, shown
from bench.steadyflow import Ends
from bench.tables import Table
from bench.trend import Trend, trend_of
from bench.vitals import FIGURES, MIB, Figure, Vitals

SHORTEST_JUDGED = 3.0
"""Minutes: what grows in less may still be the warming up."""
_BETWEEN_MIDDLES = 2 / 3
_KINDS = ("manager", "supervisor", "page")
_LAST_FOR_LIFE = ("manager", "page")
"""Supervisors come and go."""


@dataclass
class Watched:
    """What was seen after the warm-up."""

    samples: list[dict[str, Vitals]] = field(default_factory=list)
    heard: list[int] = field(default_factory=list)
    """Events up to each sample."""
    jobs: int = 0
    """Drops from the first to the last sample."""
    seconds: float = 0.0

    def of(self, kind: str) -> list[Vitals]:
        """The samples of one kind of process."""
        return [sample[kind] for sample in self.samples if kind in sample]


@dataclass(frozen=True, slots=True)
class Came:
    """What came in all, and what became of it."""

    drops: int
    left_out: int
    """Drops that did not come, because too many waited."""
    ends: Ends
    on_disk: Mapping[str, int]
    """Bytes by which what is meant to grow has grown."""


@dataclass(frozen=True, slots=True)
class Judged:
    """A figure of a kind of process, and how it went."""

    figure: Figure
    series: Series
    trend: Trend

    @property
    def grows(self) -> bool:
        """By more than is tolerated."""
        return self.trend.grows(self.figure.tolerance)

    def row(self, jobs: int) -> tuple[str, ...]:
        """Of the table; ``jobs`` came while it was watched."""
        trend, each, unit = self.trend, "", ""
        if self.figure.unit == "MiB":
            each, unit = shown(trend.growth * MIB / (jobs * _BETWEEN_MIDDLES)), " MiB"
        told = (f"{shown(value)}{unit}" for value in (trend.first, trend.last, trend.growth))
        return (self.series.name, *told, each, "YES" if self.grows else "no")


def section_of(definition: str, plan: Plan, rate: float, watched: Watched, came: Came) -> Section:
    """All of it; what must not be is in ``missed``. ``rate`` is what was asked for."""
    judged = list(_judged(watched))
    missed = (*came.ends.broken(), *_failings(watched))
    if plan.minutes >= SHORTEST_JUDGED:
        missed += (*_silence(watched), *(f"{one.series.name} grows" for one in judged if one.grows))
    heads = ("", "first third", "last third", "growth", "bytes a job", "grows")
    title = f"{plan.minutes:g} minutes, {plan.ended:,} ended before"
    rows = tuple(one.row(max(1, watched.jobs)) for one in judged)
    tables = (
        Table(f"{title}, samples: {len(watched.samples)}", heads, rows),
        Table("Processor time, % of a core", heads[:3], tuple(_processor(watched))),
        Table("What came", ("", ""), tuple(_counts(rate, watched, came))),
    )
    series = [one.series for one in judged]
    series.append(Series("drops", "drops/s", (watched.jobs / watched.seconds,)))
    for what, size in came.on_disk.items():
        series.append(Series(f"{what} on disk", "bytes/job", (size / came.drops,)))
    notes = tuple(f"NOT as it has to be: {text}." for text in missed)
    return Section("steady", definition, tables, tuple(series), notes, missed)


def _judged(watched: Watched) -> Iterator[Judged]:
    for kind in _KINDS:
        seen = watched.of(kind)
        for place, figure in enumerate(FIGURES):
            values = tuple(one.figures[place] for one in seen)
            series = Series(f"{kind}: {figure.name}", figure.unit, values)
            yield Judged(figure, series, trend_of(values))


def _failings(watched: Watched) -> Iterator[str]:
    for kind in _LAST_FOR_LIFE:
        if len({pid for one in watched.of(kind) for pid in one.pids}) > 1:
            yield f"the {kind} was started anew"


def _silence(watched: Watched) -> Iterator[str]:
    if watched.heard[-1] <= watched.heard[2 * len(watched.heard) // 3]:
        yield "the listener heard nothing in the last third"


def _processor(watched: Watched) -> Iterator[tuple[str, str, str]]:
    """Told without a verdict: it depends on what else runs."""
    every = watched.seconds / len(watched.samples)
    for kind in _LAST_FOR_LIFE:
        used = [one.cpu for one in watched.of(kind)]
        third = len(used) // 3
        first, last = used[third - 1] - used[0], used[-1] - used[-third]
        per = 100 / (max(1, third - 1) * every)
        yield kind, shown(first * per), shown(last * per)


def _counts(rate: float, watched: Watched, came: Came) -> Iterator[tuple[str, str]]:
    ends = came.ends
    yield "drops that ended as they had to", f"{ends.good:,} of {came.drops:,}"
    yield "lost, doubled, ended wrongly", f"{ends.lost}, {ends.doubled}, {ends.wrong}"
    yield f"drops a second ({rate:g} asked)", shown(watched.jobs / watched.seconds)
    yield "drops left out, too many waited", f"{came.left_out:,}"
    yield "events that the listener heard", f"{watched.heard[-1]:,}"
    for what, size in came.on_disk.items():
        yield f"{what} on disk, bytes a job", shown(size / came.drops)

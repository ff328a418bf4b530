"""Where things lie in a plot; the templates ``plot_*.tpl`` draw it as SVG. Pure.

Across, everything is in per cent of the width, so that a plot fills the page
however wide that is while its words keep their size.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from qm.model import State
from web.timeline import Bar, Lane

MOST_TICKS = 9
POINTS = 600
"""The most a line is drawn with: screens show no more."""
TALL = 100
"""The height of a line's own scale, of which 0 is at the bottom."""

_MINUTE, _HOUR, _DAY = 60, 3600, 86400
_STEPS = (
    *(_MINUTE * n for n in (1, 2, 5, 10, 15, 30)),
    *(_HOUR * n for n in (1, 2, 3, 6, 12)),
    *(_DAY * n for n in (1, 2, 7, 14, 28, 56)),
)
_ROW = 24
_LOW_ROW = 9
_MANY = 40
"""Lanes from which on they are drawn low."""
_GAP = 2
_WIDE = 5.0
"""Per cent of the width from which on a bar holds a name."""
_EDGE = 4.0
"""Per cent from the edge within which the words of a tick lie on its inner side."""
_SHORT_STEPS = (1, 2, 5, 10, 15, 30)
"""Seconds between ticks of what is shorter than some minutes."""
_MOST_ELAPSED = 6
_ROUND = (1.0, 1.2, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0)
_ROOM = 1.05
_LEAST = 1e-9
"""Smaller values are drawn as nothing: a scale for them could end at 0."""

MARKS = {
    State.RUNNING: "M0 0L8 4L0 8Z",
    State.SUSPENDED: "M0 0H3V8H0ZM5 0H8V8H5Z",
    State.FAILED: "M0 0H8V8H0Z",
    State.KILLED: "M0 0L4 3L8 0V8H0Z",
    State.LOST: "M4 0L8 4L4 8L0 4Z",
}
"""Shapes, 8 by 8, that tell states apart without colours; what ended well has none."""


@dataclass(frozen=True, slots=True)
class Tick:
    """A time on the axis; ``anchor`` keeps its words inside of the plot."""

    x: str
    label: str
    anchor: str


@dataclass(frozen=True, slots=True)
class DrawnBar:
    """A bar: ``x`` and ``width`` in per cent, ``y`` and ``height`` in pixels."""

    bar: Bar
    x: str
    y: int
    width: str
    height: int
    mark: str
    """One of MARKS, or empty."""
    has_label: bool


@dataclass(frozen=True, slots=True)
class LanesPlot:
    """Lanes below each other and a time axis at ``height``, in pixels."""

    height: int
    bars: tuple[DrawnBar, ...]
    ticks: tuple[Tick, ...]


@dataclass(frozen=True, slots=True)
class Level:
    """A value that is drawn all across, such as a limit; ``y`` is on the scale of TALL."""

    label: str
    y: float


@dataclass(frozen=True, slots=True)
class SeriesPlot:
    """Lines for a box of 1000 by TALL, stretched to any size, and the time axis.

    ``lines`` and ``areas`` are the points of each unbroken part; ``top`` is the
    value at the upper edge.
    """

    lines: tuple[str, ...]
    areas: tuple[str, ...]
    top: float
    ticks: tuple[Tick, ...]
    levels: tuple[Level, ...] = ()


def lanes_plot(lanes: Sequence[Lane], first: float, last: float) -> LanesPlot:
    """Lanes between two times, seconds since the epoch; what is outside of them is cut off."""
    row = _ROW if len(lanes) <= _MANY else _LOW_ROW
    bars = tuple(
        _drawn(bar, number * row, row - _GAP, first, last)
        for number, lane in enumerate(lanes)
        for bar in lane
    )
    return LanesPlot(len(lanes) * row, bars, ticks(first, last))


def series_plot(
    samples: Iterable[tuple[float, float | None]],
    first: float,
    last: float,
    *,
    top: float | None = None,
    steps: bool = False,
) -> SeriesPlot:
    """A line through ``samples`` (time, value), given in the order of time.

    None for a value breaks the line. ``top`` is the upper edge's value; without
    it a round one above all values. ``steps``: a value holds until the next one.
    """
    parts = [_thinned(part, first, last) for part in _parts(samples, first, last, steps)]
    highest = max((value for part in parts for _, value in part), default=0.0)
    edge = round_up(highest) if top is None or top <= 0 else max(top, highest)
    drawn = [
        [f"{_across(at, first, last) * 10:.1f},{TALL - TALL * value / edge:.1f}" for at, value in p]
        for p in parts
    ]
    return SeriesPlot(
        lines=tuple(" ".join(points) for points in drawn),
        areas=tuple(
            " ".join((f"{_x_of(points[0])},{TALL}", *points, f"{_x_of(points[-1])},{TALL}"))
            for points in drawn
        ),
        top=edge,
        ticks=ticks(first, last),
    )


def elapsed_plot(
    samples: Sequence[tuple[float, float]], length: float, levels: Iterable[tuple[str, float]] = ()
) -> SeriesPlot:
    """A line through ``samples`` (seconds since the start, value), over ``length`` seconds.

    ``levels`` are values to compare with, each with its words; none touches the upper edge.
    """
    marked = tuple(levels)
    top = with_room(max((value for _, value in (*samples, *marked)), default=0.0))
    plot = series_plot(samples, 0.0, length, top=top)
    return replace(
        plot,
        ticks=elapsed_ticks(length),
        levels=tuple(Level(label, TALL - TALL * value / plot.top) for label, value in marked),
    )


def elapsed_ticks(length: float) -> tuple[Tick, ...]:
    """Round times since a start: ``0``, ``5 min``, ``10 min``, at most a few."""
    if not 0 < length < math.inf:
        return ()
    step = next((s for s in (*_SHORT_STEPS, *_STEPS) if length / s < _MOST_ELAPSED), _STEPS[-1])
    while length / step >= _MOST_ELAPSED:
        step *= 2
    unit, word = next(
        (unit, word)
        for unit, word in ((_DAY, "d"), (_HOUR, "h"), (_MINUTE, "min"), (1, "s"))
        if step % unit == 0
    )
    found = []
    for moment in range(0, int(length) + 1, step):
        across = _across(moment, 0.0, length)
        label = f"{moment // unit} {word}" if moment else "0"
        found.append(Tick(_percent(across), label, _anchor(across)))
    return tuple(found)


def ticks(first: float, last: float) -> tuple[Tick, ...]:
    """Round local times from ``first`` to ``last``, at most MOST_TICKS; days where it is long."""
    length = last - first
    if length <= 0:
        return ()
    step = next((s for s in _STEPS if length / s < MOST_TICKS), _STEPS[-1])
    moments = _days(first, last, step // _DAY) if step >= _DAY else _clock(first, last, step)
    found: list[datetime] = []
    for moment in moments:
        if not found or moment.timestamp() > found[-1].timestamp():
            found.append(moment)
    return tuple(_tick(moment, first, last, step) for moment in found[:MOST_TICKS])


def round_up(value: float) -> float:
    """The next 1, 2 or 5 times a power of ten; 1 for what is next to nothing."""
    if not _LEAST < value < math.inf:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return next((n * power for n in (1, 2, 5, 10) if n * power >= value), 10 * power)


def with_room(value: float) -> float:
    """A round number somewhat above ``value``; 1 for what is next to nothing."""
    if not _LEAST < value < math.inf:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return next((n * power for n in _ROUND if n * power >= _ROOM * value), 12 * power)


def _drawn(bar: Bar, y: int, height: int, first: float, last: float) -> DrawnBar:
    left, right = _across(bar.start, first, last), _across(bar.until, first, last)
    return DrawnBar(
        bar=bar,
        x=_percent(left),
        y=y,
        width=_percent(right - left),
        height=height,
        mark=MARKS.get(bar.state, ""),
        has_label=right - left >= _WIDE and height > _LOW_ROW,
    )


def _across(moment: float, first: float, last: float) -> float:
    """Where a time lies, in per cent; times outside lie at the edges."""
    if last <= first:
        return 0.0
    return min(100.0, max(0.0, 100 * (moment - first) / (last - first)))


def _percent(value: float) -> str:
    return f"{value:.3f}".rstrip("0").rstrip(".") + "%"


def _x_of(point: str) -> str:
    return point.partition(",")[0]


def _parts(
    samples: Iterable[tuple[float, float | None]], first: float, last: float, steps: bool
) -> list[list[tuple[float, float]]]:
    """The unbroken parts of a line, without what lies outside of the two times."""
    parts: list[list[tuple[float, float]]] = [[]]
    before: float | None = None
    for moment, value in samples:
        if moment > last:
            break
        at = max(first, moment)
        if steps and before is not None:
            parts[-1].append((at, before))
        if value is None:
            parts.append([])
        elif moment >= first:
            parts[-1].append((moment, value))
        before = value
    if steps and before is not None:
        parts[-1].append((last, before))
    return [part for part in parts if part]


def _thinned(
    part: list[tuple[float, float]], first: float, last: float
) -> list[tuple[float, float]]:
    """Where there are too many points: of each narrow strip the lowest and the highest one."""
    if len(part) <= POINTS:
        return part
    strips: dict[int, list[tuple[float, float]]] = {}
    for point in part:
        strips.setdefault(int(_across(point[0], first, last) * POINTS / 200), []).append(point)
    found: list[tuple[float, float]] = []
    for strip in strips.values():
        ends = {min(strip, key=lambda p: p[1]), max(strip, key=lambda p: p[1])}
        found += sorted(ends)
    return found


def _clock(first: float, last: float, step: int) -> list[datetime]:
    """Times of the clock on the wall, which may be set in between."""
    midnight = _local(first).replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
    count = int((last - first) / step) + int(2 * _DAY / step)
    wall = (midnight + timedelta(seconds=n * step) for n in range(count))
    return [m for m in (w.astimezone() for w in wall) if first <= m.timestamp() <= last]


def _days(first: float, last: float, step: int) -> list[datetime]:
    midnight = _local(first).replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
    count = int((last - first) / (step * _DAY)) + 2
    days = (midnight + timedelta(days=n * step + 1) for n in range(count))
    return [m for m in (d.astimezone() for d in days) if first <= m.timestamp() <= last]


def _tick(moment: datetime, first: float, last: float, step: int) -> Tick:
    across = _across(moment.timestamp(), first, last)
    is_day = step >= _DAY or (moment.hour, moment.minute) == (0, 0)
    label = f"{moment:%b} {moment.day}" if is_day else f"{moment:%H:%M}"
    return Tick(_percent(across), label, _anchor(across))


def _anchor(across: float) -> str:
    return "start" if across < _EDGE else "end" if across > 100 - _EDGE else "middle"


def _local(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC).astimezone()

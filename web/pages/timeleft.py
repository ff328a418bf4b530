"""How long a running job still runs, in words that are no more exact than the knowledge. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from qm.progress import Estimate, Progress, estimate
from qm.quantities import format_duration

_MINUTE, _HOUR, _DAY = 60.0, 3600.0, 86400.0
_POINT = 1.25
"""A range that is narrower than from 1 to this is told as one time."""


def time_left_text(
    elapsed: float, progress: Progress | None, earlier: Sequence[float], walltime: float | None
) -> tuple[str, str]:
    """``~ 5 min``, ``20 – 45 s`` or ``< 2 h``, and by what that is known; empty: nobody knows.

    ``elapsed`` and ``walltime`` are in seconds, ``earlier`` is how long other
    runs of the job took.
    """
    found = estimate(elapsed, progress, earlier)
    limit = None if walltime is None else max(0.0, walltime - elapsed)
    if found is None:
        return ("", _unknown(earlier)) if limit is None else (_below(limit), "by its time limit")
    if limit is not None and limit < found.low:
        longer = range_text(found.low, found.high)
        return _below(limit), f"by its time limit; {_source(found)} it would take {longer}"
    high = found.high if limit is None else min(found.high, limit)
    return range_text(found.low, high), _source(found)


def range_text(low: float, high: float) -> str:
    """``~ 5 min`` for what is about one time, else both ends in the unit of the later one."""
    if high <= low * _POINT or high < 10:
        return f"~ {_rounded((low + high) / 2)}"
    unit, word = next(
        (unit, word)
        for unit, word in ((_DAY, "d"), (_HOUR, "h"), (_MINUTE, "min"), (1.0, "s"))
        if high >= 1.5 * unit or unit == 1.0
    )
    ends = [_number(seconds, unit) for seconds in (low, high)]
    if ends[0] == ends[1]:
        return f"~ {_rounded((low + high) / 2)}"
    return f"{ends[0]} – {ends[1]} {word}"


def _below(seconds: float) -> str:
    return f"< {_rounded(seconds)}"


def _rounded(seconds: float) -> str:
    """It does not change with each second."""
    if seconds < _MINUTE:
        return f"{max(5, round(seconds / 5) * 5)} s"
    step = _MINUTE if seconds < 10 * _HOUR else _HOUR
    return format_duration(round(seconds / step) * step)


def _number(seconds: float, unit: float) -> str:
    value = seconds / unit
    if unit == 1.0:
        return str(round(value / 5) * 5)
    return f"{round(2 * value) / 2:g}" if value < 5 else str(round(value))


def _source(found: Estimate) -> str:
    runs = f"{found.runs} earlier {'run' if found.runs == 1 else 'runs'}"
    if not found.by_progress:
        return f"by {runs}"
    return f"by its progress so far and {runs}" if found.runs else "by its progress so far"


def _unknown(earlier: Sequence[float]) -> str:
    if earlier:
        return "unknown: it runs longer than it usually does, and its log tells no progress"
    return "unknown: its log tells no progress, and it has no time limit"

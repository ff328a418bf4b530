"""Jobs as rows of the three tables. Pure."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TypeVar

from qm.dashboard.columns import Cell, Column, Row
from qm.dashboard.snapshot import IDLE, Activity, Snapshot, key_of
from qm.model import LETTER, State
from qm.names import shown
from qm.progress import Progress, time_left
from qm.view import Entry
from qm.view.entries import seconds

RUNNING_COLUMNS = (
    Column("ID", 5, right=True),
    Column("S", 1),
    Column("NAME", 12, grow=3),
    Column("PROGRESS", 19, grow=1),
    Column("TIME", 7, right=True),
    Column("LEFT", 8, right=True),
    Column("PROC", 4, right=True),
    Column("CPU", 5, right=True),
    Column("MEM", 5, right=True),
)
WAITING_COLUMNS = (
    Column("ID", 5, right=True),
    Column("STATE", 8),
    Column("NAME", 14, grow=2),
    Column("PROC", 4, right=True),
    Column("WAITS", 7, right=True),
    Column("START", 6, right=True),
    Column("REASON", 25, grow=3),
)
RECENT_COLUMNS = (
    Column("ID", 5, right=True),
    Column("STATE", 9),
    Column("NAME", 14, grow=2),
    Column("CODE", 7, right=True),
    Column("TOOK", 7, right=True),
    Column("ENDED", 8, right=True),
    Column("REASON", 16, grow=3),
)

_Value = TypeVar("_Value")
_BAR = 8
_DAY = 86400.0
_STYLE = {
    State.ARRIVING: "cyan",
    State.QUEUED: "cyan",
    State.HELD: "yellow",
    State.RUNNING: "bold green",
    State.SUSPENDED: "yellow",
    State.FINISHED: "green",
    State.FAILED: "bold red",
    State.KILLED: "magenta",
    State.CANCELLED: "magenta",
    State.ABORTED: "magenta",
    State.REJECTED: "red",
    State.LOST: "bold red",
}


def running_rows(snapshot: Snapshot, entries: Sequence[Entry]) -> tuple[Row, ...]:
    """Rows below :data:`RUNNING_COLUMNS`."""
    return tuple(_running(entry, snapshot) for entry in entries)


def waiting_rows(snapshot: Snapshot, entries: Sequence[Entry]) -> tuple[Row, ...]:
    """Rows below :data:`WAITING_COLUMNS`."""
    return tuple(_waiting(entry, snapshot.now) for entry in entries)


def recent_rows(snapshot: Snapshot, entries: Sequence[Entry]) -> tuple[Row, ...]:
    """Rows below :data:`RECENT_COLUMNS`."""
    return tuple(_recent(entry, snapshot.now) for entry in entries)


def clock(spent: float) -> str:
    """A duration in at most seven cells: ``7 s``, ``3:20``, ``1:02:03``, ``23h 59m``, ``2d 3h``."""
    whole = max(0, int(spent))
    if whole < 60:
        return f"{whole} s"
    minutes, second = divmod(whole, 60)
    hours, minute = divmod(minutes, 60)
    if hours >= 2400:
        return f"{hours // 24}d"
    if hours >= 24:
        return f"{hours // 24}d {hours % 24}h"
    if hours >= 10:
        return f"{hours}h {minute:02d}m"
    return f"{hours}:{minute:02d}:{second:02d}" if hours else f"{minute}:{second:02d}"


def size(count: float) -> str:
    """Bytes in at most five cells: ``512M``, ``2.1G``."""
    value = float(count)
    for unit in "KMGTP":
        value /= 1024
        if value < 1000 or unit == "P":
            return f"{value:.1f}{unit}" if value < 10 and unit != "K" else f"{value:.0f}{unit}"
    return ""


def bar(fraction: float, width: int) -> str:
    """A bar of ``width`` cells; it is full only when all is done."""
    full = int(min(max(fraction, 0.0), 1.0) * width)
    return "█" * full + "░" * (width - full)


def between(start: str | None, end: float | None) -> float | None:
    """Seconds from a UTC time as records have it until ``end``; None where one is not known."""
    begin = seconds(start)
    return None if begin is None or end is None else max(0.0, end - begin)


def ended_text(ended: float, now: float) -> str:
    """When a job ended: ``14:03:59`` today, else ``11-20``."""
    form = "%H:%M:%S" if now - ended < _DAY else "%m-%d"
    return time.strftime(form, time.localtime(ended))


def start_text(start: float, now: float) -> str:
    """When a job starts, as far as that can be known: ``~14:03`` within a day, else ``~11-23``."""
    form = "~%H:%M" if start - now < _DAY else "~%m-%d"
    return time.strftime(form, time.localtime(start))


def _running(entry: Entry, snapshot: Snapshot) -> Row:
    activity = snapshot.activity.get(key_of(entry), IDLE)
    elapsed = between(entry.started, snapshot.now)
    cells = (
        Cell(_id(entry)),
        Cell(LETTER[State(entry.state)], _STYLE[State(entry.state)]),
        Cell(shown(entry.name)),
        Cell(_progress(activity.progress), "green"),
        Cell(_or_dash(elapsed, clock)),
        Cell(_left(entry, activity, elapsed)),
        Cell(_or_dash(entry.nb_proc, str)),
        Cell(_or_dash(activity.cpu_percent, lambda percent: f"{percent:.0f} %")),
        Cell(_or_dash(activity.memory, size)),
    )
    return Row(key_of(entry), cells)


def _progress(progress: Progress | None) -> str:
    if progress is None:
        return "-"
    return f"{bar(progress.fraction, _BAR)} {progress.text}"


def _left(entry: Entry, activity: Activity, elapsed: float | None) -> str:
    """About how long by the progress, else how long at most by the time limit."""
    if elapsed is None or entry.state == State.SUSPENDED:
        return "-"
    if activity.progress is not None:
        left = time_left(activity.progress.fraction, elapsed)
        if left is not None:
            return f"~{clock(left)}"
    return "-" if entry.walltime is None else f"<{clock(entry.walltime - elapsed)}"


def _waiting(entry: Entry, now: float) -> Row:
    cells = (
        Cell(_id(entry)),
        Cell(entry.state, _STYLE[State(entry.state)]),
        Cell(shown(entry.name)),
        Cell(_or_dash(entry.nb_proc, str)),
        Cell(_or_dash(between(entry.submitted, now), clock)),
        Cell(_or_dash(seconds(entry.expected_start), lambda start: start_text(start, now))),
        Cell(shown(entry.reason or "")),
    )
    return Row(key_of(entry), cells)


def _recent(entry: Entry, now: float) -> Row:
    ended = seconds(entry.ended)
    code = entry.signal if entry.exit_code is None else str(entry.exit_code)
    cells = (
        Cell(_id(entry)),
        Cell(entry.state, _STYLE[State(entry.state)]),
        Cell(shown(entry.name)),
        Cell(code or "-"),
        Cell(_or_dash(between(entry.started, ended), clock)),
        Cell(_or_dash(ended, lambda end: ended_text(end, now))),
        Cell(shown(entry.reason or "")),
    )
    return Row(key_of(entry), cells)


def _id(entry: Entry) -> str:
    return "-" if entry.id is None else str(entry.id)


def _or_dash(value: _Value | None, text: Callable[[_Value], str]) -> str:
    return "-" if value is None else text(value)

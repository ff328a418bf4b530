"""Jobs as rows of the main page: all of it text for a person. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from qm.dashboard.snapshot import Activity, key_of
from qm.model import Place, State
from qm.names import shown
from qm.view import Entry
from qm.view.entries import seconds as seconds_of
from web.pages.timeleft import time_left_text
from web.pages.verbs import Verb, verbs_for
from web.templates import href

_DASH = "–"
_HALF_A_DAY = 12 * 3600.0
_NOTHING = Activity()

WhyNot = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class Button:
    """One thing to do; ``why_not`` is empty where it can be done."""

    verb: Verb
    address: str
    why_not: str


@dataclass(frozen=True, slots=True)
class Row:
    """What all rows have. ``key`` tells one from the others."""

    key: str
    id: int | None
    name: str
    address: str
    state: str
    info: str
    owner: str
    cores: str
    buttons: tuple[Button, ...]


@dataclass(frozen=True, slots=True)
class RunningRow(Row):
    """A job that runs; ``fraction`` is None where its log tells no progress."""

    fraction: float | None
    progress: str
    percent: str
    left: str
    left_title: str
    elapsed: str
    started: str | None
    cpu: str
    memory: str


@dataclass(frozen=True, slots=True)
class WaitingRow(Row):
    """A job that waits, or what arrives."""

    reason: str
    starts: str
    waits: str
    submitted: str | None
    priority: int


@dataclass(frozen=True, slots=True)
class EndedRow(Row):
    """A job that has ended."""

    reason: str
    waited: str
    took: str
    ended: str | None


def running_row(
    entry: Entry,
    activity: Activity,
    now: float,
    why_not: WhyNot,
    earlier: Sequence[float] = (),
) -> RunningRow:
    """``now`` is in seconds since the epoch, ``earlier`` how long other runs of it took."""
    elapsed = _between(entry.started, now)
    progress = activity.progress
    left, title = _left(entry, activity, elapsed, earlier)
    cpu = activity.cpu_percent
    return RunningRow(
        *_row(entry, why_not),
        fraction=None if progress is None else round(progress.fraction, 3),
        progress="" if progress is None else progress.text,
        percent="" if progress is None else f"{int(100 * progress.fraction)} %",
        left=left,
        left_title=title,
        elapsed=_DASH if elapsed is None else brief(elapsed),
        started=entry.started,
        cpu=_DASH if cpu is None else f"{cpu:.0f} %",
        memory=_DASH if activity.memory is None else short_size(activity.memory),
    )


def waiting_row(entry: Entry, now: float, why_not: WhyNot) -> WaitingRow:
    """``now`` is in seconds since the epoch."""
    waits = _between(entry.submitted, now)
    return WaitingRow(
        *_row(entry, why_not),
        reason=shown(entry.reason or ""),
        starts=starts_text(entry.expected_start, now) or _DASH,
        waits=_DASH if waits is None else brief(waits),
        submitted=entry.submitted,
        priority=entry.priority or 0,
    )


def ended_row(entry: Entry, why_not: WhyNot) -> EndedRow:
    """A row for a job that has ended."""
    end = seconds_of(entry.ended)
    begin = entry.started or entry.ended
    waited, took = _between(entry.submitted, seconds_of(begin)), _between(entry.started, end)
    return EndedRow(
        *_row(entry, why_not),
        reason=shown(entry.reason or ""),
        waited=_DASH if waited is None else brief(waited),
        took=_DASH if took is None else brief(took),
        ended=entry.ended,
    )


def activity_of(entry: Entry, activity: Mapping[str, Activity]) -> Activity:
    """What a running job does, as far as that is known."""
    return activity.get(key_of(entry), _NOTHING)


def address_of(entry: Entry) -> str:
    """Where the page of a job is; of what is no job yet, its folder."""
    if entry.id is None:
        return href(Place.WAITING.value, entry.name) + "/"
    return href("job", entry.id)


def starts_text(moment: str | None, now: float) -> str:
    """About when a job starts: ``~ 16:35`` within half a day, else ``in 1 d 4 h``."""
    start = seconds_of(moment)
    if start is None:
        return ""
    if start - now > _HALF_A_DAY:
        return f"in {brief(start - now)}"
    return f"~ {datetime.fromtimestamp(start, UTC).astimezone():%H:%M}"


def short_size(count: int) -> str:
    """Bytes in two or three digits: ``3.5 MiB``, ``75 GiB``."""
    value, units = float(count), iter(("B", "KiB", "MiB", "GiB", "TiB", "PiB"))
    unit = next(units)
    while value >= 1000 and unit != "PiB":
        value, unit = value / 1024, next(units)
    return f"{value:.1f} {unit}" if value < 10 and unit != "B" else f"{value:.0f} {unit}"


def brief(seconds: float) -> str:
    """A duration in at most two parts: ``12 s``, ``1 min 55 s``, ``2 h 05 min``, ``3 d 4 h``."""
    whole = max(0, int(seconds))
    if whole < 60:
        return f"{whole} s"
    minutes, second = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {second:02} s" if minutes < 10 else f"{minutes} min"
    hours, minute = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minute:02} min" if hours < 10 and minute else f"{hours} h"
    return f"{hours // 24} d {hours % 24} h"


def _row(
    entry: Entry, why_not: WhyNot
) -> tuple[str, int | None, str, str, str, str, str, str, tuple[Button, ...]]:
    return (
        key_of(entry),
        entry.id,
        shown(entry.name),
        address_of(entry),
        entry.state.lower(),
        shown(entry.info or ""),
        shown(entry.owner or ""),
        _DASH if entry.nb_proc is None else str(entry.nb_proc),
        tuple(
            Button(verb, href("ask", verb.name, job=entry.id), why_not(verb.name))
            for verb in verbs_for(entry)
        ),
    )


def _left(
    entry: Entry, activity: Activity, elapsed: float | None, earlier: Sequence[float]
) -> tuple[str, str]:
    if elapsed is None or entry.state == State.SUSPENDED:
        return _DASH, ""
    text, title = time_left_text(elapsed, activity.progress, earlier, entry.walltime)
    return text or _DASH, title


def _between(start: str | None, end: float | None) -> float | None:
    begin = seconds_of(start)
    return None if begin is None or end is None else max(0.0, end - begin)

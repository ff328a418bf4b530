"""The columns that a list of jobs can have."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from qm.model import LETTER, State
from qm.names import shown
from qm.quantities import format_duration, format_size
from qm.times import local_text
from qm.view.entries import Entry, seconds
from qm.view.query import duration

Progress = Callable[[Entry], str | None]
"""What a running job tells of its progress: ``13 / 100``, ``45 %``."""


class Column(NamedTuple):
    """One column: its head, its cell of an entry at a time, and its member in JSON."""

    head: str
    text: Callable[[Entry, float, Progress], str]
    value: Callable[[Entry, float, Progress], Any]


def time_of(entry: Entry, now: float) -> str:
    """How long it has waited, runs, or ran: ``7 s``, ``3:20``, ``1:02:03``, ``2-03:04:05``.

    A job that never ran has none once it has ended.
    """
    if entry.started is None and entry.ended is None:
        start = seconds(entry.submitted)
        spent = None if start is None else now - start
    else:
        spent = duration(entry, now)
    return "-" if spent is None else clock(spent)


def clock(spent: float) -> str:
    """Seconds in the width of a column; a negative time, after a clock was set, is 0."""
    whole = max(0, int(spent))
    if whole < 60:
        return f"{whole} s"
    minutes, second = divmod(whole, 60)
    hours, minute = divmod(minutes, 60)
    if not hours:
        return f"{minute}:{second:02d}"
    days, hour = divmod(hours, 24)
    rest = f"{minute:02d}:{second:02d}"
    return f"{days}-{hour:02d}:{rest}" if days else f"{hour}:{rest}"


def moment_text(moment: str | None) -> str:
    """A UTC time as the local one, to the second; ``-`` where there is none."""
    at = seconds(moment)
    return moment or "-" if at is None else local_text(at)[:19].replace("T", " ")


def _reason(entry: Entry, progress: Progress) -> str:
    """Why it is where it is; of a job that runs, how far it is."""
    if entry.reason is not None:
        return shown(entry.reason)
    return shown((progress(entry) or "") if entry.state == State.RUNNING else "")


def _plain(name: str, text: Callable[[Any], str] = str) -> Column:
    """A column of an entry's own member."""

    def cell(entry: Entry, now: float, progress: Progress) -> str:
        value = getattr(entry, name)
        return "-" if value is None else text(value)

    return Column(name.upper(), cell, lambda entry, now, progress: getattr(entry, name))


def _made(head: str, make: Callable[[Entry, float, Progress], Any]) -> Column:
    """A column that is computed, and is the same in JSON."""
    return Column(head, lambda *facts: str(_or_dash(make(*facts))), make)


def _or_dash(value: Any) -> Any:
    return "-" if value is None else value


COLUMNS: dict[str, Column] = {
    "id": _plain("id"),
    "name": _plain("name", shown),
    "state": _plain("state"),
    "letter": _made("S", lambda entry, now, progress: LETTER[State(entry.state)]),
    "reason": Column(
        "REASON",
        lambda entry, now, progress: _reason(entry, progress),
        lambda entry, now, progress: entry.reason,
    ),
    "exit_code": _plain("exit_code"),
    "signal": _plain("signal"),
    "nb_proc": _plain("nb_proc"),
    "nb_gpu": _plain("nb_gpu"),
    "priority": _plain("priority"),
    "owner": _plain("owner", shown),
    "info": _plain("info", shown),
    "submitted": _plain("submitted", moment_text),
    "started": _plain("started", moment_text),
    "ended": _plain("ended", moment_text),
    "expected_start": _plain("expected_start", moment_text),
    "time": Column(
        "TIME",
        lambda entry, now, progress: time_of(entry, now),
        lambda entry, now, progress: duration(entry, now),
    ),
    "progress": _made("PROGRESS", lambda entry, now, progress: progress(entry)),
    "folder": _plain("folder", shown),
    "attempt": _plain("attempt"),
    "mem": _plain("mem", format_size),
    "walltime": _plain("walltime", format_duration),
    "cpu_seconds": _plain("cpu_seconds", format_duration),
    "peak_memory": _plain("peak_memory", format_size),
}
"""Every column by the name that ``--columns`` takes; also the member's name in JSON."""

USUAL = ("id", "state", "name", "nb_proc", "priority", "owner", "time", "reason")
NUMBERS = frozenset({"ID", "NB_PROC", "PRIORITY", "EXIT_CODE", "NB_GPU", "ATTEMPT"})
"""Heads of columns that are aligned to the right."""


def untold(entry: Entry) -> str | None:
    """For lists that do not look into logs."""
    return None


def table_rows(
    entries: Iterable[Entry],
    now: float,
    names: Sequence[str] = USUAL,
    progress: Progress = untold,
) -> list[tuple[str, ...]]:
    """The cells of each entry; ``now`` is in seconds since the epoch."""
    texts = [COLUMNS[name].text for name in names]
    return [tuple([text(entry, now, progress) for text in texts]) for entry in entries]


def objects(
    entries: Iterable[Entry], now: float, names: Sequence[str], progress: Progress = untold
) -> list[dict[str, Any]]:
    """The same as JSON has it: numbers are numbers, and what is not known is None."""
    values = [(name, COLUMNS[name].value) for name in names]
    return [{name: value(entry, now, progress) for name, value in values} for entry in entries]

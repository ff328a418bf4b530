"""``qm list``: which jobs, which columns, and the list that keeps itself up to date."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from qm.model import State
from qm.names import shown
from qm.times import utc_seconds
from qm.view.entries import Entry

HEADS = ("ID", "STATE", "NAME", "NB_PROC", "PRIORITY", "OWNER", "TIME", "REASON")
RECENT = 24 * 3600.0
"""Seconds after its end during which a job is listed without --all."""


def table_rows(entries: Sequence[Entry], now: float) -> list[tuple[str, ...]]:
    """The cells of each entry; ``now`` is in seconds since the epoch."""
    return [
        (
            "-" if entry.id is None else str(entry.id),
            entry.state,
            shown(entry.name),
            "-" if entry.nb_proc is None else str(entry.nb_proc),
            "-" if entry.priority is None else str(entry.priority),
            shown(entry.owner or "-"),
            time_of(entry, now),
            shown(entry.reason or ""),
        )
        for entry in entries
    ]


def time_of(entry: Entry, now: float) -> str:
    """How long it has waited, runs, or ran: ``7 s``, ``3:20``, ``1:02:03``, ``2-03:04:05``.

    A job that never ran has none once it has ended.
    """
    begin = entry.started
    if begin is None and entry.ended is None:
        begin = entry.submitted
    start, end = _seconds(begin), _seconds(entry.ended)
    if start is None or (entry.ended is not None and end is None):
        return "-"
    return clock((now if end is None else end) - start)


def _seconds(text: str | None) -> float | None:
    try:
        return None if text is None else utc_seconds(text)
    except ValueError:
        return None


def clock(seconds: float) -> str:
    """A duration in the width of a column; a negative one, after a clock was set, is 0."""
    whole = max(0, int(seconds))
    if whole < 60:
        return f"{whole} s"
    minutes, second = divmod(whole, 60)
    hours, minute = divmod(minutes, 60)
    if not hours:
        return f"{minute}:{second:02d}"
    days, hour = divmod(hours, 24)
    rest = f"{minute:02d}:{second:02d}"
    return f"{days}-{hour:02d}:{rest}" if days else f"{hour}:{rest}"


def summary(entries: Sequence[Entry]) -> str:
    """``2 running, 5 queued, 1 finished``; in the order of a job's life."""
    counts = [(state, sum(1 for e in entries if e.state == state)) for state in State]
    return ", ".join(f"{count} {state.lower()}" for state, count in counts if count)


def watch(load: Callable[[], Sequence[Entry]]) -> None:
    """Show the list on the whole terminal, and again each second until Ctrl-C."""
    from rich.console import Group
    from rich.live import Live
    from rich.text import Text

    from qm.cli.output import rich_table

    def picture() -> Group:
        now = time.time()
        entries = load()
        clock_now = time.strftime("%H:%M:%S", time.localtime(now))
        head = f"{clock_now}  {summary(entries) or 'no jobs'}  (Ctrl-C ends this)"
        return Group(Text(head), rich_table(HEADS, table_rows(entries, now)))

    try:
        with Live(picture(), screen=True, auto_refresh=False) as live:
            while True:
                time.sleep(1.0)
                live.update(picture(), refresh=True)
    except KeyboardInterrupt:
        return

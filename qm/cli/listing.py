"""``qm list``: what is asked for, how it is told, and the list that keeps itself up to date."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from qm.cli.columns import COLUMNS, USUAL, Progress, objects, table_rows, untold
from qm.cli.output import fitted_table, print_json, print_table, say, tell, wants_colours
from qm.cli.queue import Queue
from qm.folders.layout import Layout
from qm.model import State
from qm.view.entries import Entry, View
from qm.view.query import Query, has_wildcard, missing

RECENT = 24 * 3600.0
"""Seconds after its end during which a job is listed without --all or --since."""
BRIEF = 200
"""Lines of those that wait, and of those that have ended, in a list that nobody asked more of."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What ``qm list`` is to show, and how."""

    query: Query
    recent: bool
    """True if of those that have ended only the last day's are asked for, as usual."""
    columns: tuple[str, ...]
    """Names of columns; empty: the usual ones."""


def print_list(queue: Queue, view: View, wish: Wish, *, as_json: bool) -> int:
    """Print what was found; the exit code is 1 where a job that was named is not there."""
    now = time.time()
    progress = queue.progress() if "progress" in wish.columns or not as_json else untold
    if as_json:
        names = wish.columns
        found = objects(view.entries, now, names, progress) if names else None
        print_json([entry.as_json() for entry in view.entries] if found is None else found)
    elif view.entries:
        names = wish.columns or USUAL
        heads = [COLUMNS[name].head for name in names]
        print_table(heads, table_rows(view.entries, now, names, progress))
        _say_more(view, recent=wish.recent)
    return tell_missing(wish.query, view.entries)


def _say_more(view: View, *, recent: bool) -> None:
    if view.more_waiting:
        say(f"… and {view.more_waiting:,} more wait (qm list --all)")
    if view.more_ended:
        when = " within 24 hours" if recent else ""
        say(f"… and {view.more_ended:,} more ended{when} (qm list --all)")


def tell_missing(query: Query, entries: Sequence[Entry]) -> int:
    """Tell which of the jobs that were named are not there; returns the exit code."""
    from qm.names import shown

    if query.states or query.owners or query.names or query.until or query.limit is not None:
        # What was named may be there, and left out by another condition.
        return 0 if entries or not query.targets else 1
    absent = missing(query, entries)
    for target in absent:
        tell(f"qm: there is no job {shown(target)}")
    nothing = not entries and any(map(has_wildcard, query.targets))
    if nothing and not absent:
        tell("qm: there is no job of such a name")
    return 1 if absent or nothing else 0


def nothing(query: Query, *, recent: bool) -> str:
    """A sentence for an empty list."""
    if query.is_for_all or query == Query(brief=query.brief):
        return "Nothing waits or runs" + (", or ended within 24 hours." if recent else ".")
    return "No job is like that" + (" and ended within 24 hours." if recent else ".")


def progress_in(layout: Layout) -> Progress:
    """What a running job's log says of its progress; its end is read when asked."""
    from qm.view.joblog import read_end

    def told(entry: Entry) -> str | None:
        from qm.progress import read_progress

        if entry.state != State.RUNNING:
            return None
        end = read_end(layout, entry, _LOOK)
        found = None if end is None else read_progress(end)
        if found is None:
            return None
        return progress_text(found.fraction, found.text)

    return told


def progress_text(fraction: float, text: str) -> str:
    """``62 % (198 / 320)``; ``text`` is what the job says itself."""
    return text if "%" in text else f"{100 * fraction:.0f} % ({text})"


_LOOK = 4096
"""Bytes at the end of a log in which a list looks for progress."""


def summary(entries: Sequence[Entry]) -> str:
    """``2 running, 5 queued, 1 finished``; in the order of a job's life."""
    counts = [(state, sum(1 for e in entries if e.state == state)) for state in State]
    return ", ".join(f"{count} {state.lower()}" for state, count in counts if count)


def watch(load: Callable[[], View], queue: Queue, columns: tuple[str, ...]) -> None:
    """Show the list on the whole terminal, and again each second until Ctrl-C."""
    from rich.console import Console, Group
    from rich.live import Live
    from rich.text import Text

    names = columns or USUAL
    heads = [COLUMNS[name].head for name in names]
    progress = queue.progress()
    console = Console(no_color=not wants_colours())

    def picture() -> Group:
        now, view = time.time(), load()
        at = time.strftime("%H:%M:%S", time.localtime(now))
        head = f"{at}  {summary(view.entries) or 'no jobs'}  (Ctrl-C ends this)"
        rows = table_rows(view.entries[: console.height], now, names, progress)
        lines = fitted_table(heads, rows, console.width, colours=wants_colours())
        return Group(Text(head), *map(Text.from_ansi, lines))

    try:
        with Live(picture(), screen=True, auto_refresh=False, console=console) as live:
            while True:
                time.sleep(1.0)
                live.update(picture(), refresh=True)
    except KeyboardInterrupt:
        return


def is_terminal() -> bool:
    """True if a person reads stdout."""
    return sys.stdout.isatty()

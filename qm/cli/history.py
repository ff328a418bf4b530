"""The commands that look back: history and stats."""

from __future__ import annotations

import time
from itertools import islice
from typing import TYPE_CHECKING, Any

import click

from qm.cli.output import print_json, print_table, say, tell
from qm.cli.session import Session
from qm.cli.span import moment_option

if TYPE_CHECKING:
    from qm.view.statistics import Figures, Statistics

_COLUMNS = ("ended", "id", "attempt", "state", "name", "nb_proc", "owner", "time", "reason")
_BRIEF = 200
"""Lines on a terminal, where nobody asked for more."""
_NO_FOLDER = frozenset({"folder", "mem", "walltime", "expected_start"})
"""Members of a job's JSON that the history does not keep."""


@click.command()
@click.argument("jobs", metavar="[JOB]...", nargs=-1)
@click.option(
    "--since", metavar="TIME", callback=moment_option, help="Ended since then: 2h, 7d, a date."
)
@click.option("--until", metavar="TIME", callback=moment_option, help="Ended before then.")
@click.option(
    "--state", "states", metavar="STATE,...", multiple=True, help="Ended in these states."
)
@click.option("--owner", "owners", metavar="NAME", multiple=True, help="Of this owner; or `me`.")
@click.option(
    "--name", "names", metavar="PATTERN", multiple=True, help="Jobs of such names: 'run-*'."
)
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="At most N attempts.")
@click.option("--columns", metavar="NAME,...", help="Which columns, as in `qm list`.")
@click.option("--json", "as_json", is_flag=True, help="A JSON list, for programs.")
@click.pass_obj
def history(session: Session, /, as_json: bool, columns: str | None, **wishes: Any) -> int:
    """List the attempts that have ended, the last one first.

    Also those of jobs whose folders are gone. A job that was tried again has a
    line for each of its attempts. JOB is an id or a name.
    """
    from qm.cli.columns import COLUMNS, objects, table_rows
    from qm.cli.listing import is_terminal
    from qm.cli.wishing import columns_of, query_of
    from qm.view.attempts import newest_first
    from qm.view.query import matcher

    query = query_of({**wishes, "sort": "id", "reverse": False}, brief=None)
    names = columns_of(columns)
    is_short = is_terminal() and not as_json and wishes["limit"] is None
    limit = _BRIEF if is_short else wishes["limit"]
    path = session.layout.history_file
    found = newest_first(path, wishes["since"], matcher(query))
    entries = list(islice(found, limit))
    now = time.time()
    if as_json:
        whole = [
            {name: value for name, value in entry.as_json().items() if name not in _NO_FOLDER}
            for entry in entries
        ]
        print_json(objects(entries, now, names) if names else whole)
        return 0
    if not entries:
        tell("Nothing like that has ended." if _asks(wishes) else "Nothing has ended yet.")
        return 0
    names = names or _COLUMNS
    print_table([COLUMNS[name].head for name in names], table_rows(entries, now, names))
    if is_short and next(found, None) is not None:
        say("… and earlier ones (qm history --limit N)")
    return 0


def _asks(wishes: dict[str, Any]) -> bool:
    return any(value for name, value in wishes.items() if name != "limit")


def _groups(ctx: click.Context, parameter: click.Parameter, text: str) -> tuple[str, ...]:
    from qm.view.statistics import GROUPS

    names = tuple(dict.fromkeys(name.strip().lower() for name in text.split(",")))
    for name in names:
        if name not in GROUPS:
            known = ", ".join(GROUPS)
            raise click.BadParameter(f"{name!r} is not one of {known}, or several with commas")
    return names


@click.command()
@click.option(
    "--by",
    default="owner,month",
    show_default=True,
    callback=_groups,
    metavar="owner,month,name",
    help="What makes a group: one of these, or several.",
)
@click.option(
    "--since", metavar="TIME", callback=moment_option, help="Ended since then: 7d, a date."
)
@click.option("--json", "as_json", is_flag=True, help="A JSON object, for programs.")
@click.pass_obj
def stats(session: Session, /, by: tuple[str, ...], since: str | None, as_json: bool) -> int:
    """Count jobs, how they ended, and what they used.

    Processor hours count the processors that a job had while it ran, over all of
    its attempts; cpu hours what its processes computed. WAIT is the time from
    submission to the first start, RUN that of the attempt that decided.
    """
    from qm.view.attempts import lines
    from qm.view.statistics import statistics_of

    found = statistics_of(lines(session.layout.history_file, since), by)
    if as_json:
        print_json(_object(found, by))
    elif not found.total.jobs:
        tell("Nothing has ended yet." if since is None else "Nothing has ended since then.")
    else:
        _print_stats(found, by)
    return 0


_FIGURES = {
    "JOBS": "jobs",
    "FINISHED": "finished",
    "FAILED": "failed",
    "KILLED": "killed",
    "LOST": "lost",
    "OTHER": "other",
    "PROC_HOURS": "processor_hours",
    "CPU_HOURS": "cpu_hours",
    "WAIT_MEAN": "wait_mean",
    "WAIT_MEDIAN": "wait_median",
    "RUN_MEAN": "run_mean",
    "RUN_MEDIAN": "run_median",
}


def _print_stats(found: Statistics, by: tuple[str, ...]) -> None:
    from qm.names import shown

    rows = [(*map(shown, group.key), *_cells(group)) for group in found.groups]
    if len(rows) > 1:
        rows.append(("total", *[""] * (len(by) - 1), *_cells(found.total)))
    print_table([*map(str.upper, by), *_FIGURES], rows)


def _cells(figures: Figures) -> list[str]:
    return [_cell(member, getattr(figures, member)) for member in _FIGURES.values()]


def _cell(member: str, value: float | None) -> str:
    from qm.cli.columns import clock

    if value is None:
        return "-"
    if member.endswith("_hours"):
        return f"{value:.2f}"
    return clock(value) if member.startswith(("wait", "run")) else str(value)


def _object(found: Statistics, by: tuple[str, ...]) -> dict[str, Any]:
    return {
        "by": list(by),
        "groups": [
            {**dict(zip(by, group.key, strict=True)), **_members(group)} for group in found.groups
        ],
        "total": _members(found.total),
    }


def _members(figures: Figures) -> dict[str, Any]:
    return {member: getattr(figures, member) for member in _FIGURES.values()}

"""``qm clean``: processes that ended jobs left behind."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

import click

from qm.cli.output import print_json, print_table, say, tell
from qm.cli.session import Session

if TYPE_CHECKING:
    from qm.cleaning import Leftover

_HEADS = ("PID", "JOB", "SINCE", "COMMAND")


@click.command()
@click.option("--force", is_flag=True, help="End them.")
@click.option(
    "--grace",
    type=click.FloatRange(0, 86400),
    metavar="SECONDS",
    help="How long they may take to end by themselves; by default Kill_grace, 10 s.",
)
@click.option("--json", "as_json", is_flag=True, help="A JSON list, for programs.")
@click.pass_obj
def clean(session: Session, force: bool, grace: float | None, as_json: bool) -> int:
    """Show processes that ended jobs left behind.

    They are known by the token that QM gave their job, never by their name.
    Running jobs are not touched, nor are those of another QM_FOLDER. Exit code 1:
    some could not be ended.
    """
    from qm.cleaning import end_leftovers, find_leftovers

    found = find_leftovers(session.layout)
    if not force:
        _show(found, as_json)
        return 0
    patience = session.config.kill_grace if grace is None else grace
    alive = end_leftovers(found, patience) if found else []
    if as_json:
        print_json([_json_of(one, ended=one.pid not in alive) for one in found])
    else:
        _say_ended(found, alive)
    return 1 if alive else 0


def _show(found: Sequence[Leftover], as_json: bool) -> None:
    if as_json:
        print_json([_json_of(one, ended=False) for one in found])
    elif found:
        print_table(_HEADS, [_cells(one) for one in found])
        tell("`qm clean --force` ends them.")
    else:
        tell("No process of an ended job is left.")


def _say_ended(found: Sequence[Leftover], alive: Collection[int]) -> None:
    if not found:
        tell("No process of an ended job is left.")
    for one in found:
        if one.pid not in alive:
            say(f"Ended process {one.pid} of {_job(one)}")
    for pid in alive:
        tell(f"qm: process {pid} cannot be ended")


def _job(one: Leftover) -> str:
    from qm.cli.sentences import job_text

    return job_text(one.job_id, one.job_name)


def _cells(one: Leftover) -> tuple[str, ...]:
    from qm.names import shown
    from qm.times import local_text

    return str(one.pid), _job(one), local_text(one.started), shown(one.command)


def _json_of(one: Leftover, *, ended: bool) -> dict[str, Any]:
    from qm.times import utc_text
    from qm.view.entries import plain

    return {
        "pid": one.pid,
        "command": plain(one.command),
        "started": utc_text(one.started),
        "job": one.job_id,
        "name": plain(one.job_name),
        "ended": ended,
    }

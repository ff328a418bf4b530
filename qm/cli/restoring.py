"""``qm restore``: removed jobs back from the trash, and what lies there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from qm.cli.asking import ask_each, who
from qm.cli.output import print_json, print_table, tell
from qm.cli.session import Session

if TYPE_CHECKING:
    from qm.trash import Trashed

_HEADS = ("ID", "STATE", "NAME", "REMOVED")


@click.command()
@click.argument("jobs", metavar="JOB...", nargs=-1)
@click.option("--list", "listing", is_flag=True, help="Show what lies in the trash.")
@click.option("--json", "as_json", is_flag=True, help="A JSON list, for programs.")
@click.pass_obj
def restore(session: Session, jobs: Sequence[str], listing: bool, as_json: bool) -> int:
    """Take removed jobs out of the trash.

    Each goes back where it was, as it was. JOB is an id, or the name that it has
    or had; of several jobs of one name, the id says which.
    """
    if listing:
        if jobs:
            raise click.UsageError("--list shows everything: name no JOB beside it.")
        _list(session, as_json)
        return 0
    if not jobs:
        raise click.UsageError("Missing argument 'JOB...'. `qm restore --list` shows which.")
    return ask_each(session, "restore", jobs, _restored, as_json=as_json)


def _restored(answer: dict[str, Any]) -> str:
    return f"Restored {who(answer)} to {answer['place']}"


def _list(session: Session, as_json: bool) -> None:
    from qm.trash import list_trash

    found = list_trash(session.layout.trash)
    if as_json:
        print_json([_json_of(item) for item in found])
    elif found:
        print_table(_HEADS, [_cells(item) for item in found])
    else:
        tell("The trash is empty.")


def _json_of(item: Trashed) -> dict[str, Any]:
    from qm.times import utc_text
    from qm.view.entries import plain

    return {
        "id": item.id,
        "name": plain(item.name),
        "state": item.state,
        "place": item.place,
        "removed": utc_text(item.removed),
    }


def _cells(item: Trashed) -> tuple[str, ...]:
    from qm.names import shown
    from qm.times import local_text

    return (
        "-" if item.id is None else str(item.id),
        "-" if item.state is None else item.state,
        shown(item.name),
        local_text(item.removed),
    )

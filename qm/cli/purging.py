"""``qm purge``: many ended jobs into the trash; with --trash the trash is emptied."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from qm.cli.asking import PATIENCE
from qm.cli.output import print_json, say, tell
from qm.cli.selecting import ENDED, Selection, select, selection_options
from qm.cli.session import Session

if TYPE_CHECKING:
    from qm.cli.weighing import Item
    from qm.view import Entry

_BATCH = 50
"""Jobs of one request: so many renames are quick, and a request that fails is soon told."""


def _age(ctx: click.Context, parameter: click.Parameter, text: str | None) -> float | None:
    from qm.quantities import parse_duration

    try:
        return None if text is None else parse_duration(text)
    except ValueError as error:
        raise click.BadParameter(f"{text!r}: expected {error}") from None


@click.command()
@click.option(
    "--older-than",
    metavar="TIME",
    callback=_age,
    help="What ended (with --trash: was removed) longer ago than that, as in 30d.",
)
@click.option("--trash", is_flag=True, help="Delete what lies in the trash, for good.")
@click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing.")
@selection_options
@click.option("--json", "as_json", is_flag=True, help="A JSON object, for programs.")
@click.pass_obj
def purge(
    session: Session,
    older_than: float | None,
    trash: bool,
    dry_run: bool,
    selection: Selection,
    as_json: bool,
) -> int:
    """Move many ended jobs to the trash, or empty it.

    Jobs are chosen by --older-than, --state, --owner and --name, or --all. Only
    with --trash is something deleted for good; that works without a running QM.
    """
    until = time.time() - (older_than or 0.0)
    if trash:
        if selection.given:
            raise click.UsageError("--trash goes with --older-than, --dry-run and --yes only.")
        from qm.cli.emptying import empty

        return empty(
            session.layout.trash, until, dry_run=dry_run, yes=selection.yes, as_json=as_json
        )
    if older_than is None and not selection.given:
        raise click.UsageError("Say which jobs: --older-than 30d, --state, --owner, --name, --all.")
    if selection.states - ENDED:
        raise click.UsageError("Only jobs that have ended are purged; `qm kill` ends them.")
    return _purge_jobs(session, selection, until, dry_run, as_json)


def _purge_jobs(
    session: Session, selection: Selection, until: float, dry_run: bool, as_json: bool
) -> int:
    from qm.cli.weighing import agreed, as_object, total
    from qm.control.managerlock import manager_runs
    from qm.errors import NotRunning
    from qm.times import utc_text

    if not dry_run and not manager_runs(session.layout):
        text = f"no QM runs on {session.layout.root}"
        raise NotRunning(text, "`qm serve` starts one; then ask again.")
    # Of one form, UTC times compare as text does.
    latest = utc_text(until)
    found = [
        entry
        for entry in select(session, selection, ENDED)
        if entry.ended is not None and entry.place is not None and entry.ended <= latest
    ]
    items = _weighed(session, found)
    question = f"Move {total(items)} to the trash?"
    if not agreed(items, question, dry_run=dry_run, yes=selection.yes, as_json=as_json):
        return 0
    gone = _remove(session, items)
    if as_json:
        print_json(as_object(gone, done=True))
    else:
        say(f"Moved {total(gone)} to the trash; `qm purge --trash` deletes for good")
    return 0 if len(gone) == len(items) else 1


def _weighed(session: Session, found: Sequence[Entry]) -> list[Item]:
    from qm.cli.meter import meter
    from qm.cli.weighing import Item
    from qm.trash import size_of
    from qm.view import locate

    items = []
    with meter("Looking at their sizes", len(found)) as step:
        for entry in found:
            path = locate(session.layout, entry)
            size = 0 if path is None else size_of(path)
            items.append(Item(entry.id, entry.name, entry.label, size))
            step(1)
    return items


def _remove(session: Session, items: Sequence[Item]) -> list[Item]:
    """Ask for them in batches; returns those that lie in the trash now."""
    from qm.cli.meter import meter
    from qm.control.client import ask
    from qm.errors import NotRunning, QMError

    gone: list[Item] = []
    with meter("Moving to the trash", len(items)) as step:
        for start in range(0, len(items), _BATCH):
            batch = items[start : start + _BATCH]
            try:
                ids = tuple(str(item.id) for item in batch)
                ask(session.layout, "rm", ids, timeout=PATIENCE)
                gone += batch
            except NotRunning:
                raise
            except QMError:
                # One of them was just removed or queued again: the others go all the same.
                gone += _remove_singly(session, batch)
            step(len(batch))
    return gone


def _remove_singly(session: Session, batch: Sequence[Item]) -> list[Item]:
    from qm.control.client import ask
    from qm.errors import NotRunning, QMError
    from qm.trash import list_trash

    # The request for all of them may have come as far as some before it stopped.
    before = {one.id for one in list_trash(session.layout.trash)}
    gone = []
    for item in batch:
        if item.id not in before:
            try:
                ask(session.layout, "rm", (str(item.id),), timeout=PATIENCE)
            except NotRunning:
                raise
            except QMError as error:
                tell(f"qm: {error}")
                continue
        gone.append(item)
    return gone

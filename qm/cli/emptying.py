"""``qm purge --trash``: what lies in the trash is deleted for good. Nothing else deletes."""

from __future__ import annotations

import os
from collections.abc import Sequence

from qm.cli.meter import meter
from qm.cli.output import print_json, say, tell
from qm.cli.weighing import Item, agreed, as_object, total
from qm.names import shown
from qm.trash import Trashed, delete_for_good, delete_leftovers, leftovers, list_trash, size_of


def empty(trash: str, until: float, *, dry_run: bool, yes: bool, as_json: bool) -> int:
    """Delete what was removed until this time, in seconds since the epoch; returns the exit code.

    What a crash left half deleted goes with it. QMError where a person does not agree.
    """
    found = [item for item in list_trash(trash) if item.removed <= until]
    items = _weighed(trash, found, leftovers(trash))
    question = f"Delete {total(items)} in the trash for good?"
    if not agreed(items, question, dry_run=dry_run, yes=yes, as_json=as_json):
        return 0
    deleted, code = _delete(trash, found, items)
    if as_json:
        print_json(as_object(deleted, done=True))
    else:
        say(f"Deleted {total(deleted)} for good")
    return code


def _weighed(trash: str, found: Sequence[Trashed], halves: Sequence[str]) -> list[Item]:
    items = []
    with meter("Looking at their sizes", len(found) + len(halves)) as step:
        for one in found:
            size = size_of(os.path.join(trash, one.folder))
            items.append(Item(one.id, one.name, one.label, size))
            step(1)
        for path in halves:
            items.append(Item(None, "", "a job whose deletion was cut short", size_of(path)))
            step(1)
    return items


def _delete(trash: str, found: Sequence[Trashed], items: Sequence[Item]) -> tuple[list[Item], int]:
    """Returns what is gone now, and the exit code."""
    deleted: list[Item] = []
    code = 0
    with meter("Deleting", len(items)) as step:
        for one, item in zip(found, items, strict=False):
            try:
                if delete_for_good(trash, one):
                    deleted.append(item)
            except OSError as error:
                code = _complain(item.label, error)
            step(1)
    try:
        delete_leftovers(trash)
        deleted += items[len(found) :]
    except OSError as error:
        code = code or _complain("what an earlier deletion left", error)
    return deleted, code


def _complain(what: str, error: OSError) -> int:
    where = f" ({shown(os.fsdecode(error.filename))})" if error.filename else ""
    tell(f"qm: {what} cannot be deleted: {error.strerror}{where}")
    return 1

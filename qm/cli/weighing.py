"""What a purge is about to take away: shown with its size, and confirmed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from qm.cli.output import print_json, say, tell
from qm.cli.selecting import ask_person

_SHOWN = 10


@dataclass(frozen=True, slots=True)
class Item:
    """Something that is to go."""

    id: int | None
    name: str
    label: str
    size: int
    """Bytes."""

    def __str__(self) -> str:
        from qm.quantities import format_size

        return f"{self.label}, {format_size(self.size)}"


def total(items: Sequence[Item]) -> str:
    """``12 jobs (3 GiB)``."""
    from qm.quantities import format_size

    noun = "job" if len(items) == 1 else "jobs"
    return f"{len(items)} {noun} ({format_size(sum(item.size for item in items))})"


def as_object(items: Sequence[Item], *, done: bool) -> dict[str, Any]:
    """The object of ``qm purge --json``; ``done`` is false where nothing was changed."""
    from qm.view.entries import plain

    jobs = [{"id": item.id, "name": plain(item.name), "bytes": item.size} for item in items]
    return {"jobs": jobs, "bytes": sum(item.size for item in items), "done": done}


def agreed(
    items: Sequence[Item], question: str, *, dry_run: bool, yes: bool, as_json: bool
) -> bool:
    """Say what is meant and have it confirmed; False where nothing is to be done.

    Raises QMError where the person says no, or cannot be asked.
    """
    if as_json and (dry_run or not items):
        print_json(as_object(items, done=False))
        return False
    if not items:
        tell("There is nothing to purge.")
        return False
    if dry_run:
        for item in items:
            say(str(item))
        say(f"That is {total(items)}; nothing was done")
        return False
    if not yes:
        for item in items[:_SHOWN]:
            tell(f"  {item}")
        if len(items) > _SHOWN:
            tell(f"  … and {len(items) - _SHOWN} more")
        ask_person(question)
    return True

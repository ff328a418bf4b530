"""What the options of ``qm list`` and its like ask for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import click

from qm.cli.columns import COLUMNS
from qm.cli.selecting import read_states
from qm.view import Query, target_of
from qm.view.entries import plain


def query_of(wishes: Mapping[str, Any], *, brief: int | None) -> Query:
    """The query of the values that click has read; ``brief`` is for a list without wishes."""
    query = Query(
        states=frozenset(str(s) for text in wishes["states"] for s in read_states(text)),
        owners=owners_of(wishes["owners"]),
        names=tuple(wishes["names"]),
        targets=tuple(plain(target_of(job)) for job in wishes["jobs"]),
        until=wishes["until"],
        sort=wishes["sort"],
        reverse=wishes["reverse"],
        limit=wishes["limit"],
    )
    is_usual = query == Query() and wishes["since"] is None
    return Query(brief=brief) if is_usual else query


def owners_of(names: Sequence[str]) -> tuple[str, ...]:
    """The owners that are meant; ``me`` is the person who asks."""
    if "me" not in names:
        return tuple(names)
    from qm.control.client import who_asks

    return tuple(who_asks() if name == "me" else name for name in names)


def columns_of(text: str | None) -> tuple[str, ...]:
    """The columns in ``a,b,c``; click.BadParameter for an unknown one, which lists all."""
    if text is None:
        return ()
    names = tuple(name.strip().lower().replace("-", "_") for name in text.split(","))
    for name in names:
        if name not in COLUMNS:
            known = ", ".join(COLUMNS)
            raise click.BadParameter(f"{name!r} is no column; the columns are {known}")
    return names

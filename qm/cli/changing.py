"""The commands that change what jobs ask for: set and priority."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import click

from qm.cli.asking import ask_each, who
from qm.cli.selecting import Selection, chosen, selection_options
from qm.cli.session import Session
from qm.model import WAITING_STATES

_NOTHING = "none"


@click.command("set")
@click.argument("words", metavar="JOB... KEY=VALUE...", nargs=-1)
@selection_options
@click.option("--json", "as_json", is_flag=True, help="A JSON list, for programs.")
@click.pass_obj
def set_keys(session: Session, words: Sequence[str], selection: Selection, as_json: bool) -> int:
    """Change what waiting jobs ask for.

    KEY is one of the keys of the info file: `qm set 7 8 priority=5 walltime=2h`.
    The file stays as it is; an empty value (`priority=`) takes a change back.
    The jobs come first: call one whose name has a = in it by its id.
    """
    jobs, pairs = _split(words)
    if not pairs:
        raise click.UsageError("Say what to change: KEY=VALUE, as in priority=5.")
    return _change(session, jobs, selection, _changes(pairs), as_json)


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("words", metavar="JOB... VALUE", nargs=-1)
@selection_options
@click.option("--json", "as_json", is_flag=True, help="A JSON list, for programs.")
@click.pass_obj
def priority(session: Session, words: Sequence[str], selection: Selection, as_json: bool) -> int:
    """Give waiting jobs another priority.

    Higher ones start earlier; 0 is the usual one, and less than 0 is legal.
    """
    if not words:
        raise click.UsageError("Missing argument 'VALUE'.")
    *jobs, value = words
    if value.startswith("-") and not value[1:].isdecimal():
        raise click.NoSuchOption(value)
    return _change(session, jobs, selection, {"priority": value}, as_json)


def _split(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """Jobs, and behind them the pairs."""
    first = next((n for n, word in enumerate(words) if "=" in word), len(words))
    jobs, pairs = list(words[:first]), list(words[first:])
    for word in pairs:
        if "=" not in word:
            raise click.UsageError(f"{word!r} stands behind KEY=VALUE: name the jobs first.")
    return jobs, pairs


def _changes(pairs: Sequence[str]) -> Mapping[str, str]:
    """Keys as the table has them, with their texts; InfoError for an unknown key."""
    from qm.jobinfo.changes import normalised

    changes: dict[str, str] = {}
    for pair in pairs:
        name, _, text = pair.partition("=")
        for key, value in normalised({name: text}).items():
            if key in changes:
                raise click.UsageError(f"{key} is given twice.")
            changes[key] = value
    return changes


def _change(
    session: Session,
    jobs: Sequence[str],
    selection: Selection,
    changes: Mapping[str, str],
    as_json: bool,
) -> int:
    meant = chosen(session, jobs, selection, "change", WAITING_STATES)
    return ask_each(
        session, "set", meant, _changed, as_json=as_json, data={"changes": dict(changes)}
    )


def _changed(answer: dict[str, Any]) -> str:
    from qm.names import shown

    changed = ", ".join(
        f"{key} {shown(str(old)) or _NOTHING} -> {shown(str(new)) or _NOTHING}"
        for key, (old, new) in answer["changed"].items()
    )
    return f"Changed {who(answer)}: {changed or 'it is so already'}"

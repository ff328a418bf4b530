"""The commands that steer what runs and how much: suspend, resume, drain, limit."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from typing import Any

import click

from qm.cli.asking import PATIENCE, ask_each, who
from qm.cli.output import print_json, print_pairs, say
from qm.cli.selecting import Selection, chosen, selection_options
from qm.cli.session import Session
from qm.model import State

_LIMITS = ("processors", "memory")
_AS_CONFIGURED = "default"


@click.command()
@click.argument("jobs", metavar="JOB...", nargs=-1)
@selection_options
@click.option("--json", "as_json", is_flag=True, help="A JSON list, for programs.")
@click.pass_obj
def suspend(session: Session, jobs: Sequence[str], selection: Selection, as_json: bool) -> int:
    """Let running jobs pause.

    All of their processes stand still until `qm resume`; they keep what memory
    they have.
    """
    meant = chosen(session, jobs, selection, "suspend", frozenset({State.RUNNING}))
    return ask_each(session, "suspend", meant, lambda a: f"Suspended {who(a)}", as_json=as_json)


@click.command()
@click.argument("jobs", metavar="JOB...", nargs=-1)
@selection_options
@click.option("--json", "as_json", is_flag=True, help="A JSON list, for programs.")
@click.pass_obj
def resume(session: Session, jobs: Sequence[str], selection: Selection, as_json: bool) -> int:
    """Let suspended jobs go on."""
    meant = chosen(session, jobs, selection, "resume", frozenset({State.SUSPENDED}))
    return ask_each(session, "resume", meant, lambda a: f"Resumed {who(a)}", as_json=as_json)


@click.command()
@click.argument("word", metavar="[on|off]", required=False, type=click.Choice(("on", "off")))
@click.option("--json", "as_json", is_flag=True, help="A JSON object, for programs.")
@click.pass_obj
def drain(session: Session, word: str | None, as_json: bool) -> None:
    """Start nothing new, until told otherwise.

    What runs goes on to its end. Without a word: say whether it is so.
    """
    data = {} if word is None else {"on": word == "on"}
    answer = session.queue.ask("drain", "", timeout=PATIENCE, data=data)
    if as_json:
        print_json(answer)
    else:
        say(drain_sentence(answer))


def drain_sentence(answer: Mapping[str, Any]) -> str:
    """Whether anything is started, since when not, and by whose word."""
    from qm.names import shown

    if not answer["drain"]:
        return "Drain is off: jobs are started"
    since = f", since {_local(answer['since'])}" if answer.get("since") else ""
    by = f", by {shown(answer['who'])}" if answer.get("who") else ""
    return f"Drain is on{since}{by}: nothing is started; `qm drain off` ends it"


def _local(moment: str) -> str:
    from qm.times import local_text, utc_seconds

    try:
        return local_text(utc_seconds(moment))
    except ValueError:
        return moment


@click.command()
@click.argument("words", metavar="[processors=N] [memory=SIZE]", nargs=-1)
@click.option("--json", "as_json", is_flag=True, help="A JSON object, for programs.")
@click.pass_obj
def limit(session: Session, words: Sequence[str], as_json: bool) -> None:
    """Change how much QM uses in all.

    It is kept over a restart; `default` as value goes back to the configuration.
    What runs already goes on. Without a word: say what the limits are.
    """
    from qm.control.client import ask

    answer = ask(session.layout, "limit", (), timeout=PATIENCE, data=_wanted(words))
    if as_json:
        print_json(answer)
    else:
        print_pairs(limit_pairs(answer))


def _wanted(words: Sequence[str]) -> dict[str, int | None]:
    """The limits that are to change; click.UsageError for what cannot be meant."""
    wanted: dict[str, int | None] = {}
    for word in words:
        name, equals, text = (part.strip() for part in word.partition("="))
        if name not in _LIMITS or not equals:
            meant = difflib.get_close_matches(name, _LIMITS, n=1) or ["processors"]
            raise click.UsageError(f"{word!r} is no limit: say {meant[0]}=... (or default).")
        if name in wanted:
            raise click.UsageError(f"{name} is given twice.")
        wanted[name] = None if text.lower() == _AS_CONFIGURED else _number(name, text)
    return wanted


def _number(name: str, text: str) -> int:
    from qm.quantities import parse_size

    if name == "memory":
        try:
            size = parse_size(text)
        except ValueError as error:
            raise click.UsageError(f"memory={text}: expected {error}, or default.") from None
        if size > 0:
            return size
    elif text.isascii() and text.isdecimal() and 0 < int(text) < 1 << 31:
        return int(text)
    raise click.UsageError(
        f"{name}={text}: expected more than 0, or default. `qm drain on` starts nothing at all."
    )


def limit_pairs(answer: Mapping[str, Any]) -> dict[str, str]:
    """The limits for a person, with the configuration where that says something else."""
    pairs = {}
    for name in _LIMITS:
        now, configured = answer[name], answer["configured"][name]
        beside = "as configured" if now == configured else f"configured: {_text(name, configured)}"
        pairs[name] = f"{_text(name, now)} ({beside})"
    return pairs


def _text(name: str, value: int | None) -> str:
    from qm.quantities import format_size

    if value is None:
        return "no limit"
    return format_size(value) if name == "memory" else str(value)

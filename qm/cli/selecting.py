"""Which jobs a command is for: named one by one, or by state, owner and name."""

from __future__ import annotations

import functools
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from qm.cli.output import tell
from qm.model import ACTIVE_STATES, END_STATES, LETTER, WAITING_STATES, State

if TYPE_CHECKING:
    from qm.cli.session import Session
    from qm.view import Entry, Query

_SHOWN = 10
_BY_LETTER = {letter: state for state, letter in LETTER.items()}

OPEN = WAITING_STATES | ACTIVE_STATES
ENDED = END_STATES


@dataclass(frozen=True, slots=True)
class Selection:
    """What the options say about which jobs are meant."""

    everything: bool = False
    states: frozenset[State] = frozenset()
    owners: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    """Names, or patterns with ``*``, ``?`` and ``[abc]``."""
    yes: bool = False
    """The confirmation, given in advance."""

    @property
    def given(self) -> bool:
        """True if the options choose jobs."""
        return self.everything or bool(self.states or self.owners or self.names)

    def query(self, possible: frozenset[State]) -> Query:
        """What is meant among the jobs in the ``possible`` states."""
        from qm.cli.wishing import owners_of
        from qm.view import Query

        states = self.states & possible if self.states else possible
        return Query(
            states=frozenset(str(state) for state in states),
            owners=owners_of(self.owners),
            names=self.names,
        )


def selection_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options; it gets ``selection``, a :class:`Selection`."""

    @functools.wraps(command)
    def packed(*arguments: Any, **values: Any) -> Any:
        selection = Selection(
            everything=values.pop("everything"),
            states=values.pop("states"),
            owners=values.pop("owners"),
            names=values.pop("names"),
            yes=values.pop("yes"),
        )
        return command(*arguments, selection=selection, **values)

    with_options: Callable[..., Any] = packed
    for option in reversed(_OPTIONS):
        with_options = option(with_options)
    return with_options


def read_states(text: str) -> frozenset[State]:
    """States by name or letter, separated by commas; click.BadParameter for another word."""
    found = set()
    for word in (word.strip().upper() for word in text.split(",")):
        state = _BY_LETTER.get(word) or (State(word) if word in set(State) else None)
        if state is None:
            known = ", ".join(State)
            raise click.BadParameter(f"{word!r} is not a state; the states are {known}")
        found.add(state)
    return frozenset(found)


def _states_option(
    ctx: click.Context, parameter: click.Parameter, texts: Sequence[str]
) -> frozenset[State]:
    return frozenset(state for text in texts for state in read_states(text))


_OPTIONS = (
    click.option("--all", "everything", is_flag=True, help="All jobs that this can be done to."),
    click.option(
        "--state",
        "states",
        metavar="STATE,...",
        multiple=True,
        callback=_states_option,
        help="Jobs in these states.",
    ),
    click.option(
        "--owner", "owners", metavar="NAME", multiple=True, help="Jobs of this owner; `me` is you."
    ),
    click.option(
        "--name", "names", metavar="PATTERN", multiple=True, help="Jobs of such names: 'run-*'."
    ),
    click.option("-y", "--yes", is_flag=True, help="Do not ask, even if several jobs are chosen."),
)


def chosen(
    session: Session,
    named: Sequence[str],
    selection: Selection,
    verb: str,
    states: frozenset[State],
) -> Sequence[str]:
    """The jobs that are meant: ``named``, else the ids of those that are chosen by options.

    ``verb`` (as in "kill") can be done to jobs in ``states``. Several that are
    chosen by options are confirmed by the person first. Raises click.UsageError
    for a contradiction, QMError where the person says no or cannot be asked.
    """
    if named and selection.given:
        raise click.UsageError("Name jobs, or choose them by options; not both.")
    if named:
        return named
    if not selection.given:
        raise click.UsageError(
            "Missing argument 'JOB...'. Jobs can also be chosen"
            " by --all, --state, --owner or --name."
        )
    impossible = selection.states - states
    if impossible:
        possible = ", ".join(state for state in State if state in states)
        raise click.UsageError(
            f"{verb} is for jobs that are {possible}; not {', '.join(sorted(impossible))}."
        )
    found = select(session, selection, states)
    if not found:
        tell(f"qm: there is no job to {verb}")
    if len(found) > 1:
        confirm(f"{verb.capitalize()} these {len(found)} jobs?", found, yes=selection.yes)
    return [str(entry.id) for entry in _in_order(found)]


def select(session: Session, selection: Selection, states: frozenset[State]) -> tuple[Entry, ...]:
    """The jobs in ``states`` that the options choose; all of these, where they choose none."""
    from qm.times import utc_text

    # The history is long: it is read only where it may be meant.
    since = None if states & END_STATES else utc_text(time.time())
    return session.queue.view(since, selection.query(states)).entries


def _in_order(found: Iterable[Entry]) -> list[Entry]:
    """Those that wait first: none of them starts in the place of one that is killed."""
    return sorted(found, key=lambda entry: (entry.state in ACTIVE_STATES, entry.id or 0))


def confirm(question: str, found: Sequence[Entry], *, yes: bool) -> None:
    """Show jobs and ask; QMError where the answer is no, or nobody can be asked."""
    if yes:
        return
    for entry in found[:_SHOWN]:
        tell(f"  {entry.label}, {entry.state}")
    if len(found) > _SHOWN:
        tell(f"  … and {len(found) - _SHOWN} more")
    ask_person(question)


def ask_person(question: str) -> None:
    """Wait for a yes; QMError where the answer is no, or nobody can be asked."""
    from qm.errors import QMError

    if not sys.stdin.isatty():
        text = f"{question} There is no terminal to answer on"
        raise QMError(text, "--yes answers in advance.")
    if not click.confirm(question, err=True):
        raise QMError("nothing was done")

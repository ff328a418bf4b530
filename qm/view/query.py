"""Which jobs a list shows, and in which order. Pure."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from operator import attrgetter, itemgetter
from typing import Any

from qm.model import ACTIVE_STATES, State
from qm.view.entries import Entry, order_of_start, seconds

SORTS = ("id", "name", "state", "priority", "submitted", "started", "ended", "duration")
"""What a list can be sorted by."""

_RANK = {state.value: rank for rank, state in enumerate(State)}


@dataclass(frozen=True, slots=True)
class Query:
    """What a list is to show; all of the conditions hold, any of one condition's values does."""

    states: frozenset[str] = frozenset()
    """Empty: all of them."""
    owners: tuple[str, ...] = ()
    """Names, which may have the wildcards ``*``, ``?`` and ``[abc]``."""
    names: tuple[str, ...] = ()
    """Names of folders as shown, likewise."""
    targets: tuple[str, ...] = ()
    """Ids, or names as above."""
    until: str | None = None
    """UTC time: what ended later is left out, or, not ended, was first seen later."""
    sort: str = "id"
    reverse: bool = False
    limit: int | None = None
    brief: int | None = None
    """At most so many of those that wait, and so many of those that have ended."""

    @property
    def is_for_all(self) -> bool:
        """True if nothing is left out."""
        conditions = (self.states, self.owners, self.names, self.targets)
        limits = (self.until, self.limit, self.brief)
        return not any(conditions) and all(limit is None for limit in limits)


EVERYTHING = Query()


def has_wildcard(pattern: str) -> bool:
    """True if this may match more than one name."""
    return any(character in pattern for character in "*?[")


def is_id(target: str) -> bool:
    """True if this can be a job's id: SQLite's integers end at 63 bits."""
    return target.isascii() and target.isdigit() and len(target) < 19


def likeness(patterns: Sequence[str]) -> Callable[[str], bool]:
    """Whether a text is, or with wildcards matches, one of these."""
    plain = frozenset(patterns)
    wild = [fnmatch.translate(pattern) for pattern in patterns if has_wildcard(pattern)]
    if not wild:
        return plain.__contains__
    matches = re.compile("|".join(wild)).match
    return lambda text: text in plain or matches(text) is not None


def matcher(query: Query) -> Callable[[Entry], bool]:
    """Whether an entry is asked for; sort, limit and brief apart."""
    tests: list[Callable[[Entry], bool]] = []
    if query.states:
        tests.append(lambda entry: entry.state in query.states)
    if query.owners:
        is_owner = likeness(query.owners)
        tests.append(lambda entry: is_owner(entry.owner or ""))
    if query.names:
        is_name = likeness(query.names)
        tests.append(lambda entry: is_name(entry.name))
    if query.targets:
        ids = {int(target) for target in query.targets if is_id(target)}
        is_target = likeness(query.targets)
        tests.append(lambda entry: entry.id in ids or is_target(entry.name))
    if query.until is not None:
        until = query.until
        tests.append(lambda entry: (entry.ended or entry.submitted or "") <= until)
    return lambda entry: all(test(entry) for test in tests)


def missing(query: Query, entries: Iterable[Entry]) -> list[str]:
    """The targets that are no entry's id or name; one with wildcards may match nothing."""
    left = [target for target in dict.fromkeys(query.targets) if not has_wildcard(target)]
    if not left:
        return []
    names: set[str | int | None] = set()
    for entry in entries:
        names |= {entry.id, entry.name}
    return [t for t in left if t not in names and not (is_id(t) and int(t) in names)]


def arrange(entries: Iterable[Entry], query: Query, now: float) -> tuple[Entry, ...]:
    """Sorted and limited as asked; what lacks the value that is sorted by comes last.

    ``now`` is in seconds since the epoch: a running job's duration ends then.
    """
    # By id first: sorting keeps the order of equals.
    found = in_order(entries)
    if query.sort == "id" and not query.reverse:
        return tuple(found[: query.limit])
    known: list[tuple[Any, Entry]] = []
    unknown: list[Entry] = []
    for entry in found:
        value = _value(entry, query.sort, now)
        if value is None:
            unknown.append(entry)
        else:
            known.append((value, entry))
    known.sort(key=itemgetter(0), reverse=query.reverse)
    return tuple([*(entry for _, entry in known), *unknown][: query.limit])


def _value(entry: Entry, sort: str, now: float) -> Any:
    if sort == "state":
        return _RANK[entry.state]
    if sort == "duration":
        return duration(entry, now)
    return getattr(entry, sort)


def duration(entry: Entry, now: float) -> float | None:
    """Seconds for which the job has run, or ran; None for one that never did."""
    start = seconds(entry.started)
    end = now if entry.ended is None else seconds(entry.ended)
    return None if start is None or end is None else end - start


def in_order(entries: Iterable[Entry]) -> list[Entry]:
    """By id; arriving entries last, in the order in which they were seen."""
    jobs: list[Entry] = []
    arrivals: list[Entry] = []
    for entry in entries:
        (arrivals if entry.id is None else jobs).append(entry)
    jobs.sort(key=attrgetter("id"))
    arrivals.sort(key=lambda entry: (entry.submitted or "", entry.name))
    return jobs + arrivals


def shortened(entries: Sequence[Entry], brief: int) -> tuple[list[Entry], int, int]:
    """All that run, the ``brief`` that start next, and the ``brief`` that ended last;
    how many that wait, and that have ended, are left out.
    """
    running = [entry for entry in entries if entry.state in ACTIVE_STATES]
    ended = [entry for entry in entries if entry.ended is not None]
    waiting = [e for e in entries if e.ended is None and e.state not in ACTIVE_STATES]
    ended.sort(key=lambda entry: (entry.ended or "", entry.id or 0), reverse=True)
    waiting.sort(key=order_of_start)
    shown = [*ended[:brief], *running, *waiting[:brief]]
    return shown, max(0, len(waiting) - brief), max(0, len(ended) - brief)

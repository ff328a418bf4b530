"""The filters of the main page: read from its address, and written back into links. Pure."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta

from qm.model import END_STATES, State
from qm.times import known_seconds, utc_text
from qm.view.ended import Cursor, EndedQuery
from qm.view.query import is_id
from web.templates import href

SINCE = {"": "any time", "today": "today", "7d": "7 days", "30d": "30 days"}
"""What ``since`` may be beside a date, and how it is shown."""

FAILED_STATES = (State.FAILED, State.KILLED, State.LOST, State.REJECTED, State.ABORTED)
"""Ends that somebody should look at; a job that was cancelled was meant to be."""

_LONGEST = 200
_ORDER = tuple(state for state in State if state in END_STATES)


@dataclass(frozen=True, slots=True)
class Filters:
    """Which jobs the page shows. ``before`` and ``after`` say which page of the ended ones."""

    states: tuple[State, ...] = ()
    owner: str = ""
    text: str = ""
    since: str = ""
    long: bool = False
    """More of those that wait than start next."""
    before: Cursor | None = None
    after: Cursor | None = None

    @property
    def any(self) -> bool:
        """True if something is left out; which page it is does not count."""
        return bool(self.states or self.narrow or self.since)

    @property
    def narrow(self) -> bool:
        """True if also jobs that have not ended are left out."""
        return bool(self.owner or self.text)

    def query(self, now: float) -> EndedQuery:
        """What to ask of the ended jobs; ``now`` is in seconds since the epoch."""
        return EndedQuery(
            states=frozenset(state.value for state in self.states),
            owner=self.owner or None,
            text=self.text,
            since=since_utc(self.since, now),
        )

    def address(self) -> str:
        """The page with these filters."""
        return href(
            "QM",
            state=",".join(state.lower() for state in self.states) or None,
            owner=self.owner or None,
            q=self.text or None,
            since=self.since or None,
            queue="long" if self.long else None,
            before=_cursor_text(self.before),
            after=_cursor_text(self.after),
        )

    def newest(self, **changes: object) -> str:
        """The first page with other filters."""
        return replace(self, before=None, after=None, **changes).address()  # type: ignore[arg-type]

    def longer(self) -> str:
        """The same page with more of the queue, or with less again."""
        return replace(self, long=not self.long).address()

    def older(self, cursor: Cursor) -> str:
        """The page that begins below this place."""
        return replace(self, before=cursor, after=None).address()

    def newer(self, cursor: Cursor) -> str:
        """The page that ends above this place."""
        return replace(self, before=None, after=cursor).address()


def read_filters(query: Mapping[str, str]) -> Filters:
    """The filters of an address. What cannot be understood there filters nothing."""
    before, after = _cursor(query.get("before", "")), _cursor(query.get("after", ""))
    return Filters(
        states=_states(query.get("state", "")),
        owner=query.get("owner", "").strip()[:_LONGEST],
        text=query.get("q", "").strip()[:_LONGEST],
        since=_since(query.get("since", "").strip()),
        long=query.get("queue") == "long",
        before=before,
        after=None if before is not None else after,
    )


def since_utc(word: str, now: float) -> str | None:
    """The UTC time from which on jobs are meant; None: ever. Days begin at local midnight."""
    if not word:
        return None
    today = datetime.fromtimestamp(now, UTC).astimezone().date()
    if word.endswith("d"):
        day = today - timedelta(days=int(word[:-1]) - 1)
    else:
        day = today if word == "today" else date.fromisoformat(word)
    return utc_text(_midnight(day))


def _midnight(day: date) -> float:
    """OverflowError or OSError for a day that this system cannot count to."""
    return time.mktime((day.year, day.month, day.day, 0, 0, 0, 0, 0, -1))


def _states(text: str) -> tuple[State, ...]:
    wanted = {part.strip().upper() for part in text.split(",")}
    return tuple(state for state in _ORDER if state in wanted)


def _since(word: str) -> str:
    if word in SINCE:
        return word
    try:
        day = date.fromisoformat(word)
        utc_text(_midnight(day))
    except (ValueError, OverflowError, OSError):
        return ""
    return day.isoformat()


def _cursor(text: str) -> Cursor | None:
    ended, _, number = text.partition("~")
    if known_seconds(ended) is None or not is_id(number):
        return None
    return Cursor(ended, int(number))


def _cursor_text(cursor: Cursor | None) -> str | None:
    return None if cursor is None else f"{cursor.ended}~{cursor.id}"

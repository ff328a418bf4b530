"""The span of time that a page shows, as its address names it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from qm.times import utc_text
from web.templates import href

RANGES = {"2h": ("2 hours", 7200.0), "24h": ("24 hours", 86400.0), "7d": ("7 days", 604800.0)}
"""What ``last`` may be: how it is shown, and how long it is in seconds."""
USUAL = "24h"
SHORTEST = 60.0
LONGEST = 366 * 86400.0
"""Seconds."""


@dataclass(frozen=True, slots=True)
class Window:
    """From ``first`` to ``last``, seconds since the epoch; ``last`` is always the later one."""

    first: float
    last: float
    word: str = ""
    """The one of RANGES that it is; empty for times that were given."""
    wrong: str = ""
    """A sentence about what could not be understood of what was given."""

    @property
    def length(self) -> float:
        """Seconds, never 0."""
        return self.last - self.first

    def address(self, page: str) -> str:
        """Where ``page`` shows just this span, also later."""
        return href(page, **{"from": utc_text(self.first), "to": utc_text(self.last)})

    def moved(self, lengths: float) -> Window:
        """The span so many times its length later."""
        by = lengths * self.length
        return Window(self.first + by, self.last + by)


def window_of(given: Mapping[str, str], now: float) -> Window:
    """What ``last``, or ``from`` and ``to``, ask for.

    ``from`` and ``to`` are ISO 8601, local where they name no offset. Without
    ``to`` the span ends now, without ``from`` it is as long as usual. One that
    cannot be is told in ``wrong``, and the usual one is shown.
    """
    word = given.get("last", USUAL)
    begin, end = given.get("from", "").strip(), given.get("to", "").strip()
    if not begin and not end:
        return _recent(word if word in RANGES else USUAL, now)
    last = _moment(end) if end else now
    if last is None:
        return _recent(USUAL, now, f"“{end[:40]}” is no time; write it as 2026-11-21T14:30.")
    first = _moment(begin) if begin else last - RANGES[USUAL][1]
    if first is None:
        return _recent(USUAL, now, f"“{begin[:40]}” is no time; write it as 2026-11-21T14:30.")
    return _between(first, last, now)


def local_minute(seconds: float) -> str:
    """A time as a field of the type datetime-local has it: ``2026-11-21T14:30``."""
    return f"{_local(seconds):%Y-%m-%dT%H:%M}"


def _recent(word: str, now: float, wrong: str = "") -> Window:
    return Window(now - RANGES[word][1], now, word, wrong)


def _between(first: float, last: float, now: float) -> Window:
    if first >= last:
        return _recent(USUAL, now, "That would end before it begins.")
    if last - first > LONGEST:
        return Window(last - LONGEST, last, "", "At most a year is shown at once.")
    return Window(min(first, last - SHORTEST), last)


def _moment(text: str) -> float | None:
    try:
        seconds = datetime.fromisoformat(text).timestamp()
        utc_text(seconds + 2 * LONGEST)
        utc_text(seconds - 2 * LONGEST)
        _local(seconds + 2 * LONGEST), _local(seconds - 2 * LONGEST)
    except (ValueError, OverflowError, OSError):
        return None  # Also a year that this system cannot count from, or beside.
    return seconds


def _local(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC).astimezone()

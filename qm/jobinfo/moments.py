"""The ``begin`` of a job: a date, a time of day or a wait, as people write it, to UTC."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, time, timedelta

from qm.jobinfo.values import Unusable
from qm.quantities import parse_duration
from qm.times import utc_text

Begin = datetime | time | timedelta
"""A moment, the next such time of day, or that long after now."""

BEGIN_FORMS = (
    "a time such as 2030-01-31T08:00 (local time), 2030-01-31T08:00Z (UTC), "
    "22:30 (the next time that the clock shows it) or +2h (in two hours)"
)

_CLOCK = re.compile(r"([0-9]{1,2}):([0-9]{2})(?::([0-9]{2}))?", re.ASCII)
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[T ].+)?", re.ASCII)


def parse_begin(text: str) -> Begin | None:
    """Read an ISO 8601 date or date and time, ``HH:MM[:SS]``, or ``+DURATION``.

    Without a zone it is local time, which the returned value leaves open (it
    is naive then); None for no text. Raises Unusable.
    """
    if not text:
        return None
    if text.startswith("+"):
        return timedelta(seconds=parse_duration(text[1:]))
    try:
        if match := _CLOCK.fullmatch(text):
            return time(int(match[1]), int(match[2]), int(match[3] or 0))
        if _DATE.fullmatch(text):
            return datetime.fromisoformat(text)
    except ValueError:
        pass
    raise Unusable(BEGIN_FORMS)


def begin_text(begin: Begin, now: datetime | None) -> str:
    """``begin`` in UTC as ``YYYY-MM-DDTHH:MM:SS.mmmZ``.

    What has no zone means the clock of this machine. ``now`` carries a zone.
    Raises Unusable where ``begin`` needs ``now`` and it is None, and for
    years that the machine's clock cannot show.
    """
    if isinstance(begin, datetime):
        return _checked(lambda: begin)
    if now is None:
        raise Unusable("a date and a time, such as 2030-01-31T08:00")
    if isinstance(begin, timedelta):
        return _checked(lambda: now + begin)
    return _checked(lambda: _next(begin, now))


def _checked(moment: Callable[[], datetime]) -> str:
    """The text of a moment that may lie beyond the calendar or what the system can convert."""
    try:
        seconds = moment().timestamp()
    except (OverflowError, OSError, ValueError):
        raise Unusable("a time that the clock of this machine can show") from None
    if seconds < 0:
        raise Unusable("a time after 1970")
    return utc_text(seconds)


def _next(clock: time, now: datetime) -> datetime:
    # Combined without a zone, so that each day gets its own summer or winter time.
    today = datetime.combine(now.astimezone().date(), clock)
    moment = today.astimezone()
    return moment if moment > now else (today + timedelta(days=1)).astimezone()

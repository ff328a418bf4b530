"""Hours of the week in which jobs may be started. Pure: the time is an argument."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

MINUTES_OF_DAY = 24 * 60
MINUTES_OF_WEEK = 7 * MINUTES_OF_DAY

HOURS_FORMS = (
    "always, or days and times of the day, perhaps several with commas between them, "
    'such as "19:00-07:30" (every day), "sat, sun" (all day) or "mon-fri 19:00-07:30, sat, sun"'
)

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAY = "|".join(_DAYS)
_SPAN = re.compile(
    rf"(?:(?P<first>{_DAY})[a-z]*(?:\s*-\s*(?P<last>{_DAY})[a-z]*)?)?\s*"
    r"(?:(?P<start>[0-9]{1,2}:[0-9]{2})\s*-\s*(?P<end>[0-9]{1,2}:[0-9]{2}))?",
    re.ASCII,
)
_CLOCK = re.compile(r"([0-9]{1,2}):([0-9]{2})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Hours:
    """Spans of the week. ``spans``: minutes from Monday 00:00, the end not included;
    one may run on beyond Sunday 24:00. None at all means always."""

    text: str = "always"
    spans: tuple[tuple[int, int], ...] = ()

    def __str__(self) -> str:
        return self.text

    def open_at(self, moment: datetime) -> bool:
        """Whether jobs may be started at this local time."""
        if not self.spans:
            return True
        minute = _minute_of_week(moment)
        return any((minute - start) % MINUTES_OF_WEEK < end - start for start, end in self.spans)

    def next_change(self, moment: datetime) -> datetime | None:
        """When :meth:`open_at` next says something else; None: never."""
        if not self.spans:
            return None
        now = self.open_at(moment)
        minute = _minute_of_week(moment)
        edges = {edge % MINUTES_OF_WEEK for span in self.spans for edge in span}
        whole = moment.replace(second=0, microsecond=0)
        for wait in sorted((edge - minute - 1) % MINUTES_OF_WEEK + 1 for edge in edges):
            # On the wall clock: a night in which it is changed is an hour shorter or longer.
            then = whole + timedelta(minutes=wait)
            if self.open_at(then) is not now:
                return then
        return None


def _minute_of_week(moment: datetime) -> int:
    return moment.weekday() * MINUTES_OF_DAY + moment.hour * 60 + moment.minute


def parse_hours(text: str) -> Hours:
    """Read ``always`` or spans as :data:`HOURS_FORMS` has them; ValueError for anything else."""
    if text.strip().lower() == "always":
        return Hours()
    spans = [span for part in text.lower().split(",") for span in _spans(part.strip())]
    return Hours(text.strip(), tuple(spans))


def _spans(part: str) -> list[tuple[int, int]]:
    match = _SPAN.fullmatch(part)
    if not part or match is None:
        raise ValueError(part)
    first, last = match["first"], match["last"]
    start = _minutes(match["start"]) if match["start"] else 0
    end = _minutes(match["end"]) if match["end"] else MINUTES_OF_DAY
    if start in (MINUTES_OF_DAY, end):
        raise ValueError(part)
    # An end before the start is on the next day.
    length = (end - start) % MINUTES_OF_DAY or MINUTES_OF_DAY
    from_day = 0 if first is None else _DAYS.index(first)
    to_day = 6 if first is None else _DAYS.index(last or first)
    days = range(from_day, from_day + (to_day - from_day) % 7 + 1)
    return [
        (day % 7 * MINUTES_OF_DAY + start, day % 7 * MINUTES_OF_DAY + start + length)
        for day in days
    ]


def _minutes(clock: str) -> int:
    match = _CLOCK.fullmatch(clock)
    assert match is not None
    hours, minutes = int(match[1]), int(match[2])
    if minutes > 59 or hours * 60 + minutes > MINUTES_OF_DAY:
        raise ValueError(clock)
    return hours * 60 + minutes

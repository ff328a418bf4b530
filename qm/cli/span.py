"""Spans of time as people ask for them: ``2h``, ``3d``, a date."""

from __future__ import annotations

import time
from datetime import datetime

import click

from qm.quantities import parse_duration
from qm.times import utc_text

FORMS = (
    "a time back from now such as 90m, 2h or 3d, today, or a date such as "
    "2030-01-31 or 2030-01-31T08:00 (local time)"
)


def moment_back(text: str, now: float) -> str:
    """``text`` as a UTC time; a span is counted back from ``now``, seconds since the epoch.

    Raises click.BadParameter.
    """
    wanted = text.strip().lower()
    try:
        if wanted == "today":
            day = time.localtime(now)[:3]
            return utc_text(time.mktime((*day, 0, 0, 0, 0, 0, -1)))
        if wanted[:1].isdigit() and wanted[-1:].isalpha() and "t" not in wanted:
            return utc_text(now - _span(wanted))
        if "-" in wanted:
            return utc_text(datetime.fromisoformat(text.strip()).timestamp())
    except (ValueError, OverflowError, OSError):
        pass
    raise click.BadParameter(f"{text!r} is not {FORMS}")


def _span(text: str) -> float:
    if text.endswith(("w", "week", "weeks")):
        return 7 * 86400 * float(text.rstrip("eksw"))
    return parse_duration(text)


def moment_option(ctx: click.Context, parameter: click.Parameter, text: str | None) -> str | None:
    """For click: an option that :func:`moment_back` reads."""
    return None if text is None else moment_back(text, time.time())

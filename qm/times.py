"""Times as QM writes them: UTC, to the millisecond, ``YYYY-MM-DDTHH:MM:SS.mmmZ``."""

from __future__ import annotations

import time
from datetime import datetime


def utc_text(seconds: float) -> str:
    """The time ``seconds`` after the epoch, as records and answers show it."""
    milliseconds = round(seconds * 1000)
    whole, part = divmod(milliseconds, 1000)
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(whole)) + f".{part:03d}Z"


def utc_seconds(text: str) -> float:
    """The inverse of :func:`utc_text`; ValueError for anything else."""
    if len(text) != 24 or (text[10], text[19], text[23]) != ("T", ".", "Z"):
        raise ValueError(f"{text!r} is not a UTC time as QM writes it")
    return datetime.fromisoformat(text).timestamp()


def known_seconds(text: str | None) -> float | None:
    """As :func:`utc_seconds`; None for no text, and for one that is no such time."""
    try:
        return None if text is None else utc_seconds(text)
    except ValueError:
        return None


def local_text(seconds: float) -> str:
    """A time for a person at this desk: local, ISO 8601 with the offset."""
    offset = time.strftime("%z", time.localtime(seconds))
    local = time.strftime("%Y-%m-%dT%H:%M:%S", time.localtime(seconds))
    return f"{local}{offset[:3]}:{offset[3:]}"

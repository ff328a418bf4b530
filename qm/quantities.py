"""Durations and sizes as people write and read them."""

from __future__ import annotations

import re

LONGEST = 100 * 365.25 * 86400.0
"""Seconds; a longer time in a file is a slip, not a wish."""

LARGEST = 1 << 60
"""Bytes; more than that no machine has."""

DURATION_FORMS = (
    "a time such as 90 (seconds), 500ms, 45m, 2 h, 1h 30m, 1:30:00 (hours, minutes, seconds) "
    "or 1-00:00:00 (with days), at most 100 years"
)
SIZE_FORMS = "a size such as 1024 (bytes), 500M, 2G or 1.5GiB (K, M, G, T, P count in 1024)"

_NUMBER = r"[0-9]{1,20}(?:\.[0-9]{1,20})?"
_PART = re.compile(rf"({_NUMBER})\s*([a-z]*)\s*", re.ASCII)
_CLOCK = re.compile(rf"(?:([0-9]{{1,9}})-)?((?:[0-9]{{1,9}}:){{0,2}}){_NUMBER}", re.ASCII)
_SIZE = re.compile(rf"({_NUMBER})\s*(?:([kmgtp])(?:i?b)?|b)?", re.ASCII)

_DAY, _HOUR, _MINUTE = 86400.0, 3600.0, 60.0
_UNITS = {
    **dict.fromkeys(("ms", "millisecond", "milliseconds"), 0.001),
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), 1.0),
    **dict.fromkeys(("m", "min", "mins", "minute", "minutes"), _MINUTE),
    **dict.fromkeys(("h", "hr", "hrs", "hour", "hours"), _HOUR),
    **dict.fromkeys(("d", "day", "days"), _DAY),
}


def parse_duration(text: str) -> float:
    """Seconds in ``text``.

    Understood are plain seconds (``90``, ``0.5``), numbers with units
    (``500ms``, ``45m``, ``2 h``, ``1h 30m``), ``minutes:seconds``,
    ``hours:minutes:seconds``, and with days in front ``days-hours``,
    ``days-hours:minutes``, ``days-hours:minutes:seconds`` (the forms of
    Slurm's ``--time``; only the plain number differs: minutes there).

    Raises ValueError, whose text completes "expected ...".
    """
    wanted = text.strip().lower()
    is_clock = ":" in wanted or "-" in wanted
    seconds = _clock_seconds(wanted) if is_clock else _unit_seconds(wanted)
    if seconds is None or seconds > LONGEST:
        raise ValueError(DURATION_FORMS)
    return seconds


def _clock_seconds(text: str) -> float | None:
    if not _CLOCK.fullmatch(text):
        return None
    days, dash, clock = text.rpartition("-")
    fields = clock.split(":")
    # With days in front the first field is hours; without, the last one is seconds.
    units = (_HOUR, _MINUTE, 1.0) if dash else (_HOUR, _MINUTE, 1.0)[-len(fields) :]
    limits = (24, 60, 60) if dash else (None, 60, 60)
    values = [float(field) for field in fields]
    if any(limit and value >= limit for value, limit in zip(values, limits, strict=False)):
        return None
    if "." in clock and units[len(fields) - 1] != 1.0:
        return None
    total = sum(value * unit for value, unit in zip(values, units, strict=False))
    return total + (int(days) * _DAY if dash else 0.0)


def _unit_seconds(text: str) -> float | None:
    parts = []
    end = 0
    while match := _PART.match(text, end):
        parts.append((match[1], match[2]))
        end = match.end()
    if not parts or end != len(text):
        return None
    if len(parts) == 1 and not parts[0][1]:
        return float(parts[0][0])
    units = [_UNITS.get(name) for _, name in parts]
    scales = [unit for unit in units if unit is not None]
    # "30m 1h" and "1h 1h" are slips; "1h 30m" is not.
    if len(scales) != len(units) or sorted(set(scales), reverse=True) != scales:
        return None
    return sum(float(number) * scale for (number, _), scale in zip(parts, scales, strict=True))


def parse_size(text: str) -> int:
    """Bytes in ``text``: ``1024``, ``500M``, ``2G``, ``1.5GiB``; K, M, G, T and P count in 1024.

    Raises ValueError, whose text completes "expected ...".
    """
    match = _SIZE.fullmatch(text.strip().lower())
    if match is None:
        raise ValueError(SIZE_FORMS)
    number, letter = match[1], match[2]
    if letter is None and "." in number:
        raise ValueError(SIZE_FORMS)
    scale = 1 << (10 * " kmgtp".index(letter) if letter else 0)
    size = round(float(number) * scale) if "." in number else int(number) * scale
    if size > LARGEST:
        raise ValueError(SIZE_FORMS)
    return size


def format_duration(seconds: float) -> str:
    """``seconds`` for a person: ``250 ms``, ``2.5 s``, ``10 min``, ``1 d 2 h 30 min``.

    Milliseconds below a minute, whole seconds from there on; parse_duration
    reads it back. A negative time, which a clock set back can make, shows as 0 s.
    """
    milliseconds = max(0, round(seconds * 1000))
    if milliseconds < 1000:
        return f"{milliseconds} ms" if milliseconds else "0 s"
    if milliseconds < 60_000:
        return f"{milliseconds / 1000:g} s"
    rest = round(seconds)
    parts = []
    for unit in ("d", "h", "min", "s"):
        count, rest = divmod(rest, int(_UNITS[unit]))
        if count:
            parts.append(f"{count} {unit}")
    return " ".join(parts)


def format_size(size: int) -> str:
    """``size`` bytes for a person, at most two decimals: ``512 B``, ``1.5 GiB``.

    parse_size reads it back, to the precision shown.
    """
    if size < 1024:
        return f"{size} B"
    value = float(size)
    for unit in ("KiB", "MiB", "GiB", "TiB", "PiB"):
        value /= 1024
        # Compared as it will be shown, so that 1023.999 KiB becomes 1 MiB.
        if round(value, 2) < 1024 or unit == "PiB":
            break
    return f"{value:.2f}".rstrip("0").rstrip(".") + f" {unit}"

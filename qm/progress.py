"""How far a job is, read from what it prints. Pure.

Understood are ``13 / 100``, ``13 of 100``, ``step 3/10``, ``45 %`` and the bars of
tqdm and its like, which write over their own line with carriage returns.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

READ = 16 * 1024
"""Bytes at the end of a log that are looked at."""

_EARLY = 0.05
_SOON = 60.0

# Bounded repetitions only: whatever a job prints, each place is tried in constant time.
_NUMBER = r"(?:[0-9]{1,3}(?:,[0-9]{3}){1,4}|[0-9]{1,15})"
# Neither part of a path, a date, a version or an address, nor of a longer number.
_ALONE_BEFORE = r"(?<![\w./:\\,-])"
_ALONE_AFTER = r"(?![\w/\\]|[.,:-]\w)"
_COUNTER = re.compile(
    rf"{_ALONE_BEFORE}({_NUMBER})(?: ?/ ?| {{1,4}}/ {{1,4}}| of )({_NUMBER}){_ALONE_AFTER}"
)
_EPOCH = re.compile(r"epochs?[ :#\[(]{0,3}\Z", re.IGNORECASE)
_PERCENT = re.compile(r"(?<![\w.,/-])([0-9]{1,3}(?:\.[0-9]{1,6})?) ?%(?![\w%])")
_MEASURE = re.compile(
    r"(?:acc|accuracy|loss|error|precision|recall|f1|auc|cpu|gpu|mem|memory|ram|disk|usage|load)"
    r"[ \])]{0,2}[:=]?[ ]{0,2}\Z",
    re.IGNORECASE,
)
_BEFORE = 24
_ESCAPE = re.compile(r"\x1b\[[0-9;?]{0,32}[A-Za-z]")
_LINE_END = re.compile(r"[\r\n]+")


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a job says it is: ``fraction`` from 0 to 1, ``text`` such as ``13 / 100``."""

    fraction: float
    text: str


def read_progress(tail: bytes | str) -> Progress | None:
    """The progress that the end of a log tells; None where it tells none.

    ``tail`` is the log or its end, of which the last :data:`READ` bytes count.
    The last line that tells something is believed, and of it the last counter,
    else the last percentage. Counted epochs go before all else: what is counted
    within one of them begins anew each time.
    """
    cut = len(tail) >= READ
    end = tail[-READ:]
    text = end.decode("utf-8", "replace") if isinstance(end, bytes) else end
    lines = _LINE_END.split(_ESCAPE.sub("", text))
    # Its first line may be the end of one: the 2 / 100 of 12 / 100.
    return _of_lines(lines[1:] if cut else lines)


def time_left(fraction: float, elapsed: float) -> float | None:
    """Seconds until a job is done that got to ``fraction`` in ``elapsed`` seconds.

    None where that would be a guess: nothing is done, or hardly anything in
    less than a minute.
    """
    if not (math.isfinite(fraction) and math.isfinite(elapsed)):
        return None
    if fraction <= 0 or elapsed <= 0 or (fraction < _EARLY and elapsed < _SOON):
        return None
    left = elapsed * (1 - fraction) / fraction if fraction < 1 else 0.0
    return left if math.isfinite(left) else None


def _of_lines(lines: list[str]) -> Progress | None:
    last: Progress | None = None
    for line in reversed(lines):
        found, is_epoch = _counter(line)
        if found is not None and is_epoch:
            return found
        if last is None:
            last = found or _percentage(line)
    return last


def _counter(line: str) -> tuple[Progress | None, bool]:
    """The last counter of a line, and whether it counts epochs, which others do not undo."""
    last: Progress | None = None
    for match in _COUNTER.finditer(line):
        done, total = (int(number.replace(",", "")) for number in match.groups())
        if not total or done > total:
            continue
        progress = Progress(done / total, f"{done} / {total}")
        if _EPOCH.search(line, max(0, match.start() - _BEFORE), match.start()):
            return progress, True
        last = progress
    return last, False


def _percentage(line: str) -> Progress | None:
    last: Progress | None = None
    for match in _PERCENT.finditer(line):
        value = float(match[1])
        start = match.start()
        if value <= 100 and not _MEASURE.search(line, max(0, start - _BEFORE), start):
            last = Progress(value / 100, f"{match[1]} %")
    return last

"""How far a job is, read from what it prints, and how long it still runs. Pure.

Understood are ``13 / 100``, ``13 of 100``, ``step 3/10``, ``45 %`` and the bars of
tqdm and its like, which write over their own line with carriage returns.
"""

from __future__ import annotations

import math
import re
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

READ = 16 * 1024
"""Bytes at the end of a log that are looked at."""

_EARLY = 0.05
_SOON = 60.0
_FEW = 3
"""Runs: of fewer the shortest and the longest are told, of more the middle half."""
_USUAL = 0.25
"""The part of the earlier runs that must have taken longer than this one has by now."""

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

    @property
    def step(self) -> float:
        """How much more it may be by now, without having said so."""
        _, is_counter, total = self.text.partition(" / ")
        if is_counter:
            return 1 / int(total)
        _, _, digits = self.text.removesuffix(" %").partition(".")
        return 0.01 / 10.0 ** len(digits)


@dataclass(frozen=True, slots=True)
class Estimate:
    """How long a job still runs, likely: from ``low`` to ``high`` seconds."""

    low: float
    high: float
    by_progress: bool
    """Its own progress tells."""
    runs: int
    """As many earlier runs tell; 0 where none does."""


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


def estimate(
    elapsed: float, progress: Progress | None, earlier: Sequence[float] = ()
) -> Estimate | None:
    """How long a job still runs that has run for ``elapsed`` seconds; None where that is a guess.

    ``earlier`` is how long other runs of it took, in seconds. As it gets on,
    its own progress counts for more and they for less: where the two disagree
    the range holds both at first.
    """
    own = None if progress is None else _by_progress(elapsed, progress)
    others = _by_runs(elapsed, earlier)
    if own is None or others is None or progress is None:
        return own or others
    weight = 1 - progress.fraction
    low = own.low + weight * min(0.0, others.low - own.low)
    high = own.high + weight * max(0.0, others.high - own.high)
    return Estimate(low, high, True, others.runs)


def _by_progress(elapsed: float, progress: Progress) -> Estimate | None:
    """It may be anywhere between what it has said and what it will say next."""
    high = time_left(progress.fraction, elapsed)
    low = time_left(min(1.0, progress.fraction + progress.step), elapsed)
    return None if high is None or low is None else Estimate(low, high, True, 0)


def _by_runs(elapsed: float, earlier: Sequence[float]) -> Estimate | None:
    """What was left, after that time, of the runs that took longer."""
    took = [seconds for seconds in earlier if math.isfinite(seconds) and seconds >= 0]
    left = sorted(seconds - elapsed for seconds in took if seconds > elapsed)
    if not left or len(left) < _USUAL * len(took):
        return None
    if len(left) < _FEW:
        return Estimate(left[0], left[-1], False, len(took))
    low, _, high = statistics.quantiles(left, n=4, method="inclusive")
    return Estimate(low, high, False, len(took))


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

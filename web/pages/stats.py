"""``/stats``: what jobs have used and how they fared, as a table, and as CSV."""

from __future__ import annotations

import csv
import io
import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import bottle

from qm.names import shown
from qm.times import utc_text
from qm.view.attempts import Growing
from qm.view.statistics import GROUPS, Figures, Statistics, Tally
from web.problem import Problem
from web.routing import Role, Routes
from web.site import Site

By = tuple[str, ...]

WAYS: Mapping[str, By] = {
    "owner,month": ("owner", "month"),
    "owner": ("owner",),
    "month": ("month",),
    "name": ("name",),
}
"""How the page offers to group."""
USUAL: By = ("owner", "month")
MOST = 500
"""Groups on the page; the CSV has all of them."""
FIGURES = (
    *("jobs", "finished", "failed", "killed", "lost", "other", "processor_hours", "cpu_hours"),
    *("wait_mean", "wait_median", "run_mean", "run_median"),
)
"""Members of Figures, in the order of the CSV's columns. Times there are in seconds."""

_SPARE = 10.0
"""Reading takes at most one part in this of the time, also where jobs end all the time."""
_LONGEST_PAUSE = 60.0
_LARGE = 5000
"""Groups."""
_FORMULA = ("=", "+", "-", "@", "\t", "\r")

Stamp = tuple[int, int, int] | None


@dataclass(frozen=True, slots=True)
class Told:
    """Statistics, and when they were made: seconds since the epoch."""

    statistics: Statistics
    at: float


@dataclass(frozen=True, slots=True)
class _Known:
    told: Told
    stamp: Stamp
    not_before: float


@dataclass(frozen=True, slots=True)
class _Count:
    """What was read so far, for one way to group."""

    by: By
    history: Growing
    tally: Tally


@dataclass
class StatisticsReader:
    """Reads what was added to the history, when somebody asks. For any thread.

    Of the ways to group the last one that was asked for can be read on; each
    takes some 20 MB for 100,000 jobs. Another one is read from the beginning.
    """

    path: str
    """Of ``history.jsonl``."""
    wall: Callable[[], float] = time.time
    clock: Callable[[], float] = time.monotonic
    _guard: threading.Lock = field(default_factory=threading.Lock)
    _known: dict[By, _Known] = field(default_factory=dict)
    _count: _Count | None = None

    def read(self, by: By) -> Told:
        """The groups of all jobs that have ended; OSError where the file cannot be read."""
        with self._guard:
            stamp, began, known = self._stamp(), self.clock(), self._known.get(by)
            if known is not None and (stamp == known.stamp or began < known.not_before):
                return known.told
            is_first = self._count is None
            told = Told(self._counted(by), self.wall())
            done = self.clock()
            # After the first time what was added is read at once: that is quick.
            pause = 0.0 if is_first else min(_SPARE * (done - began), _LONGEST_PAUSE)
            self._forget_large_ones()
            self._known[by] = _Known(told, stamp, done + pause)
            return told

    def _counted(self, by: By) -> Statistics:
        count = self._count
        if count is None or count.by != by or count.history.is_another():
            # The one before is let go of first: two of them need not be in memory.
            self._count = count = None
            count = _Count(by, Growing(self.path), Tally(by))
        # One that was not read to its end would count some lines again.
        self._count = None
        count.tally.add(count.history.more())
        self._count = count
        return count.tally.statistics()

    def _forget_large_ones(self) -> None:
        """A group for each of 100,000 names takes tens of megabytes: there is one such at most."""
        for by, known in [*self._known.items()]:
            if len(known.told.statistics.groups) > _LARGE:
                del self._known[by]

    def _stamp(self) -> Stamp:
        try:
            status = os.stat(self.path)
        except FileNotFoundError:
            return None
        return status.st_ino, status.st_size, status.st_mtime_ns


def add_routes(routes: Routes, site: Site) -> None:
    """``/stats?by=owner,month``, and ``/stats.csv`` with the same."""
    reader = StatisticsReader(site.layout.history_file)

    def stats() -> str:
        by = by_of(_by())
        told = reader.read(by)
        groups = shown_groups(told.statistics.groups)
        return site.render(
            "stats",
            title="Statistics - QM",
            by=by,
            ways=WAYS,
            way=",".join(by),
            groups=[(tuple(map(shown, group.key)), group) for group in groups],
            left_out=len(told.statistics.groups) - len(groups),
            total=told.statistics.total,
            at=utc_text(told.at),
        )

    def table() -> bottle.HTTPResponse:
        by = by_of(_by())
        headers = {
            "Content-Type": "text/csv; charset=utf-8",
            "Content-Disposition": f'attachment; filename="qm-stats-{"-".join(by)}.csv"',
        }
        return bottle.HTTPResponse(csv_of(reader.read(by).statistics, by), 200, headers)

    routes.get("/stats", Role.VIEWER, stats)
    routes.get("/stats.csv", Role.VIEWER, table)


def by_of(text: str) -> By:
    """The groups that are asked for, in their usual order; Problem 400 for what is none."""
    names = {name.strip().lower() for name in text.split(",") if name.strip()}
    wrong = sorted(names - set(GROUPS))
    if wrong:
        known = ", ".join(GROUPS)
        raise Problem(400, f"Nothing can be grouped by {wrong[0][:40]!r}; by {known} it can.")
    return tuple(name for name in GROUPS if name in names) or USUAL


def shown_groups(groups: Sequence[Figures]) -> Sequence[Figures]:
    """Those for the page, in their order: where there are too many, the ones with most jobs."""
    if len(groups) <= MOST:
        return groups
    largest = sorted(groups, key=lambda group: group.jobs, reverse=True)[:MOST]
    return sorted(largest, key=lambda group: group.key)


def csv_of(statistics: Statistics, by: By) -> bytes:
    """All groups as CSV (RFC 4180) in UTF-8: hours and seconds, nothing where none is known."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow((*by, *FIGURES))
    for group in statistics.groups:
        key = [_harmless(shown(part)) for part in group.key]
        writer.writerow((*key, *(_number(getattr(group, name)) for name in FIGURES)))
    return text.getvalue().encode("utf-8", "backslashreplace")


def _number(value: float | None) -> str:
    if value is None:
        return ""
    return str(value) if isinstance(value, int) else f"{value:.3f}"


def _harmless(text: str) -> str:
    """A spreadsheet runs what begins like a formula; jobs may be called anything."""
    return f"'{text}" if text.startswith(_FORMULA) and text != "-" else text


def _by() -> str:
    try:
        return str(bottle.request.query.decode().get("by", ""))
    except UnicodeError:
        raise Problem(400, "The address has bytes that are no text.") from None

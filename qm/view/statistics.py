"""What jobs have used and how they fared, in groups: pure, from lines of the history."""

from __future__ import annotations

import time
from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from qm.model import State
from qm.view.entries import seconds

GROUPS = ("owner", "month", "name")
"""What statistics can be grouped by; a month is that of the end, by the local clock."""

Key = tuple[str, ...]
Line = dict[str, Any]
_TOLD = frozenset({State.FINISHED, State.FAILED, State.KILLED, State.LOST})


class _Job:
    """One job while its attempts are read: no more than is needed, there may be many."""

    __slots__ = ("attempt", "cpu_seconds", "key", "processor_seconds", "run", "state", "wait")

    def __init__(self) -> None:
        self.attempt: int | None = None
        """The last one that was read: it decides how the job ended."""
        self.state = ""
        self.key: Key = ()
        self.wait: float | None = None
        self.run: float | None = None
        """Seconds that the last attempt ran."""
        self.processor_seconds = 0.0
        self.cpu_seconds = 0.0


@dataclass(slots=True)
class _Sum:
    """One group. ``waits`` and ``runs`` are in their order but for what was added since sort()."""

    states: dict[str, int] = field(default_factory=dict)
    processor_seconds: float = 0.0
    cpu_seconds: float = 0.0
    waits: list[float] = field(default_factory=list)
    runs: list[float] = field(default_factory=list)

    def add(self, job: _Job) -> None:
        """Count a job."""
        self.states[job.state] = self.states.get(job.state, 0) + 1
        self.processor_seconds += job.processor_seconds
        self.cpu_seconds += job.cpu_seconds
        if job.wait is not None:
            self.waits.append(job.wait)
        if job.run is not None:
            self.runs.append(job.run)

    def remove(self, job: _Job) -> None:
        """Undo :meth:`add`; only of what is sorted."""
        self.states[job.state] -= 1
        # What rounding leaves shall not show as less than nothing.
        self.processor_seconds = max(0.0, self.processor_seconds - job.processor_seconds)
        self.cpu_seconds = max(0.0, self.cpu_seconds - job.cpu_seconds)
        if job.wait is not None:
            del self.waits[bisect_left(self.waits, job.wait)]
        if job.run is not None:
            del self.runs[bisect_left(self.runs, job.run)]

    def sort(self) -> None:
        """Put in order what was added: what is in order already costs next to nothing."""
        self.waits.sort()
        self.runs.sort()


@dataclass(frozen=True, slots=True)
class Figures:
    """One group. Times are in seconds, None where no job of the group was ever started."""

    key: Key
    jobs: int
    finished: int
    failed: int
    killed: int
    lost: int
    other: int
    """Cancelled, aborted or refused."""
    processor_hours: float
    """Processors times the time for which jobs had them, over all attempts."""
    cpu_hours: float
    """What their processes computed."""
    wait_mean: float | None
    """From the submission to the first start."""
    wait_median: float | None
    run_mean: float | None
    """Of the attempt that decided how the job ended."""
    run_median: float | None


@dataclass(frozen=True, slots=True)
class Statistics:
    """The groups in the order of their keys, and all of them together."""

    groups: tuple[Figures, ...]
    total: Figures


def statistics_of(lines: Iterable[Line], by: Sequence[str]) -> Statistics:
    """Figures for each group of jobs; ``lines`` come oldest first.

    The last line of a job decides how it ended; what its earlier attempts used
    is added. A line that repeats an attempt, its folder having been taken away
    later, adds nothing.
    """
    tally = Tally(by)
    tally.add(lines)
    return tally.statistics()


class Tally:
    """The same of a history that grows: each line is counted once, however often one looks."""

    def __init__(self, by: Sequence[str]) -> None:
        """``by`` are some of GROUPS."""
        self._parts = [_PARTS[name] for name in by]
        self._jobs: dict[int, _Job] = {}
        self._keys: dict[Key, Key] = {}
        self._sums: dict[Key, _Sum] = {}
        self._total = _Sum()

    def add(self, lines: Iterable[Line]) -> None:
        """Count more lines; they come in the order of the history."""
        touched: dict[int, _Job] = {}
        for line in lines:
            number = line["id"]
            job = self._jobs.get(number)
            if job is None:
                job = self._jobs[number] = _Job()
            elif number not in touched:
                self._take_out(job)
            touched[number] = job
            repeated = line.get("vanished") and line["attempt"] == job.attempt
            job.attempt, job.state = line["attempt"], line["state"]
            key = tuple([part(line) for part in self._parts])
            job.key = self._keys.setdefault(key, key)
            if not repeated:
                _count(job, line)
        for job in touched.values():
            self._put_in(job)
        for key in {job.key for job in touched.values()}:
            self._sums[key].sort()
        self._total.sort()

    def statistics(self) -> Statistics:
        """The figures of all that was counted."""
        groups = tuple(_figures(key, self._sums[key]) for key in sorted(self._sums))
        return Statistics(groups, _figures((), self._total))

    def _put_in(self, job: _Job) -> None:
        group = self._sums.get(job.key)
        if group is None:
            group = self._sums[job.key] = _Sum()
        group.add(job)
        self._total.add(job)

    def _take_out(self, job: _Job) -> None:
        """Undo what a job counts, before another line changes it."""
        group = self._sums[job.key]
        group.remove(job)
        self._total.remove(job)
        if not any(group.states.values()):
            del self._sums[job.key]


def _count(job: _Job, line: Line) -> None:
    """Add what an attempt used; this is done for every line, so it is kept lean."""
    start, end = seconds(line.get("started")), seconds(line["ended"])
    if start is None or end is None:
        job.run = None
        return
    if job.wait is None:
        submitted = seconds(line.get("submitted"))
        # A clock that was set back makes no negative times.
        job.wait = None if submitted is None else max(0.0, start - submitted)
    job.run = run = end - start if end > start else 0.0
    processors, cpu_seconds = line.get("nb_proc"), line.get("cpu_seconds")
    if isinstance(processors, int):
        job.processor_seconds += run * processors
    if isinstance(cpu_seconds, float):
        job.cpu_seconds += cpu_seconds


def _owner(line: Line) -> str:
    return str(line.get("owner") or "-")


def _name(line: Line) -> str:
    return str(line["name"])


def _month(line: Line) -> str:
    """The month at this desk, which is that of UTC but for the first and the last days."""
    ended = line["ended"]
    if "02" <= ended[8:10] <= "27":
        return str(ended[:7])
    end = seconds(ended)
    return "-" if end is None else time.strftime("%Y-%m", time.localtime(end))


_PARTS: dict[str, Callable[[Line], str]] = {"owner": _owner, "month": _month, "name": _name}


def _figures(key: Key, group: _Sum) -> Figures:
    told = {state: group.states.get(state, 0) for state in _TOLD}
    jobs = sum(group.states.values())
    return Figures(
        key=key,
        jobs=jobs,
        finished=told[State.FINISHED],
        failed=told[State.FAILED],
        killed=told[State.KILLED],
        lost=told[State.LOST],
        other=jobs - sum(told.values()),
        processor_hours=group.processor_seconds / 3600,
        cpu_hours=group.cpu_seconds / 3600,
        wait_mean=_mean(group.waits),
        wait_median=_median(group.waits),
        run_mean=_mean(group.runs),
        run_median=_median(group.runs),
    )


def _mean(values: list[float]) -> float | None:
    return sum(values) / len(values) if values else None


def _median(ordered: list[float]) -> float | None:
    if not ordered:
        return None
    middle = len(ordered) // 2
    return (ordered[middle] + ordered[~middle]) / 2

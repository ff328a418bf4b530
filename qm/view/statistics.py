"""What jobs have used and how they fared, in groups: pure, from lines of the history."""

from __future__ import annotations

import time
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
    """One group while its jobs are added."""

    states: dict[str, int] = field(default_factory=dict)
    processor_seconds: float = 0.0
    cpu_seconds: float = 0.0
    waits: list[float] = field(default_factory=list)
    runs: list[float] = field(default_factory=list)


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
    sums: dict[Key, _Sum] = {}
    total = _Sum()
    for job in _jobs(lines, by).values():
        group = sums.get(job.key)
        if group is None:
            group = sums[job.key] = _Sum()
        _add(group, job)
    for group in sums.values():
        _merge(total, group)
    return Statistics(tuple(_figures(key, sums[key]) for key in sorted(sums)), _figures((), total))


def _jobs(lines: Iterable[Line], by: Sequence[str]) -> dict[int, _Job]:
    jobs: dict[int, _Job] = {}
    parts = [_PARTS[name] for name in by]
    for line in lines:
        job = jobs.get(line["id"])
        if job is None:
            job = jobs[line["id"]] = _Job()
        repeated = line.get("vanished") and line["attempt"] == job.attempt
        job.attempt, job.state = line["attempt"], line["state"]
        job.key = tuple([part(line) for part in parts])
        if not repeated:
            _count(job, line)
    return jobs


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


def _add(group: _Sum, job: _Job) -> None:
    group.states[job.state] = group.states.get(job.state, 0) + 1
    group.processor_seconds += job.processor_seconds
    group.cpu_seconds += job.cpu_seconds
    if job.wait is not None:
        group.waits.append(job.wait)
    if job.run is not None:
        group.runs.append(job.run)


def _merge(total: _Sum, group: _Sum) -> None:
    for state, count in group.states.items():
        total.states[state] = total.states.get(state, 0) + count
    total.processor_seconds += group.processor_seconds
    total.cpu_seconds += group.cpu_seconds
    total.waits += group.waits
    total.runs += group.runs


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


def _median(values: list[float]) -> float | None:
    if not values:
        return None
    ordered, middle = sorted(values), len(values) // 2
    return (ordered[middle] + ordered[~middle]) / 2

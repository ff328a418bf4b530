"""One look at everything that the dashboard shows."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from qm.dashboard.activity import ActivityReader, ReadTree
from qm.dashboard.jobs import Jobs, JobsReader
from qm.dashboard.logtail import Stamp, read_tail
from qm.dashboard.logtext import plain_lines
from qm.dashboard.snapshot import Gauge, LogTail, Machine, Snapshot, key_of
from qm.folders.layout import Layout
from qm.jobfiles import LOG
from qm.view import Entry, locate
from qm.view.joblog import no_log


class MachineUsage(Protocol):
    """What is in use of this machine, by whomever."""

    @property
    def cpu_percent(self) -> float:
        """Of all processors."""

    @property
    def memory_used(self) -> int:
        """Bytes."""

    @property
    def memory_total(self) -> int:
        """Bytes."""

    @property
    def load(self) -> float | None:
        """Of the last minute; None where the system counts none."""


@dataclass(frozen=True, slots=True)
class Meters:
    """How to measure: this machine, and the processes of a job."""

    machine: Callable[[], MachineUsage]
    tree: ReadTree


@dataclass(slots=True)
class Observer:
    """Looks at one QM_FOLDER, again and again. For one thread."""

    layout: Layout
    meters: Meters
    _jobs: JobsReader = field(init=False)
    _activity: ActivityReader = field(init=False)
    _shown_log: tuple[str, int, Stamp] | None = None

    def __post_init__(self) -> None:
        self._jobs = JobsReader(self.layout)
        self._activity = ActivityReader(self.layout, self.meters.tree)

    def look(self, now: float, part: str = "") -> Snapshot:
        """Everything at ``now``, in seconds since the epoch; jobs with this part in their names."""
        jobs = self._jobs.read(part)
        return Snapshot(
            now=now,
            root=self.layout.root,
            exists=os.path.isdir(self.layout.root),
            manager=jobs.manager,
            machine=_machine(jobs, self.meters.machine()),
            running=jobs.running,
            waiting=jobs.waiting,
            more_waiting=jobs.more_waiting,
            recent=jobs.recent,
            activity=self._activity.read(jobs.running),
            part=part,
        )

    def hurry(self) -> None:
        """Something has been done: the next look shows it, whatever it costs."""
        self._jobs.hurry()

    def read_log(self, entry: Entry, limit: int) -> LogTail | None:
        """The last ``limit`` bytes of a job's log; None where they are as they were last time."""
        key = key_of(entry)
        known = self._shown_log
        last = known[2] if known is not None and known[:2] == (key, limit) else None
        folder = locate(self.layout, entry)
        try:
            if folder is None:
                raise FileNotFoundError
            tail = read_tail(os.path.join(folder, LOG), limit, last)
        except OSError:
            self._shown_log = None
            return LogTail(key, (f"({no_log(entry)})",), 0)
        if tail is None:
            return None
        self._shown_log = (key, limit, tail.stamp)
        return LogTail(key, plain_lines(tail.data, cut=tail.before > 0), tail.before)


def _machine(jobs: Jobs, usage: MachineUsage) -> Machine:
    return Machine(
        processors=Gauge(sum(entry.nb_proc or 0 for entry in jobs.running), jobs.processors),
        gpus=_gpus(jobs),
        cpu_percent=usage.cpu_percent,
        memory=Gauge(usage.memory_used, usage.memory_total),
        load=usage.load,
    )


def _gpus(jobs: Jobs) -> Gauge | None:
    used = sum(entry.nb_gpu or 0 for entry in jobs.running)
    return Gauge(used, jobs.gpus) if used or jobs.gpus else None

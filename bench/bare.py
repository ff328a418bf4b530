"""What a drain is held against: a loop that does the least that a queue must do."""

from __future__ import annotations

import itertools
import os
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import harmonic_mean

from qm.osops import sync_file, sync_folder

_numbers = itertools.count(1)
_BESIDE = 300
"""Jobs of a bare loop beside something else: enough for a rate, and over in a moment."""


@dataclass(frozen=True, slots=True)
class Timed:
    """Jobs per second, and those of the bare loop right before and right after."""

    rate: float
    bare: float

    @property
    def share(self) -> float:
        """The rate in bare loops."""
        return self.rate / self.bare


def timed(where: Path, jobs: int, run: Callable[[], object]) -> Timed:
    """Time ``run``, which gets ``jobs`` jobs done, between two bare loops.

    On a machine that others use as well, a bare loop of a minute ago says little.
    """
    few = min(jobs, _BESIDE)
    before = bare_loop(where, few)
    began = time.perf_counter()
    run()
    seconds = time.perf_counter() - began
    after = bare_loop(where, few)
    return Timed(jobs / seconds, harmonic_mean([before, after]))


def bare_loop(where: Path, jobs: int, *, sync: bool = False) -> float:
    """Jobs per second of a loop that runs no-op jobs one after the other.

    For each job: rename its folder from ``q`` to ``r``, ``sh -c true``, write a
    record into it, rename it from ``r`` to ``d``. With ``sync``, the record
    and the folder ``d`` are brought to disk for each job.
    """
    root = where / f"bare{next(_numbers)}"
    waiting, running, done = root / "q", root / "r", root / "d"
    for place in (waiting, running, done):
        place.mkdir(parents=True)
    names = [f"job{number:06}" for number in range(jobs)]
    for name in names:
        (waiting / name).mkdir()
        (waiting / name / "proc_config.cfg").write_text("[QMOptions]\nscript : true\n", "utf-8")
    began = time.perf_counter()
    for name in names:
        os.rename(waiting / name, running / name)
        code = subprocess.run(["sh", "-c", "true"], check=False).returncode
        _write_record(running / name / "record.json", code, sync=sync)
        os.rename(running / name, done / name)
        if sync:
            sync_folder(str(done))
    return jobs / (time.perf_counter() - began)


def _write_record(path: Path, code: int, *, sync: bool) -> None:
    with path.open("wb") as record:
        record.write(b'{"exit_code": %d}\n' % code)
        if sync:
            record.flush()
            sync_file(record.fileno())

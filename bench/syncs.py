"""How many times QM brings something to disk for each job, counted with strace."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from bench.gate import Pipe
from bench.plan import Plan
from bench.queue import queue_in
from bench.series import Series

CALLS = ("fsync", "fdatasync", "sync_file_range", "syncfs", "sync")
_CALL = re.compile(rf"^\d+ +(?:{'|'.join(CALLS)})\(", re.MULTILINE)
_PROBE_LIMIT = 30


@dataclass(frozen=True, slots=True)
class Counted:
    """Syncs for each job, of its acceptance and of its run to the end."""

    accepting: float
    running: float


def count_in(text: str) -> int:
    """The calls in what ``strace -f`` wrote; a call that was resumed counts once."""
    return len(_CALL.findall(text))


def can_trace(where: Path) -> bool:
    """True if strace is there and may trace."""
    strace = shutil.which("strace")
    if strace is None:
        return False
    command = [strace, "-f", "-o", str(where / "probe.strace"), "sh", "-c", "true"]
    done = subprocess.run(command, capture_output=True, check=False, timeout=_PROBE_LIMIT)
    return done.returncode == 0


def count_syncs(plan: Plan) -> tuple[list[Series], tuple[str, ...]]:
    """Series with and without Sync, and notes on how they came about; none without strace."""
    if not plan.count_syncs:
        return [], ("Syncs were not counted (--no-count-syncs).",)
    if not can_trace(plan.where):
        return [], ("Syncs were not counted: strace is not installed, or may not trace here.",)
    found = []
    for sync in (True, False):
        counted = _count(plan, sync=sync)
        switch = f"Sync = {'yes' if sync else 'no'}"
        found.append(Series(f"{switch}, acceptance", "syncs/job", (counted.accepting,)))
        found.append(Series(f"{switch}, claim to end", "syncs/job", (counted.running,)))
    note = (
        f"Syncs are those of manager and supervisors together, in a run of {plan.synced_jobs}"
        " prepared jobs under strace. It slows all of them, so that claims share their syncs in"
        f" other batches than at full speed. The ends of the {plan.slots} jobs that held the slots"
        " are counted with them."
    )
    return found, (note,)


def _count(plan: Plan, *, sync: bool) -> Counted:
    folder = plan.where / f"syncs-{sync}"
    trace = plan.where / f"syncs-{sync}.strace"
    traced = ",".join(CALLS)
    wrapper = ("strace", "-f", "-qq", "-e", f"trace={traced}", "-o", str(trace))

    def so_far() -> int:
        return count_in(trace.read_text("utf-8", "replace"))

    with queue_in(folder, plan.slots, sync=sync) as queue, Pipe(plan.where) as gate:
        queue.start(wrapper)
        holders = queue.stage("gate", plan.slots, gate.hold_script)
        jobs = queue.stage("job", plan.synced_jobs, "true")
        queue.wait_rested()
        queue.move_in(holders)
        queue.wait_running(holders)
        begun = so_far()
        queue.move_in(jobs)
        queue.wait_accepted(jobs)
        accepted = so_far()
        gate.let_go(plan.slots)
        queue.wait_done(jobs)
        ended = so_far()
    return Counted((accepted - begun) / len(jobs), (ended - accepted) / len(jobs))

"""How fast QM empties its queue, against a bare loop and against other queues."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from bench import others
from bench.bare import bare_loop
from bench.gate import Pipe
from bench.plan import Plan
from bench.queue import Queue, Usage, queue_in
from bench.report import Section
from bench.series import Series, interleave, ratios, shown
from bench.syncs import count_syncs
from bench.tables import Table

DEFINITION = """
N jobs that do nothing (`sh -c true`), C slots; jobs per second.

prepared: all N are accepted and wait, held back by C jobs that hold the slots. The clock runs
from their release until the last of the N folders lies in QM_dJobs.

whole: the manager runs and is idle. The clock runs from the first of N renames into QM_qJobs
until the last folder lies in QM_dJobs; listing, settling, checking and recording each drop are
in it. The folders are older than Settle, so that none waits for its rest.

bare loop: Python, one job after the other: rename, `sh -c true`, write a record, rename; "synced"
brings the record and the folder of ended jobs to disk for each job.

x bare: the rate over that of the bare loop without syncs in the same round. Other queues run the
same command, prepared and whole as above where they can, with fewer jobs (they take 500 well).
"""

BARE = "bare loop"
_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Drained:
    """One drain: jobs per second, and milliseconds of CPU for each job where QM was measured."""

    rate: float
    manager_ms: float | None = None
    supervisor_ms: float | None = None


Contenders = dict[str, Callable[[], Drained]]


@contextmanager
def serving(plan: Plan, *, sync: bool, wrapper: tuple[str, ...] = ()) -> Iterator[Queue]:
    """A fresh queue with its manager running."""
    folder = plan.where / f"queue{next(_numbers)}"
    with queue_in(folder, plan.slots, sync=sync) as queue:
        queue.start(wrapper)
        yield queue


def drain_prepared(plan: Plan, *, sync: bool) -> Drained:
    """One drain of jobs that were accepted before."""
    with serving(plan, sync=sync) as queue, Pipe(plan.where) as gate:
        holders = queue.stage("gate", plan.slots, gate.hold_script)
        jobs = queue.stage("job", plan.jobs, "true")
        queue.wait_rested()
        queue.move_in(holders)
        queue.wait_running(holders)
        queue.move_in(jobs)
        queue.wait_accepted(jobs)
        before, began = queue.usage(), time.perf_counter()
        gate.let_go(plan.slots)
        queue.wait_done(jobs)
        return _drained(queue, plan.jobs, before, began)


def drain_whole(plan: Plan, *, sync: bool) -> Drained:
    """One drain from the first rename into the queue on."""
    with serving(plan, sync=sync) as queue:
        jobs = queue.stage("job", plan.jobs, "true")
        queue.wait_rested()
        before, began = queue.usage(), time.perf_counter()
        queue.move_in(jobs)
        queue.wait_done(jobs)
        return _drained(queue, plan.jobs, before, began)


def _drained(queue: Queue, jobs: int, before: Usage, began: float) -> Drained:
    seconds = time.perf_counter() - began
    after = queue.usage()
    return Drained(
        rate=jobs / seconds,
        manager_ms=(after.manager_cpu - before.manager_cpu) / jobs * 1000,
        supervisor_ms=(after.supervisor_cpu - before.supervisor_cpu) / jobs * 1000,
    )


def contenders(plan: Plan) -> Contenders:
    """What takes part in each round, in its order."""
    few = min(plan.jobs, others.MOST_JOBS)

    def rate_of(
        run: Callable[[Path, int], float] | partial[float], jobs: int
    ) -> Callable[[], Drained]:
        return lambda: Drained(run(plan.where, jobs))

    found: Contenders = {
        BARE: rate_of(bare_loop, plan.jobs),
        "bare loop, synced": rate_of(partial(bare_loop, sync=True), plan.jobs),
        "QM prepared, Sync = yes": lambda: drain_prepared(plan, sync=True),
        "QM prepared, Sync = no": lambda: drain_prepared(plan, sync=False),
        "QM whole, Sync = yes": lambda: drain_whole(plan, sync=True),
        "QM whole, Sync = no": lambda: drain_whole(plan, sync=False),
    }
    there = others.installed()
    if "task-spooler" in there:
        slots = plan.slots
        found["task-spooler prepared"] = rate_of(partial(others.spooled_prepared, slots=slots), few)
        found["task-spooler whole"] = rate_of(partial(others.spooled_whole, slots=slots), few)
    if "nq" in there:
        found["nq whole (1 slot)"] = rate_of(others.nq_whole, few)
    if "GNU parallel" in there:
        found["GNU parallel"] = rate_of(partial(others.parallel_whole, slots=plan.slots), few)
    return found


def measure(plan: Plan) -> Section:
    """All rounds."""
    results = interleave(contenders(plan), plan.repeat)
    rates = {name: _series(name, "jobs/s", [d.rate for d in got]) for name, got in results.items()}
    bare = rates[BARE].values
    shares = {name: ratios(f"{name}, x bare", r.values, bare) for name, r in rates.items()}
    costs = {name: _costs(name, got) for name, got in results.items()}
    syncs, notes = count_syncs(plan)
    rows = tuple(
        (name, rates[name].spread(), shares[name].spread(), *_cells(costs[name]))
        for name in results
    )
    heads = ("", "jobs/s", "x bare", "manager ms/job", "supervisor ms/job")
    title = f"Drain of {plan.jobs:,} jobs, {plan.slots} slots, {plan.repeat} rounds"
    tables = [Table(title, heads, rows)]
    if syncs:
        sync_rows = tuple((one.name, one.spread()) for one in syncs)
        tables.append(Table("Syncs", ("", "syncs/job"), sync_rows))
    series = [*rates.values(), *shares.values(), *(s for pair in costs.values() for s in pair)]
    return Section("drain", DEFINITION, tuple(tables), (*series, *syncs), notes)


def _series(name: str, unit: str, values: list[float]) -> Series:
    return Series(name, unit, tuple(values))


def _costs(name: str, got: list[Drained]) -> list[Series]:
    found = []
    manager = [one.manager_ms for one in got if one.manager_ms is not None]
    supervisor = [one.supervisor_ms for one in got if one.supervisor_ms is not None]
    for who, values in (("manager", manager), ("supervisor", supervisor)):
        if values:
            found.append(_series(f"{name}, {who} CPU", "ms/job", values))
    return found


def _cells(costs: list[Series]) -> tuple[str, str]:
    if len(costs) != 2:
        return "", ""
    return shown(costs[0].median), shown(costs[1].median)

"""How fast QM empties its queue, against a bare loop and against other queues."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from bench import others
from bench.bare import Timed, bare_loop, timed
from bench.gate import Pipe
from bench.plan import Plan
from bench.queue import Queue, queue_in
from bench.report import Section
from bench.series import Series, interleave, shown
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

x bare: the rate over that of the bare loop without syncs right before and right after. Other
queues run the same command, prepared and whole as above where they can, with fewer jobs (they
take 500 well).
"""

_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Drained:
    """One drain, and milliseconds of CPU for each job where QM was measured."""

    timed: Timed
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

        def drain() -> None:
            gate.let_go(plan.slots)
            queue.wait_done(jobs)

        return _drained(plan, queue, drain)


def drain_whole(plan: Plan, *, sync: bool) -> Drained:
    """One drain from the first rename into the queue on."""
    with serving(plan, sync=sync) as queue:
        jobs = queue.stage("job", plan.jobs, "true")
        queue.wait_rested()

        def drain() -> None:
            queue.move_in(jobs)
            queue.wait_done(jobs)

        return _drained(plan, queue, drain)


def _drained(plan: Plan, queue: Queue, drain: Callable[[], None]) -> Drained:
    before = queue.usage()
    result = timed(plan.where, plan.jobs, drain)
    after = queue.usage()
    return Drained(
        timed=result,
        manager_ms=(after.manager_cpu - before.manager_cpu) / plan.jobs * 1000,
        supervisor_ms=(after.supervisor_cpu - before.supervisor_cpu) / plan.jobs * 1000,
    )


def contenders(plan: Plan) -> Contenders:
    """What takes part in each round, in its order."""
    where, slots, few = plan.where, plan.slots, min(plan.jobs, others.MOST_JOBS)
    spooled, whole = others.spooled_prepared, others.spooled_whole
    found: Contenders = {
        "bare loop, synced": lambda: Drained(timed(where, plan.jobs, lambda: _synced(plan))),
        "QM prepared, Sync = yes": lambda: drain_prepared(plan, sync=True),
        "QM prepared, Sync = no": lambda: drain_prepared(plan, sync=False),
        "QM whole, Sync = yes": lambda: drain_whole(plan, sync=True),
        "QM whole, Sync = no": lambda: drain_whole(plan, sync=False),
    }
    there = others.installed()
    if "task-spooler" in there:
        found["task-spooler prepared"] = lambda: Drained(spooled(where, few, slots))
        found["task-spooler whole"] = lambda: Drained(whole(where, few, slots))
    if "nq" in there:
        found["nq whole (1 slot)"] = lambda: Drained(others.nq_whole(where, few))
    if "GNU parallel" in there:
        found["GNU parallel"] = lambda: Drained(others.parallel_whole(where, few, slots))
    return found


def _synced(plan: Plan) -> float:
    return bare_loop(plan.where, plan.jobs, sync=True)


def measure(plan: Plan) -> Section:
    """All rounds."""
    results = interleave(contenders(plan), plan.repeat)
    drains = [one for got in results.values() for one in got]
    bare = _series("bare loop", "jobs/s", [one.timed.bare for one in drains])
    rows = [(bare.name, bare.spread(), "1", "", "")]
    series = [bare]
    for name, got in results.items():
        rate = _series(name, "jobs/s", [one.timed.rate for one in got])
        share = _series(f"{name}, x bare", "ratio", [one.timed.share for one in got])
        costs = _costs(name, got)
        rows.append((name, rate.spread(), share.spread(), *_cells(costs)))
        series += [rate, share, *costs]
    heads = ("", "jobs/s", "x bare", "manager ms/job", "supervisor ms/job")
    title = f"Drain of {plan.jobs:,} jobs, {plan.slots} slots, rounds: {plan.repeat}"
    tables = [Table(title, heads, tuple(rows))]
    syncs, notes = count_syncs(plan)
    if syncs:
        sync_rows = tuple((one.name, one.spread()) for one in syncs)
        tables.append(Table("Syncs", ("", "syncs/job"), sync_rows))
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

"""One very large queue: starts, rest, lists, and a drain in front of all that waits."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from functools import partial

import click

from bench.bare import Timed
from bench.growth import Lane, drained_table, lane_in
from bench.idle import at_rest
from bench.plan import Plan
from bench.queue import Queue, queue_in
from bench.report import Section
from bench.series import Series, interleave, shown
from bench.startup import Restarts, Started, listed_table, listings, started_table
from bench.tables import Table

DEFINITION = """
N jobs wait and N have ended, each a real folder with its records; nothing else is done to the
queue before. Start, restart and lists are as for startup: seconds from the start of `qm serve`
until it says that it serves, until the first instruction of the first job, until the index knows
all that has ended; the manager's memory once all that is done.

At rest: as for idle, with jobs that wait for a pipe in all slots, after the last restart.

Drain: as for growth, of jobs of high priority with the N jobs of low priority behind them, beside
a manager that has no others; their rounds alternate.
"""

_CALM_WITHIN = 120.0
_BYTES_A_JOB = 48 << 10
"""Of a waiting and an ended job together, with their folders, in blocks of 4 KiB."""


def measure(plan: Plan) -> Section:
    """All of it, on one queue."""
    size, folder = plan.bulk, plan.where / "bulk"
    _require_room(plan)
    with queue_in(folder, plan.slots) as queue:
        restarts = Restarts(plan, folder, queue, size)
        try:
            _tell(f"makes {size:,} ended and {size:,} waiting jobs, starts and restarts")
            started = restarts.all_of_them(plan.bulk_restarts)
            _tell("rests")
            rest = at_rest(queue, "at rest", plan.idle_for, _CALM_WITHIN)
            _tell("lists")
            listed = listings(queue, plan.repeat)
            _tell("drains")
            drained = _drain(plan, queue, restarts)
        finally:
            restarts.close()
    return _section(plan, started, rest, listed, drained)


def _tell(what: str) -> None:
    """For minutes nothing else would be said."""
    print(f"bulk: {what} …", file=sys.stderr, flush=True)


def _require_room(plan: Plan) -> None:
    free, needed = shutil.disk_usage(plan.where).free, plan.bulk * _BYTES_A_JOB
    if free < needed:
        raise click.ClickException(
            f"{plan.bulk:,} waiting and as many ended jobs need {needed / 1e9:.1f} GB in"
            f" {plan.where}, where {free / 1e9:.1f} GB are free. Choose another place with --dir,"
            " or fewer jobs with --size"
        )


def _drain(plan: Plan, queue: Queue, restarts: Restarts) -> dict[str, list[Timed]]:
    behind = Lane(plan, queue, restarts.gate)
    try:
        with lane_in(plan.where / "alone", plan, 0) as alone:
            lanes = {
                "0 others behind": partial(alone.drain),
                f"{plan.bulk:,} others behind": partial(behind.drain),
            }
            return interleave(lanes, plan.repeat)
    finally:
        # Before its holders go: the others shall not start.
        queue.stop()
        behind.close()


def _section(
    plan: Plan,
    started: dict[str, list[Started]],
    rest: Sequence[Series],
    listed: dict[str, list[float]],
    drained: dict[str, list[Timed]],
) -> Section:
    starting, starts = started_table(started, plan.bulk_restarts)
    listing, lists = listed_table(listed, plan.repeat)
    draining, drains = drained_table(plan, drained, alone="0 others behind")
    heads = ("", "CPU %", "of it manager", "manager MB", "supervisor MB")
    cells = tuple(shown(one.median) for one in rest)
    resting = Table(f"At rest for {plan.idle_for:g} s", heads, (("with all of them", *cells),))
    note = f"N is {plan.bulk:,}."
    return Section(
        "bulk",
        DEFINITION,
        (starting, resting, listing, draining),
        (*starts, *rest, *lists, *drains),
        (note,),
    )

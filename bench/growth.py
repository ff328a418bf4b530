"""Whether a drain is slower when many other jobs wait behind it."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

from bench.bare import Timed, timed
from bench.gate import Pipe
from bench.plan import Plan
from bench.queue import Queue, queue_in
from bench.report import Section
from bench.series import Series, interleave, ratios
from bench.tables import Table

DEFINITION = """
The prepared drain of N jobs of high priority, with others of low priority waiting behind them
that never start: between the two stand jobs that take the slots when the N have ended. One
manager for each number of others; their rounds alternate. x bare is as for drain; x alone
compares the x bare of one round with and without others, which must not differ by more than 15 %.
"""

_HIGH, _BETWEEN, _LOW = 10, 5, 0
TOLERANCE = 0.15


class Lane:
    """One queue whose slots are held between its rounds."""

    def __init__(self, plan: Plan, queue: Queue, gate: Pipe | None = None) -> None:
        """``gate``: what holds the slots of a queue that is prepared already."""
        self._plan = plan
        self._queue = queue
        self._round = 0
        self._gate = gate or Pipe(plan.where)
        self.accepted_per_second: float | None = None

    def prepare(self, others: int) -> None:
        """Start the manager, hold its slots, and put ``others`` jobs in."""
        queue = self._queue
        holders = queue.stage("gate", self._plan.slots, self._gate.hold_script, priority=_BETWEEN)
        behind = queue.stage("other", others, "true", priority=_LOW)
        queue.wait_rested()
        queue.start()
        queue.move_in(holders)
        queue.wait_running(holders)
        began = time.perf_counter()
        queue.move_in(behind)
        queue.wait_accepted(behind)
        if behind:
            self.accepted_per_second = others / (time.perf_counter() - began)

    def drain(self) -> Timed:
        """One round."""
        plan, queue = self._plan, self._queue
        self._round += 1
        last_gate, self._gate = self._gate, Pipe(plan.where)
        script = self._gate.hold_script
        jobs = queue.stage(f"job{self._round}-", plan.jobs, "true", priority=_HIGH)
        holders = queue.stage(f"between{self._round}-", plan.slots, script, priority=_BETWEEN)
        queue.wait_rested()
        queue.move_in([*jobs, *holders])
        queue.wait_accepted([*jobs, *holders])

        def drain() -> None:
            last_gate.let_go(plan.slots)
            queue.wait_done(jobs)

        drained = timed(plan.where, plan.jobs, drain)
        queue.wait_running(holders)
        last_gate.close()
        return drained

    def close(self) -> None:
        """Let the holders go."""
        self._gate.close()


@contextmanager
def lane_in(folder: Path, plan: Plan, others: int) -> Iterator[Lane]:
    """A lane of its own, prepared, with ``others`` jobs behind; all of it is ended afterwards."""
    with queue_in(folder, plan.slots) as queue:
        lane = Lane(plan, queue)
        lane.prepare(others)
        yield lane
        # Before its holders go: the others shall not start.
        queue.stop()
        lane.close()


def measure(plan: Plan) -> Section:
    """All rounds, with each number of others."""
    with ExitStack() as stack:
        lanes = {
            size: stack.enter_context(lane_in(plan.where / f"growth{size}", plan, size))
            for size in plan.sizes
        }
        names = {size: f"{size:,} others behind" for size in plan.sizes}
        runs = {names[size]: partial(lane.drain) for size, lane in lanes.items()}
        results = interleave(runs, plan.repeat)
        accepted = [
            Series(f"acceptance of {size:,} drops", "drops/s", (lane.accepted_per_second,))
            for size, lane in lanes.items()
            if lane.accepted_per_second is not None
        ]
    drained, series = drained_table(plan, results, alone=names[min(plan.sizes)])
    accepting = Table(
        "Acceptance while all slots are held",
        ("drops", "drops/s"),
        tuple((one.name, one.spread()) for one in accepted),
    )
    return Section("growth", DEFINITION, (drained, accepting), (*series, *accepted))


def drained_table(
    plan: Plan, results: Mapping[str, Sequence[Timed]], *, alone: str
) -> tuple[Table, list[Series]]:
    """The table of all lanes, and its figures; ``alone`` is the lane to hold them against."""
    shares = [one.share for one in results[alone]]
    series: list[Series] = []
    rows = []
    for name, got in results.items():
        rate = Series(name, "jobs/s", tuple(one.rate for one in got))
        share = Series(f"{name}, x bare", "ratio", tuple(one.share for one in got))
        ratio = ratios(f"{name}, x alone", share.values, shares)
        verdict = _verdict(ratio.median)
        rows.append((name, rate.spread(), share.spread(), ratio.spread(), verdict))
        series += [rate, share, ratio]
    title = f"Prepared drain of {plan.jobs:,} jobs, {plan.slots} slots, rounds: {plan.repeat}"
    heads = ("", "jobs/s", "x bare", "x alone", "within 15 %")
    return Table(title, heads, tuple(rows)), series


def _verdict(share: float) -> str:
    return "yes" if abs(share - 1) <= TOLERANCE else "NO"

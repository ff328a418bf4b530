"""When waiting jobs will start, if every job runs for as long as its walltime says."""

from __future__ import annotations

import heapq
from collections.abc import Iterable

from qm.planner.jobs import Capacity, Running, Waiting, begun
from qm.planner.planner import Planner


def forecast(
    waiting: Iterable[Waiting],
    running: Iterable[Running],
    capacity: Capacity,
    now: float,
    reserve_after: float | None,
) -> dict[int, float]:
    """Expected starts of waiting jobs, in seconds since the epoch, by id.

    The queue is played forward by the planner itself. A job without a walltime
    never ends here: who would have to wait for its end is left out. A job that
    has outlived its walltime counts as one that ends now.
    """
    planner = Planner(capacity, reserve_after)
    jobs = {job.id: job for job in waiting}
    for one in jobs.values():
        planner.add(one)
    ends: list[tuple[float, int]] = []
    for run in running:
        planner.started(run)
        if run.ends is not None:
            ends.append((max(run.ends, now), run.id))
    heapq.heapify(ends)
    starts: dict[int, float] = {}
    moment = now
    while planner:
        while (job_id := planner.next(moment)) is not None:
            run = begun(jobs[job_id], moment)
            planner.remove(job_id)
            planner.started(run)
            starts[job_id] = moment
            if run.ends is not None:
                heapq.heappush(ends, (run.ends, job_id))
        if not ends:
            break
        moment = ends[0][0]
        while ends and ends[0][0] == moment:
            planner.ended(heapq.heappop(ends)[1])
    return starts

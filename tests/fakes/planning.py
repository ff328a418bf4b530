"""Short ways to write down waiting and running jobs, and a planner that is easy to believe."""

from __future__ import annotations

from collections.abc import Iterable

from hypothesis import strategies as st

from qm.planner import Capacity, Needs, Planner, Running, Waiting

GB = 1 << 30

needs = st.builds(Needs, st.integers(1, 10), st.sampled_from([0, GB, 5 * GB]), st.integers(0, 3))
walltimes = st.none() | st.integers(1, 100).map(float)
capacities = st.builds(
    Capacity,
    st.integers(1, 9),
    st.none() | st.just(6 * GB),
    st.integers(0, 2),
    st.sampled_from([False] * 7 + [True]),
)
reserves = st.none() | st.integers(0, 50).map(float)
NOW = 100.0
"""The moment that the random jobs fit."""


@st.composite
def some_waiting(draw: st.DrawFn) -> list[Waiting]:
    """Some jobs that wait at NOW."""
    ids = draw(st.lists(st.integers(100, 130), max_size=12, unique=True))
    return [
        Waiting(
            job_id,
            draw(needs),
            draw(walltimes),
            draw(st.integers(-1, 1)),
            draw(st.integers(0, 5)),
            float(draw(st.integers(0, 100))),
        )
        for job_id in ids
    ]


@st.composite
def some_running(draw: st.DrawFn) -> list[Running]:
    """Some jobs that run at NOW, or should have ended by then."""
    return [
        Running(
            job_id,
            draw(needs),
            draw(st.integers(-1, 1)),
            draw(st.integers(0, 5)),
            float(draw(st.integers(0, 100))),
            draw(st.none() | st.integers(50, 200).map(float)),
        )
        for job_id in range(draw(st.integers(0, 4)))
    ]


def waits(
    job_id: int,
    processors: int = 1,
    *,
    memory: int = 0,
    gpus: int = 0,
    walltime: float | None = None,
    priority: int = 0,
    since: float = 0.0,
) -> Waiting:
    """A waiting job; those of smaller ids came earlier."""
    return Waiting(job_id, Needs(processors, memory, gpus), walltime, priority, job_id, since)


def runs(
    job_id: int,
    processors: int = 1,
    *,
    memory: int = 0,
    gpus: int = 0,
    started: float = 0.0,
    ends: float | None = None,
    priority: int = 0,
) -> Running:
    """A running job; those of smaller ids came earlier."""
    return Running(job_id, Needs(processors, memory, gpus), priority, job_id, started, ends)


def planner_of(
    capacity: Capacity,
    waiting: Iterable[Waiting] = (),
    running: Iterable[Running] = (),
    reserve_after: float | None = None,
) -> Planner:
    """A planner that was told all that."""
    planner = Planner(capacity, reserve_after)
    for run in running:
        planner.started(run)
    for job in waiting:
        planner.add(job)
    return planner


def next_by_definition(
    waiting: Iterable[Waiting],
    running: Iterable[Running],
    capacity: Capacity,
    reserve_after: float | None,
    now: float,
) -> int | None:
    """What Planner.next must answer, by the words of docs/SCHEDULING.md and no cleverness."""
    running = list(running)
    limits = (capacity.processors, capacity.memory or 0, capacity.gpus)

    def held(job: Waiting | Running) -> list[int]:
        return [min(amount, limit) for amount, limit in zip(job.needs, limits, strict=True)]

    def left_beside(jobs: Iterable[Waiting | Running]) -> list[int]:
        sums = [held(job) for job in jobs]
        return [limit - sum(one[n] for one in sums) for n, limit in enumerate(limits)]

    def fits(job: Waiting, room: list[int]) -> bool:
        return all(amount <= left for amount, left in zip(held(job), room, strict=True))

    def place(job: Waiting | Running) -> tuple[int, int, int]:
        return (-job.priority, job.arrival, job.id)

    def may_overtake(job: Waiting, head: Waiting) -> bool:
        for moment in sorted({run.ends for run in running if run.ends is not None}):
            still = [run for run in running if run.ends is None or run.ends > moment]
            if fits(head, left_beside(still)):
                short = job.walltime is not None and job.walltime <= moment - now
                return short or fits(job, left_beside([*still, head]))
        if reserve_after is None or now < head.since + reserve_after:
            return True
        begin = head.since + reserve_after
        overtook = [run for run in running if run.started >= begin and place(run) > place(head)]
        return fits(job, left_beside([*overtook, head]))

    if capacity.blocking and running:
        return None
    queue = sorted(waiting, key=place)
    for job in queue:
        if fits(job, left_beside(running)) and (job is queue[0] or may_overtake(job, queue[0])):
            return job.id
    return None

"""Random walks: whatever happens in whatever order, the core loses, doubles and forgets nothing."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from qm.core import events as ev
from qm.model import Place, Reason, State
from tests.fakes.bench import Bench
from tests.fakes.world import World

NAMES = "abcdef"


def some_drop(world: World) -> None:
    world.drop(NAMES[world.chance(len(NAMES))], good=world.chance(5) < 4)


def some_work(world: World) -> None:
    for _ in range(1 + world.chance(6)):
        world.work()


def some_process(world: World) -> None:
    running = world.running()
    if running:
        world.process(running[world.chance(len(running))], world.chance(5))


def some_removal(world: World) -> None:
    waiting = world.waiting()
    if waiting:
        world.take_away(waiting[world.chance(len(waiting))])


def some_rename(world: World) -> None:
    waiting = world.waiting()
    if waiting:
        world.rename(waiting[world.chance(len(waiting))], NAMES[world.chance(len(NAMES))])


def some_return(world: World) -> None:
    """A person puts an ended job back to run again."""
    ended = [f for f in world.folders.values() if f.place in (Place.DONE, Place.LOST)]
    if ended:
        world.put_back(ended[world.chance(len(ended))])


def some_request(world: World) -> None:
    verb = ("kill", "hold", "release", "rm")[world.chance(4)]
    target = world.chance(16)
    world.ask(verb, NAMES[target] if target < len(NAMES) else str(target - len(NAMES) + 1))


def some_time(world: World) -> None:
    world.bench.wait((0.1, 1.0, 6.0, 70.0)[world.chance(4)])
    world.tell(ev.Tick())


def some_trouble(world: World) -> None:
    what = world.chance(4)
    if what == 0:
        world.tell(ev.Frozen(Reason("FolderGone", "unmounted")))
    elif what == 1:
        world.tell(ev.IndexLost())
    else:
        world.tell(ev.Frozen(None))


OFTEN: tuple[Callable[[World], None], ...] = (some_work, some_work, World.plan, some_drop)
SOMETIMES = (some_process, some_time, some_request, World.list_all)
SELDOM = (some_removal, some_rename, some_return, some_trouble)
STEPS = (*OFTEN * 3, *SOMETIMES * 2, *SELDOM)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(0, 2**32), st.integers(1, 3), st.booleans())
def test_every_walk_keeps_the_rules_and_comes_to_its_end(
    seed: int, processors: int, blocking: bool
) -> None:
    world = World(Bench(processors=processors, blocking=blocking), Random(seed).randrange)
    for _ in range(150):
        STEPS[world.chance(len(STEPS))](world)
    world.settle_down()
    everything_is_known(world)


def everything_is_known(world: World) -> None:
    state = world.bench.state
    assert world.bench.core.refusals == []
    # Whatever still waits is held, or it is no job yet and says why.
    for folder in world.waiting():
        job_id = state.by_name.get(folder.name)
        if job_id is not None:
            job = state.jobs[job_id]
            assert job.state is State.HELD, f"{folder} never started"
            assert job.identity == folder.identity
        else:
            assert folder.name in state.arrivals, f"{folder} is forgotten"
    # Nobody holds processors for nothing, and nothing lies in QM_Jobs that nobody knows.
    assert (state.runs, state.ending, state.requeueing) == ({}, {}, {})
    left = [f for f in world.folders.values() if f.place is Place.RUNNING]
    assert left == [], f"forgotten in QM_Jobs: {left}"
    assert state.accepting == {} and state.asked == {}
    assert world.asked == set(world.answered), "a request without an answer"

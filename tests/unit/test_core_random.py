"""Random walks: whatever happens in whatever order, the core loses, doubles and forgets nothing."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from qm.core import events as ev
from qm.core.dependencies import open_job
from qm.core.state import CoreState
from qm.model import Job, Place, Reason, State
from qm.times import utc_text
from tests.fakes import people
from tests.fakes.bench import Bench
from tests.fakes.ground import ENDED
from tests.fakes.world import World

NAMES = "abcdef"


def some_name(world: World) -> str:
    return NAMES[world.chance(len(NAMES))]


def some_target(world: World) -> str:
    """A name or an id, known or not."""
    target = world.chance(18)
    return NAMES[target] if target < len(NAMES) else str(target - len(NAMES) + 1)


def some_wish(world: World) -> dict[str, Any]:
    wish: dict[str, Any] = {"nb_proc": 1 + world.chance(3)}
    for _ in range(world.chance(3)):
        what = world.chance(8)
        if what < 3:
            condition = ("afterok", "afterany", "afternotok")[world.chance(3)]
            wish["after"] = (f"{condition}:{some_target(world)}",)
        elif what == 3:
            wish |= {"retries": 1 + world.chance(2), "retry_delay": (0.0, 60.0)[world.chance(2)]}
        elif what == 4:
            wish["begin"] = utc_text(world.bench.wall + (-5, 30, 300)[world.chance(3)])
        elif what == 5:
            wish["rerunnable"] = True
        elif what == 6:
            wish["hold"] = True
        else:
            wish["nb_gpu"] = 1
    return wish


def some_drop(world: World) -> None:
    people.drop(world, some_name(world), good=world.chance(5) < 4, **some_wish(world))


def some_work(world: World) -> None:
    for _ in range(1 + world.chance(6)):
        world.work()


def some_process(world: World) -> None:
    running = world.running()
    if running:
        world.process(running[world.chance(len(running))], (0, 0, 0, 1, 2, 3, 4)[world.chance(7)])


def some_removal(world: World) -> None:
    folders = list(world.folders.values())
    if folders and world.chance(2):
        people.take_away(world, folders[world.chance(len(folders))])


def some_rename(world: World) -> None:
    waiting = world.waiting()
    if waiting:
        people.rename(world, waiting[world.chance(len(waiting))], some_name(world))


def some_edit(world: World) -> None:
    waiting = world.waiting()
    if waiting:
        people.edit(world, waiting[world.chance(len(waiting))], **some_wish(world))


def some_copy(world: World) -> None:
    folders = list(world.folders.values())
    if folders and len(folders) < 30:
        people.copy(world, folders[world.chance(len(folders))])


def some_return(world: World) -> None:
    """A person puts an ended job back to run again."""
    ended = [f for f in world.folders.values() if f.place in ENDED]
    if ended:
        people.move(world, ended[world.chance(len(ended))], Place.WAITING)


def some_move(world: World) -> None:
    """A person moves a job to a folder where it does not belong."""
    open_ones = [f for f in world.folders.values() if f.place not in ENDED and f.job is not None]
    if open_ones:
        place = tuple(Place)[world.chance(4)]
        people.move(world, open_ones[world.chance(len(open_ones))], place)


def some_request(world: World) -> None:
    verbs = ("kill", "hold", "release", "rm", "rerun", "suspend", "resume", "set", "accepted")
    verb = verbs[world.chance(len(verbs) - 1)]
    if verb == "set":
        keys = ("priority", "nb_proc", "retries", "after", "begin")
        texts = {
            "priority": "5",
            "nb_proc": "2",
            "retries": "1",
            "after": some_target(world),
            "begin": "2026-01-01T00:05:00",
        }
        key = keys[world.chance(len(keys))]
        text = "" if world.chance(5) == 4 else texts[key]
        people.ask(world, verb, some_target(world), changes={key: text})
    else:
        people.ask(world, verb, some_target(world))


def some_steering(world: World) -> None:
    what = world.chance(5)
    if what < 2:
        people.ask(world, "drain", on=what == 1)
    elif what < 4:
        people.ask(world, "limit", processors=(None, 1, 2, 9)[world.chance(4)])
    elif world.chance(4) == 3:
        people.ask(world, "stop", mode=("now", "wait", "kill")[world.chance(3)])


def some_time(world: World) -> None:
    world.bench.wait((0.1, 1.0, 6.0, 70.0)[world.chance(4)])
    world.tell(ev.Tick())


def some_trouble(world: World) -> None:
    what = world.chance(5)
    if what == 0:
        world.tell(ev.Frozen(Reason("FolderGone", "unmounted")))
    elif what == 1:
        world.tell(ev.IndexLost())
    elif what == 2:
        world.restart()
    else:
        world.tell(ev.Frozen(None))


OFTEN: tuple[Callable[[World], None], ...] = (some_work, some_work, World.plan, some_drop)
SOMETIMES = (some_process, some_process, some_time, some_request, World.list_all)
SELDOM = (some_removal, some_rename, some_return, some_trouble, some_edit, some_copy)
RARELY = (some_move, some_steering)
STEPS = (*OFTEN * 4, *SOMETIMES * 3, *SELDOM, *RARELY)


def walk(seed: int, processors: int, steps: int, *, blocking: bool) -> World:
    """A walk of so many steps, to its fixed point."""
    more = {"brake": 3, "cpus": tuple(range(processors)), "gpus": (0,)}
    bench = Bench(processors=processors, blocking=blocking, more=more)
    world = World(Random(seed).randrange, bench=bench)
    for _ in range(steps):
        STEPS[world.chance(len(STEPS))](world)
    world.settle_down()
    everything_is_known(world)
    before = homes(world)
    world.restart()
    world.settle_down()
    everything_is_known(world)
    assert world.intents == {}
    other = before.items() - homes(world).items()
    assert not other, f"a restart makes a difference: {other}"
    return world


def homes(world: World) -> dict[int, tuple[bool, int | None]]:
    """Whether each folder has ended, and which job it is.

    But those of jobs that wait for others: a start looks up names whose jobs
    were taken away since, and may find older ones.
    """
    jobs = world.bench.state.jobs.values()
    others = {job.identity.inode for job in jobs if not job.depends}
    return {
        f.identity.inode: (f.has_ended(), None if f.job is None else f.job.id)
        for f in world.folders.values()
        if f.has_ended() or f.identity.inode in others
    }


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(0, 2**32), st.integers(1, 3), st.booleans())
def test_every_walk_keeps_the_rules_and_comes_to_its_end(
    seed: int, processors: int, blocking: bool
) -> None:
    walk(seed, processors, 120, blocking=blocking)


@pytest.mark.slow
@pytest.mark.timeout(600)
@settings(max_examples=1500, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(0, 2**32), st.integers(1, 3), st.booleans())
def test_many_longer_walks_keep_the_rules_and_come_to_their_end(
    seed: int, processors: int, blocking: bool
) -> None:
    walk(seed, processors, 250, blocking=blocking)


def everything_is_known(world: World) -> None:
    state = world.bench.state
    assert world.bench.core.refusals == []
    # Whatever still waits is held or after another that waits, or it is no job yet and says why.
    for folder in world.waiting():
        job_id = state.by_name.get(folder.name)
        if job_id is not None:
            job = state.jobs[job_id]
            assert job.identity == folder.identity
            assert waits_for_a_person(state, job, set()), f"{job} never started"
        else:
            assert folder.name in state.arrivals, f"{folder} is forgotten"
            assert state.arrivals[folder.name].reason is not None
    # Nobody holds processors for nothing, and nothing lies in QM_Jobs that nobody knows.
    assert (state.runs, state.ending, state.requeueing) == ({}, {}, {})
    # But what a person put there that is no open job of ours.
    in_jobs = [f for f in world.folders.values() if f.place is Place.RUNNING]
    left = [f for f in in_jobs if f.records().is_ours and not f.has_ended()]
    assert left == [], f"forgotten in QM_Jobs: {left}"
    # What has ended has an end.
    for folder in world.folders.values():
        if folder.place in ENDED and folder.job is not None and folder.records().is_ours:
            assert folder.has_ended(), f"{folder} is no end"
    # Nothing is kept for what is over.
    over = (state.accepting, state.asked, state.setting, state.pausing, state.rerunning)
    assert over == ({}, {}, {}, {}, {})
    assert state.marks.keys() <= state.jobs.keys()
    assert len(state.cpus) == len(state.settings.cpus) and len(state.gpus) == 1
    assert state.dependents.linked.keys() <= state.jobs.keys()
    assert world.open == {}, "a request without an answer"


def waits_for_a_person(state: CoreState, job: Job, seen: set[int]) -> bool:
    """Held; or after a job that never came, or that waits for a person itself."""
    assert job.id not in seen, f"jobs wait for each other: {seen}"
    if job.state is State.HELD:
        return True
    if job.reason is None or job.reason.word != "Dependency":
        return False
    waiting = [one for one in job.depends if one.id not in state.dependents.ends]
    for one in waiting:
        before = None if one.id is None else open_job(state, one.id)
        if before is None or waits_for_a_person(state, before, {*seen, job.id}):
            return True
    return False

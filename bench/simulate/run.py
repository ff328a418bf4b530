"""One history from its first step to the rest after it, and what was wrong with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random

from bench.simulate.history import Step
from bench.simulate.people import People
from bench.simulate.promises import broken_promises, listing
from bench.simulate.world import World, a_world
from qm.model import Place

_REST = 25.0
"""Seconds after the last step in which most come to rest …"""
_PATIENCE = 700.0
"""… and how long they may take: longer than QM waits for anything."""
_AGAIN = 15.0
"""Seconds in which a drop that settles is accepted or refused."""
_TURNS = 60_000


@dataclass
class Result:
    """What became of a history."""

    broken: list[str]
    """The promises that were not kept; none where all is well."""
    deeds: list[str]
    """Each step in words."""
    crashes: int = 0
    cuts: int = 0
    starts: int = 0
    ends: dict[str, int] = field(default_factory=dict)


def run_history(steps: Sequence[Step]) -> Result:
    """Live through it, let all come to rest, and look."""
    with a_world(Random(0)) as world:
        people = People(world)
        kernel = world.kernel
        for step in steps:
            kernel.random = Random(step.seed)
            people.act(step)
            if step.verb == "wait":
                world.run(step.amount / 100)
            else:
                world.run(0.3, step.seed % 60)
        kernel.random = Random(0)
        broken, ends = _after_rest(people)
        if not broken:
            before = listing(world)
            world.kill_manager()
            world.start()
            world.run(_AGAIN, _TURNS)
            if changed := before.changed(listing(world)):
                broken.append(f"a restart changes what had come to rest: {changed}")
        broken += kernel.complaints
        crashes, cuts, starts = world.crashes, world.cuts, len(world.machine.started)
    return Result(broken, people.deeds, crashes, cuts, starts, ends)


def _after_rest(people: People) -> tuple[list[str], dict[str, int]]:
    """Let all come to rest; what is wrong then, and the states of ended jobs."""
    world = people.world
    world.kernel.spare()
    world.start()
    world.machine.settle()
    world.run(3.0, _TURNS)
    world.start()
    people.ask("drain", (), {"on": False})
    broken: list[str] = []
    for seconds in (_REST, _AGAIN, _PATIENCE):
        # Asked to stop by the last step, it may have taken longer than until now.
        world.start()
        if not world.run(seconds, _TURNS):
            return ["QM does not come to rest"], {}
        ends: dict[str, int] = {}
        broken = broken_promises(people, ends)
        if not broken and (seconds == _PATIENCE or not _something_settles(world)):
            return [], ends
    return broken, {}


def _something_settles(world: World) -> bool:
    """Whether a drop is still to be accepted or refused: one whose writer seems to pause may take
    minutes; or QM has not found it yet.
    """
    shelf = world.shelf
    known = {row.name for row in shelf.rows.values() if row.ended is None}
    return bool(shelf.arrivals or set(world.names(Place.WAITING)) - known)

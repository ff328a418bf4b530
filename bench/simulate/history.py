"""A history: what people do and what fails, step by step, made from a seed.

Each step has random numbers of its own, for all that happens until the next one. So a step may be
left out of a history, and the others still are what they were.
"""

from __future__ import annotations

from random import Random
from typing import NamedTuple

_WEIGHTS = {
    "drop": 9,
    "copy in slowly": 2,
    "grow": 2,
    "edit": 3,
    "rename": 3,
    "move": 4,
    "put back": 4,
    "copy": 3,
    "delete": 2,
    "mark": 2,
    "kill": 4,
    "hold": 3,
    "release": 3,
    "rerun": 5,
    "rm": 2,
    "restore": 1,
    "suspend": 1,
    "resume": 1,
    "set": 2,
    "drain": 1,
    "undrain": 2,
    "stop": 1,
    "lose index": 1,
    "manager dies": 9,
    "supervisor dies": 3,
    "power fails": 5,
    "start": 4,
    "wait": 16,
}
_DEATHS = frozenset({"manager dies", "power fails", "stop"})


class Step(NamedTuple):
    """One thing that happens. ``pick`` and ``amount`` say to what, and how much of it."""

    verb: str
    pick: int
    amount: int
    seed: int


def history_of(seed: int) -> list[Step]:
    """The history of this seed: 8 to 40 steps, the first ones a start and a drop."""
    random = Random(seed)
    verbs, weights = [*_WEIGHTS], [*_WEIGHTS.values()]
    chosen = random.choices(verbs, weights, k=random.randrange(6, 36))
    steps = [_step("start", random), _step("drop", random)]
    restart: int | None = None
    for verb in chosen:
        steps.append(_step(verb, random))
        if verb in _DEATHS:
            restart = random.randrange(4)
        elif restart is not None:
            restart -= 1
            if restart <= 0:
                steps.append(_step("start", random))
                restart = None
    return steps


def _step(verb: str, random: Random) -> Step:
    return Step(verb, random.randrange(1000), random.randrange(1000), random.randrange(1 << 30))

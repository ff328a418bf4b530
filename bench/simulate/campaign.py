"""Many histories in several processes, and what they broke."""

from __future__ import annotations

import gc
import multiprocessing
import os
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field

import click

from bench.simulate.history import Step, history_of
from bench.simulate.run import Result, run_history
from bench.simulate.shrink import kind_of, shrunk

_CHUNK = 50
_SHOWN = 3
_EVERY = 10.0


@dataclass
class Tally:
    """What came of some histories."""

    histories: int = 0
    crashes: int = 0
    cuts: int = 0
    starts: int = 0
    ends: Counter[str] = field(default_factory=Counter)
    failed: dict[int, list[str]] = field(default_factory=dict)
    """The seeds of histories that broke promises, and which."""

    def add(self, other: Tally) -> None:
        """Count these as well."""
        self.histories += other.histories
        self.crashes += other.crashes
        self.cuts += other.cuts
        self.starts += other.starts
        self.ends.update(other.ends)
        self.failed.update(other.failed)

    def text(self, seconds: float) -> str:
        """One line for a person."""
        rate = self.histories / seconds if seconds else 0.0
        ends = ", ".join(f"{count:,} {state}" for state, count in sorted(self.ends.items()))
        return (
            f"{self.histories:,} histories, {rate:.0f}/s: {self.crashes:,} managers killed,"
            f" {self.cuts:,} power cuts, {self.starts:,} scripts started; at rest {ends};"
            f" {len(self.failed)} broke a promise"
        )


def live_through(first: int, count: int) -> Tally:
    """The histories of these seeds."""
    tally = Tally()
    for seed in range(first, first + count):
        result = result_of(history_of(seed))
        tally.histories += 1
        tally.crashes += result.crashes
        tally.cuts += result.cuts
        tally.starts += result.starts
        tally.ends.update(result.ends)
        if result.broken:
            tally.failed[seed] = result.broken
    return tally


def result_of(steps: Sequence[Step]) -> Result:
    """As `run_history`; a simulation that fails itself is a broken promise as well."""
    try:
        return run_history(steps)
    except Exception as error:
        return Result([f"the simulation failed: {error!r}"], [])


def shortest(seed: int) -> Result:
    """The shortest history found that breaks what the one of this seed breaks."""
    steps = history_of(seed)
    broken = result_of(steps).broken
    if not broken:
        return Result([], [])
    kind = kind_of(broken[0])

    def fails(fewer: Sequence[Step]) -> bool:
        return any(kind_of(one) == kind for one in result_of(fewer).broken)

    return result_of(shrunk(steps, fails))


def _prepare() -> None:
    # Most of what is made lives as long as its history.
    gc.freeze()
    gc.set_threshold(100_000, 20, 20)


def simulate(histories: int, seed: int, processes: int) -> int:
    """Live through so many histories, from this seed on; returns how many broke a promise."""
    # One order of sets in all processes, and in those of whoever looks into it later.
    os.environ["PYTHONHASHSEED"] = "0"
    began = told = time.monotonic()
    total = Tally()
    chunks = [
        (first, min(_CHUNK, seed + histories - first))
        for first in range(seed, seed + histories, _CHUNK)
    ]
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=context, initializer=_prepare) as pool:
        for tally in pool.map(live_through, *zip(*chunks, strict=True)):
            total.add(tally)
            for one, broken in tally.failed.items():
                click.echo(f"seed {one}: {broken[0]}")
            if time.monotonic() - told > _EVERY:
                told = time.monotonic()
                click.echo(total.text(told - began))
        click.echo(total.text(time.monotonic() - began))
        for one, result in zip(
            total.failed, pool.map(shortest, list(total.failed)[:_SHOWN]), strict=False
        ):
            click.echo(f"\nSeed {one}, made as short as it can be:")
            click.echo("\n".join([*result.deeds, *(f"BROKEN: {text}" for text in result.broken)]))
    return len(total.failed)

"""Jobs flow, and processes are killed at random moments: nothing is lost, doubled or stuck."""

from __future__ import annotations

import os
import random
import shutil
import signal
import statistics
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import click

from bench.flow import Flow
from bench.promises import (
    DOUBLE,
    LOST,
    STUCK,
    WRONG,
    Broken,
    broken_promises,
    complaints,
    find_jobs,
    starts_in,
)
from bench.victims import Victims
from bench.waiting import TookTooLongError, wait_for
from qm.config import load_config
from qm.model import Place, State

_PAUSES = (0.3, 2.5)
"""Seconds between two kills."""
_SLOTS = 4
_START_LIMIT = 120.0
_DRAIN_LIMIT = 300.0
_REST_LIMIT = 20.0
_GAVE_UP = "goes on without its web page"


@dataclass(frozen=True, slots=True)
class Suffered:
    """What a torture did, and what it found broken."""

    seed: int
    kills: Counter[str]
    states: Counter[str]
    """How the jobs ended."""
    starts: int
    recoveries: list[float]
    """Seconds from a kill of the manager until the next one served."""
    seconds: float
    """How long it took in all, and how long until everything was at rest."""
    drain: float
    broken: list[Broken]

    def text(self) -> str:
        """The report, in lines."""
        by_kind = Counter(one.kind for one in self.broken)
        kills = ", ".join(f"{kind} {count}" for kind, count in sorted(self.kills.items()))
        states = ", ".join(f"{state} {count}" for state, count in sorted(self.states.items()))
        told = [LOST, DOUBLE, STUCK]
        others = sum(by_kind.values()) - sum(by_kind[kind] for kind in told)
        lines = [
            f"tortured  {self.seconds:.0f} s, seed {self.seed}; at rest {self.drain:.0f} s later",
            f"kills     {sum(self.kills.values())} ({kills})",
            f"jobs      {sum(self.states.values())} ({states}); {self.starts} starts",
            f"promises  {', '.join(f'{by_kind[kind]} {kind}' for kind in told)}, {others} others",
        ]
        if self.recoveries:
            middle, worst = statistics.median(self.recoveries), max(self.recoveries)
            lines.append(
                f"recovery  median {middle:.2f} s, worst {worst:.2f} s of {len(self.recoveries)}"
            )
        return "\n".join([*lines, *(f"BROKEN    {one.kind}: {one.text}" for one in self.broken)])


def torture(folder: Path, minutes: float, seed: int) -> Suffered:
    """Kill for so many minutes in the empty ``folder``, let everything come to rest, and look."""
    chance = random.Random(seed)
    victims = Victims(folder, _SLOTS)
    config = load_config(victims.config, environ={})
    amiss_before = complaints(config)
    flow = Flow(folder, victims, chance)
    try:
        victims.start()
        wait_for("the manager serves", victims.look, _START_LIMIT)
        began = time.monotonic()
        _suffer(victims, flow, chance, began + minutes * 60)
        suffered = time.monotonic()
        broken = _come_to_rest(victims, flow)
        drained = time.monotonic()
        broken += _wait_for_promises(victims, flow)
        broken += [Broken(WRONG, text) for text in sorted(complaints(config) - amiss_before)]
    finally:
        victims.end()
    ended = Counter(str(one.state) for one in find_jobs(victims.layout))
    starts = len(starts_in(flow.notes))
    seconds = suffered - began
    return Suffered(
        seed,
        victims.kills,
        ended,
        starts,
        victims.recoveries,
        seconds,
        drained - suffered,
        broken,
    )


def _suffer(victims: Victims, flow: Flow, chance: random.Random, until: float) -> None:
    strike_at = time.monotonic() + chance.uniform(*_PAUSES)
    while (now := time.monotonic()) < until:
        flow.step(more=True)
        victims.look()
        if now >= strike_at:
            victims.strike(chance)
            strike_at = time.monotonic() + chance.uniform(*_PAUSES)
        _wait_a_moment()


def _come_to_rest(victims: Victims, flow: Flow) -> list[Broken]:
    """Nothing new comes; what is there ends, or is told as stuck by who looks then."""
    moving = [victims.layout.place(place) for place in (Place.WAITING, Place.RUNNING)]

    def at_rest() -> bool:
        busy = flow.step(more=False)
        entries = [name for path in moving for name in os.listdir(path) if name[0] != "."]
        entries += os.listdir(victims.layout.intents)
        return victims.look() and not busy and not entries

    try:
        wait_for("everything is at rest", at_rest, _DRAIN_LIMIT, step=0.05)
    except TookTooLongError as error:
        return [Broken(STUCK, str(error))]
    return []


def _wait_for_promises(victims: Victims, flow: Flow) -> list[Broken]:
    """What is broken, and still so some seconds later: the last steps are not waited for."""
    until = time.monotonic() + _REST_LIMIT
    while True:
        broken = [
            *broken_promises(victims.layout, set(flow.dropped), starts_in(flow.notes)),
            *_wrong_ends(victims, flow),
        ]
        if not broken or time.monotonic() > until:
            return broken
        _wait_a_moment()


def _wrong_ends(victims: Victims, flow: Flow) -> list[Broken]:
    """Each job ended as its kind does; LOST only where its supervisor was killed."""
    broken = []
    for one in find_jobs(victims.layout):
        kind = flow.dropped.get(one.name)
        if kind is None or one.state is None or one.records.job is None:
            continue
        lost_rightly = one.state is State.LOST and one.job.id in victims.killed_under
        rerunnable = one.job.options.rerunnable
        if one.state not in kind.ends and not (lost_rightly and not rerunnable):
            text = f"{one.name} (job {one.job.id}) ended as {one.state}"
            broken.append(Broken(LOST if one.state is State.LOST else WRONG, text))
    if _GAVE_UP in victims.log.read_text(encoding="utf-8", errors="replace"):
        broken.append(Broken(STUCK, "a restarted manager has given up its page"))
    return broken


@click.command("torture")
@click.option(
    "--minutes",
    type=click.FloatRange(min=0.05),
    default=10.0,
    show_default=True,
    help="How long processes are killed.",
)
@click.option("--seed", type=int, help="Of the random choices [another each time].")
@click.option(
    "--dir",
    "where",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    metavar="DIR",
    help="Work in a new folder in DIR, instead of the system's for temporary files.",
)
def torture_command(minutes: float, seed: int | None, where: Path | None) -> None:
    """Kill any of QM's processes at random moments while jobs flow, and look what came of it.

    The exit code is 1 where a promise is broken; then the folder is kept.
    """
    # Told to end, it still ends what it started.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    seed = random.randrange(1_000_000) if seed is None else seed
    folder = Path(tempfile.mkdtemp(prefix="qm-torture-", dir=where)).resolve()
    suffered = torture(folder, minutes, seed)
    click.echo(suffered.text())
    if suffered.broken:
        click.echo(f"Everything lies in {folder}")
        sys.exit(1)
    shutil.rmtree(folder, ignore_errors=True)


def _wait_a_moment() -> None:
    time.sleep(0.02)

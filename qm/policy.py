"""Deciding: which waiting job may start, why the others may not, what a restart means. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum

from qm.model import Reason


@dataclass(frozen=True, slots=True)
class Capacity:
    """What this QM may use: processors in all, and whether one job runs at a time."""

    processors: int
    blocking: bool = False


@dataclass(frozen=True, slots=True)
class InUse:
    """A job that holds processors."""

    id: int
    nb_proc: int


@dataclass(frozen=True, slots=True)
class Waiting:
    """A job that waits; the smaller ``order`` is, the earlier it starts."""

    id: int
    nb_proc: int
    order: tuple[int, int]


def order_of(priority: int, arrival: int) -> tuple[int, int]:
    """Priority first, then arrival."""
    return (-priority, arrival)


def fits(nb_proc: int, used: int, running: int, capacity: Capacity) -> bool:
    """Whether a job of ``nb_proc`` may start beside ``running`` jobs that use ``used``."""
    if capacity.blocking and running:
        return False
    # A job accepted when there were more processors takes the whole machine.
    return used + min(nb_proc, capacity.processors) <= capacity.processors


def explain(
    waiting: Iterable[Waiting],
    in_use: Sequence[InUse],
    capacity: Capacity,
    obstacle: Reason | None,
) -> dict[int, Reason]:
    """Why each waiting job waits. ``obstacle`` stops all of them: a full disk, a lost folder."""
    used = sum(job.nb_proc for job in in_use)
    free = max(capacity.processors - used, 0)
    holders = _holders(in_use)
    reasons: dict[int, Reason] = {}
    for before, job in enumerate(sorted(waiting, key=lambda job: job.order)):
        wanted = min(job.nb_proc, capacity.processors)
        if obstacle is not None:
            reason = obstacle
        elif capacity.blocking and in_use:
            reason = Reason("Resources", f"one job at a time, {in_use[0].id} runs")
        elif wanted > free:
            reason = Reason("Resources", f"needs {_processors(wanted)}, {free} free{holders}")
        elif before == 0:
            reason = Reason("Priority", "starts next")
        else:
            first = "1 job starts" if before == 1 else f"{before} jobs start"
            reason = Reason("Priority", f"{first} before it")
        reasons[job.id] = reason
    return reasons


def _processors(count: int) -> str:
    return "1 processor" if count == 1 else f"{count} processors"


def _holders(in_use: Sequence[InUse]) -> str:
    if not in_use:
        return ""
    shown = ", ".join(str(job.id) for job in in_use[:5])
    more = f" and {len(in_use) - 5} more" if len(in_use) > 5 else ""
    verb = "holds" if len(in_use) == 1 else "hold"
    total = sum(job.nb_proc for job in in_use)
    return f" ({shown}{more} {verb} {total})"


class Reading(Enum):
    """What the files of a claimed job mean; DESIGN's restart table."""

    RUNS = "it runs"
    ENDED = "it ended while nobody looked"
    DIED = "its supervisor or the machine died"
    NOT_STARTED = "it was claimed and never started"
    FOREIGN = "another machine started it"


@dataclass(frozen=True, slots=True)
class Evidence:
    """The facts about a claimed job that :func:`read_evidence` goes by."""

    locked: bool
    has_exit: bool
    has_start: bool
    claimed: bool
    claim_boot: str
    start_host: str
    boot: str
    host: str


def read_evidence(facts: Evidence) -> Reading:
    """The same reading of the same files, whoever reads and however often."""
    if facts.locked:
        return Reading.RUNS
    if facts.has_exit:
        return Reading.ENDED
    if facts.has_start:
        if facts.start_host not in ("", facts.host):
            return Reading.FOREIGN
        return Reading.DIED
    if facts.claimed and facts.claim_boot != facts.boot:
        # The start record may have been lost with the power: it may have run.
        return Reading.DIED
    return Reading.NOT_STARTED

"""The main page as data: tiles, three lists, filters, and what is in the way. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from qm.dashboard.snapshot import Activity
from qm.model import END_STATES, Reason, State
from qm.names import shown
from qm.view import Entry
from qm.view.ended import has_text
from web.pages.cells import (
    EndedRow,
    RunningRow,
    WaitingRow,
    WhyNot,
    activity_of,
    ended_row,
    running_row,
    short_size,
    starts_text,
    waiting_row,
)
from web.pages.ended import Ended
from web.pages.filters import FAILED_STATES, Filters
from web.pages.standing import WAITING, Machine, Standing

_ALWAYS = (State.FINISHED, State.FAILED)
_ALARM_DISK = 0.05
_NEXT = 12
"""Waiting jobs that are shown where nobody asks for more; one more is shown as well."""
_NO_INDEX = "QM is making its index anew; what runs and waits is shown, the rest follows."


@dataclass(frozen=True, slots=True)
class Chip:
    """A filter to choose by one click."""

    word: str
    count: int
    address: str
    on: bool


@dataclass(frozen=True, slots=True)
class Tiles:
    """The numbers at the top."""

    running: int
    cores: str
    cores_share: float | None
    queued: int
    queue_note: str
    done: int
    failed: int
    done_address: str
    failed_address: str
    processors: float
    """Percent of this machine's in use, by whomever."""
    load: str
    memory: float
    """How full it is, from 0 to 1."""
    memory_total: str
    disk_free: str
    disk: float | None
    """How full it is, from 0 to 1."""
    disk_alarm: bool


@dataclass(frozen=True, slots=True)
class Board:
    """Everything that the page shows of the queue."""

    title: str
    manager_runs: bool
    folder: str
    folder_exists: bool
    start_command: str
    obstacle: str
    drained: bool
    """By a person, who can end it."""
    indexing: str
    share: float
    """How far the running jobs are together, from 0 to 1."""
    tiles: Tiles
    running: tuple[RunningRow, ...]
    waiting: tuple[WaitingRow, ...]
    more_waiting: int
    queue_switch: str
    """Where more or less of the queue is shown; empty where there is no more."""
    ended: tuple[EndedRow, ...]
    total: int
    """Ended jobs that the filters let through."""
    chips: tuple[Chip, ...]
    owners: tuple[str, ...]
    mine: Chip | None
    filters: Filters
    newer: str
    older: str
    newer_in: float
    """Seconds until another look is worth it, where not all that has changed is in it; else 0."""
    first_run: bool
    """Nothing waits, runs or has ever ended."""
    why_not: WhyNot


@dataclass(frozen=True, slots=True)
class Facts:
    """What was read; ``now`` is in seconds since the epoch."""

    standing: Standing
    activity: Mapping[str, Activity]
    machine: Machine
    ended: Ended
    folder: str
    folder_exists: bool
    me: str
    """Whose jobs "mine" are; empty where that is not known."""
    now: float
    earlier: Mapping[str, tuple[float, ...]]
    """How long earlier runs took, in seconds, by the name of the job."""


def board_of(facts: Facts, filters: Filters, why_not: WhyNot) -> Board:
    """The page for these filters; ``why_not`` tells what may not be done."""
    standing, ended = facts.standing, facts.ended
    running = [entry for entry in standing.running if _let_through(entry, filters)]
    waiting = [entry for entry in standing.waiting if _let_through(entry, filters)]
    page = ended.page
    all_waiting = len(waiting) + standing.more_waiting
    if not filters.long and len(waiting) > _NEXT + 1:
        waiting = waiting[:_NEXT]
    waiting = waiting[:WAITING]
    is_cut = len(waiting) < all_waiting
    nothing = not (standing.running or standing.waiting or page.entries)
    return Board(
        title=_title(standing, len(standing.running)),
        manager_runs=standing.manager_runs,
        folder=shown(facts.folder),
        folder_exists=facts.folder_exists,
        start_command=_start_command(facts),
        obstacle=_sentence(standing.obstacle),
        drained=standing.obstacle is not None and standing.obstacle.word == "Drain",
        indexing=_NO_INDEX if standing.manager_runs and standing.ended is not None else "",
        share=_share(facts),
        tiles=_tiles(facts),
        running=tuple(
            running_row(
                entry,
                activity_of(entry, facts.activity),
                facts.now,
                why_not,
                facts.earlier.get(entry.name, ()),
            )
            for entry in running
        ),
        waiting=tuple(waiting_row(entry, facts.now, why_not) for entry in waiting),
        more_waiting=all_waiting - len(waiting),
        queue_switch=filters.longer() if is_cut or filters.long else "",
        ended=tuple(ended_row(entry, why_not) for entry in page.entries),
        total=_total(ended.counts, filters),
        chips=tuple(_chips(ended.counts, filters)),
        owners=ended.owners,
        mine=_mine(facts, filters),
        filters=filters,
        newer="" if page.newer is None else filters.newer(page.newer),
        older="" if page.older is None else filters.older(page.older),
        newer_in=min(filter(None, (standing.newer_in, ended.newer_in)), default=0.0),
        first_run=nothing and ended.is_empty and not filters.any,
        why_not=why_not,
    )


def _let_through(entry: Entry, filters: Filters) -> bool:
    if filters.owner and entry.owner != filters.owner:
        return False
    return not filters.text or has_text(entry, filters.text)


def _title(standing: Standing, running: int) -> str:
    if not standing.manager_runs:
        return "QM is not running"
    return f"({running} running) QM" if running else "QM"


def _share(facts: Facts) -> float:
    known = [activity_of(entry, facts.activity).progress for entry in facts.standing.running]
    fractions = [progress.fraction for progress in known if progress is not None]
    return round(sum(fractions) / len(fractions), 2) if fractions else 0.0


def _start_command(facts: Facts) -> str:
    verb = "serve" if facts.folder_exists else "init"
    return f'qm --folder "{shown(facts.folder)}" {verb}'


def _sentence(reason: Reason | None) -> str:
    return "" if reason is None else f"{reason.word}: {shown(reason.text)}"


def _total(counts: Mapping[str, int], filters: Filters) -> int:
    if not filters.states:
        return sum(counts.values())
    return sum(counts.get(state.value, 0) for state in filters.states)


def _chips(counts: Mapping[str, int], filters: Filters) -> list[Chip]:
    chips = [Chip("All", sum(counts.values()), filters.newest(states=()), not filters.states)]
    for state in State:
        count = counts.get(state.value, 0)
        on = state in filters.states
        if state in END_STATES and (count or on or state in _ALWAYS):
            # What is on is taken off by a second click.
            address = filters.newest(states=() if on else (state,))
            chips.append(Chip(state.value.capitalize(), count, address, on))
    return chips


def _mine(facts: Facts, filters: Filters) -> Chip | None:
    if not facts.me or not (set(facts.ended.owners) - {facts.me} or filters.owner):
        return None
    on = filters.owner == facts.me
    return Chip("Mine", 0, filters.newest(owner="" if on else facts.me), on)


def _tiles(facts: Facts) -> Tiles:
    standing, machine = facts.standing, facts.machine
    in_use = sum(entry.nb_proc or 0 for entry in standing.running)
    may = standing.processors
    usage, today = machine.usage, facts.ended.today
    free, disk = machine.disk_free, machine.disk_total
    used = None if free is None or not disk else 1 - free / disk
    return Tiles(
        running=len(standing.running),
        cores=f"{in_use} of {may} processors" if may else f"{in_use} processors",
        cores_share=min(1.0, in_use / may) if may else None,
        queued=len(standing.waiting) + standing.more_waiting,
        queue_note=_queue_note(standing, facts.now),
        done=today.get(State.FINISHED, 0),
        failed=sum(today.get(state, 0) for state in FAILED_STATES),
        done_address=Filters(states=(State.FINISHED,), since="today").address(),
        failed_address=Filters(states=FAILED_STATES, since="today").address(),
        processors=usage.cpu_percent,
        load="" if usage.load is None else f"load {usage.load:.2f}",
        memory=usage.memory_used / max(1, usage.memory_total),
        memory_total=short_size(usage.memory_total),
        disk_free="" if free is None else short_size(free),
        disk=used,
        disk_alarm=used is not None and used > 1 - _ALARM_DISK,
    )


def _queue_note(standing: Standing, now: float) -> str:
    held = sum(entry.state == State.HELD for entry in standing.waiting)
    arriving = sum(entry.id is None for entry in standing.waiting)
    if standing.obstacle is not None:
        return "nothing is started"
    starts = min((e.expected_start for e in standing.waiting if e.expected_start), default=None)
    if starts is not None:
        return f"next {starts_text(starts, now)}"
    notes = [f"{held} held"] * bool(held) + [f"{arriving} arriving"] * bool(arriving)
    return ", ".join(notes) or ("nothing waits" if not standing.waiting else "")

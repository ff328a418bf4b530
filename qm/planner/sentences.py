"""What is told of jobs that wait: numbers, and who holds what is missing."""

from __future__ import annotations

from collections.abc import Callable, Collection

from qm.planner.jobs import Capacity, Needs, Running
from qm.planner.reservation import Reservation
from qm.quantities import format_size
from qm.times import local_text

_SHOWN_HOLDERS = 5


def lacks(demand: Needs, free: Needs, running: Collection[Running], capacity: Capacity) -> str:
    """``needs 8 processors, 3 free (12, 14 hold 5)``; so for each amount that is missing."""
    parts = []
    for index, (amount, bare) in enumerate(_SHOWN):
        if demand[index] > free[index]:
            held = [(job.id, capacity.demand(job.needs)[index]) for job in running]
            left = bare(max(free[index], 0))
            parts.append(f"needs {amount(demand[index])}, {left} free{_holders(held, bare)}")
    return "; ".join(parts)


def one_at_a_time(running: Collection[Running]) -> str:
    """What ``launch_type = blocking`` says while a job runs."""
    return f"one job at a time, {next(iter(running)).id} runs"


def starts_after(before: int) -> str:
    """What a job that may start now is told while ``before`` others come first."""
    if before == 0:
        return "starts next"
    return "1 job starts before it" if before == 1 else f"{before} jobs start before it"


def kept(reservation: Reservation, now: float) -> str:
    """``8 processors are kept for job 12 until about 14:05``."""
    amounts = [
        amount(value)
        for value, (amount, _) in zip(reservation.demand, _SHOWN, strict=True)
        if value
    ]
    verb = "is" if len(amounts) == 1 and amounts[0].startswith("1 ") else "are"
    *most, last = amounts
    what = f"{', '.join(most)} and {last}" if most else last
    text = f"{what} {verb} kept for job {reservation.id}"
    if reservation.starts is None:
        return f"{text}, which has waited since {moment(reservation.since, now)}"
    if reservation.starts <= now:
        return f"{text}, which is about to start"
    return f"{text} until about {moment(reservation.starts, now)}"


def moment(seconds: float, now: float) -> str:
    """Local time: ``14:05`` where that is today, else ``2025-03-01 14:05``."""
    text = local_text(seconds)
    today = local_text(now)[:10] == text[:10]
    return text[11:16] if today else f"{text[:10]} {text[11:16]}"


def _holders(held: list[tuple[int, int]], bare: Callable[[int], str]) -> str:
    holding = sorted((job_id, value) for job_id, value in held if value)
    if not holding:
        return ""
    shown = ", ".join(str(job_id) for job_id, _ in holding[:_SHOWN_HOLDERS])
    rest = len(holding) - _SHOWN_HOLDERS
    more = f" and {rest} more" if rest > 0 else ""
    verb = "holds" if len(holding) == 1 else "hold"
    return f" ({shown}{more} {verb} {bare(sum(value for _, value in holding))})"


def _processors(count: int) -> str:
    return "1 processor" if count == 1 else f"{count} processors"


def _memory(size: int) -> str:
    return f"{format_size(size)} of memory"


def _gpus(count: int) -> str:
    return "1 GPU" if count == 1 else f"{count} GPUs"


_SHOWN: tuple[tuple[Callable[[int], str], Callable[[int], str]], ...] = (
    (_processors, str),
    (_memory, format_size),
    (_gpus, str),
)
"""For each of Needs: an amount in full, and the bare number."""

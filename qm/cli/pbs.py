"""``qstat``'s table: our jobs in the columns and letters of PBS."""

from __future__ import annotations

from collections.abc import Sequence

from qm.model import State
from qm.names import shown
from qm.view.entries import Entry
from qm.view.query import duration

HEADS = ("Job id", "Name", "User", "Time Use", "S", "Queue")
_QUEUE = "qm"
_OVER = "C"
_LETTERS = {
    State.ARRIVING: "T",
    State.QUEUED: "Q",
    State.HELD: "H",
    State.RUNNING: "R",
    State.SUSPENDED: "S",
}
_FOR_A_TIME = "BeginTime"


def letter_of(entry: Entry) -> str:
    """The state as PBS has it: T arrives, Q queued, W waits for its time, H held, R running,
    S suspended, C over, however it ended.
    """
    if entry.state == State.QUEUED and (entry.reason or "").startswith(_FOR_A_TIME):
        return "W"
    return _LETTERS.get(State(entry.state), _OVER)


def rows_of(entries: Sequence[Entry], now: float) -> list[tuple[str, ...]]:
    """The cells of each entry; ``now`` is in seconds since the epoch."""
    return [
        (
            "-" if entry.id is None else str(entry.id),
            shown(entry.name),
            shown(entry.owner or "-"),
            time_use(entry, now),
            letter_of(entry),
            _QUEUE,
        )
        for entry in entries
    ]


def time_use(entry: Entry, now: float) -> str:
    """How long it has run, ``hours:minutes:seconds``; ``0`` before the start, as PBS has it."""
    spent = duration(entry, now)
    if spent is None:
        return "0"
    minutes, second = divmod(max(0, int(spent)), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours:02d}:{minute:02d}:{second:02d}"

"""``state.json``: the next free id, so that no id is given twice."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from qm.crashpoints import crash_point
from qm.identity import Identity
from qm.model import Drain, Steering
from qm.osops import FolderHandle
from qm.records import DAMAGE, LIMIT, Record, RecordError, decode, encode

_FILE = "state.json"
_SYNCED = "state.synced.json"
"""The same as of the last sync: a power cut may leave nothing of the writes after it."""
_BLOCK = 1000
"""Ids reserved on disk at a time: only a power cut skips the rest of a block."""
_AHEAD = 100
"""Ids before the end of a block with which the next one is reserved. A refusal with a new id may
be on disk before the write of that id is, which another thread does."""


@dataclass(frozen=True, slots=True)
class SavedState:
    """What an earlier manager left: ``next_id`` counts within one boot, else ``reserved``."""

    next_id: int = 1
    reserved: int = 1
    boot: str = ""
    root: Identity | None = None
    """Of the folder ``.qm``: another one means that QM_FOLDER was moved or restored."""
    steering: Steering = field(default_factory=Steering)

    def first_free(self, boot: str) -> int:
        """The next id: after a power cut the last writes may be missing."""
        return self.next_id if boot == self.boot else max(self.next_id, self.reserved)


class StateFile:
    """Reads and writes state.json in ``own``, the path of ``.qm``."""

    def __init__(self, own: str, boot: str, *, sync: bool) -> None:
        self._own = own
        self._boot = boot
        self._sync = sync
        self._reserved = 0
        self._next_id = 1
        self._steering = Steering()

    def load(self) -> SavedState:
        """What is there; what was there at the last sync, where the file cannot be understood.
        RecordError where neither can: it is never replaced by an empty one.
        """
        with FolderHandle.open(self._own) as own:
            data = own.read(_FILE, LIMIT)
            synced = own.read(_SYNCED, LIMIT)
        if data is None:
            return SavedState()
        try:
            saved = _saved(data)
        except RecordError:
            if synced is None:
                raise
            saved = _saved(synced)
            # Nobody knows how many ids of the block were given since.
            saved = replace(saved, next_id=saved.reserved)
        self._reserved = saved.reserved
        self._next_id = saved.first_free(self._boot)
        self._steering = saved.steering
        return saved

    def save(self, next_id: int) -> None:
        """Write the next free id; synced when it comes near the end of the reserved block."""
        self._write(next_id, self._steering, sync=self._sync and self._is_new_block(next_id))

    def steer(self, steering: Steering) -> None:
        """Write what people set at run time."""
        self._write(self._next_id, steering, sync=self._sync)

    def _is_new_block(self, next_id: int) -> bool:
        return next_id >= self._reserved - _AHEAD

    def _write(self, next_id: int, steering: Steering, *, sync: bool) -> None:
        reserved = self._reserved
        if self._is_new_block(next_id):
            reserved = next_id + _BLOCK
        with FolderHandle.open(self._own) as own:
            record = {
                "next_id": next_id,
                "reserved": reserved,
                "boot": self._boot,
                "root": list(own.identity()),
                **_steering_record(steering),
            }
            if sync:
                own.write(_SYNCED, encode(record), sync=True)
            own.write(_FILE, encode(record), sync=sync)
            if sync:
                own.sync()
        crash_point("state.saved")
        # Only now: after a full disk the next try writes, and syncs, the block again.
        self._reserved, self._next_id, self._steering = reserved, next_id, steering


def _saved(data: bytes) -> SavedState:
    record = decode(data)
    try:
        root = record["root"]
        return SavedState(
            int(record["next_id"]),
            int(record["reserved"]),
            str(record["boot"]),
            None if root is None else Identity(*(int(part) for part in root)),
            _steering(record),
        )
    except DAMAGE as error:
        raise RecordError(f"state.json is damaged: {error!r}") from error


def _steering_record(steering: Steering) -> Record:
    drain = steering.drain
    record = {
        "drain": None if drain is None else {"since": drain.since, "who": drain.who},
        "processors": steering.processors,
        "memory": steering.memory,
    }
    return {name: value for name, value in record.items() if value is not None}


def _steering(record: Record) -> Steering:
    drain = record.get("drain")
    return Steering(
        None if drain is None else Drain(str(drain["since"]), str(drain["who"])),
        _whole_or_none(record.get("processors")),
        _whole_or_none(record.get("memory")),
    )


def _whole_or_none(value: object) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError(f"{value!r} is not a whole number")
    return value

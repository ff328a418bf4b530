"""Notices that are still to be delivered, one file each: a crash of the manager loses none."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass

from qm.crashpoints import crash_point
from qm.notify.notice import Notice, notice_from_record, notice_record
from qm.osops import FolderHandle
from qm.records import LIMIT, RecordError, decode, encode
from qm.times import utc_seconds

_SUFFIX = ".json"
_STAGED = ".new"
_DAMAGED = ".damaged"


@dataclass(frozen=True, slots=True)
class Parcel:
    """A notice, when it was noted (UTC), and the channels that have not had it yet."""

    notice: Notice
    noted: str
    pending: frozenset[str]


class Spool:
    """The folder of the notices. A file's name is the notice's key, so nothing is noted twice."""

    def __init__(self, path: str, *, sync: bool = False) -> None:
        """``sync``: a notice is brought to disk before its job's end is shown."""
        self._path = path
        self._sync = sync
        self._lock = threading.Lock()

    def write(self, parcel: Parcel) -> None:
        """Write the notice, or what is left of it to do. OSError on a full disk."""
        record = {
            "noted": parcel.noted,
            "pending": sorted(parcel.pending),
            "notice": notice_record(parcel.notice),
        }
        with self._lock:
            os.makedirs(self._path, exist_ok=True)
            with FolderHandle.open(self._path) as folder:
                folder.write(parcel.notice.key + _SUFFIX, encode(record), sync=self._sync)
                if self._sync:
                    folder.sync()
        crash_point("notice.written")

    def remove(self, key: str) -> None:
        """It is done with; harmless when repeated. OSError where the folder cannot be written."""
        with self._lock:
            try:
                with FolderHandle.open(self._path) as folder:
                    folder.remove(key + _SUFFIX)
            except FileNotFoundError:
                return
        crash_point("notice.removed")

    def load(self) -> tuple[list[Parcel], list[str]]:
        """What an earlier manager left, and a sentence for each file that cannot be read.

        Such a file is renamed, so that it is told once. OSError where the
        folder cannot be read.
        """
        parcels: list[Parcel] = []
        faults: list[str] = []
        try:
            folder = FolderHandle.open(self._path)
        except FileNotFoundError:
            return [], []
        with folder:
            for name in _notices_in(folder):
                try:
                    parcels.append(_read(folder, name))
                except RecordError as error:
                    folder.rename(name, name + _DAMAGED)
                    faults.append(f"{os.path.join(self._path, name)} cannot be used: {error}")
                except OSError as error:
                    where = os.path.join(self._path, name)
                    faults.append(f"{where} cannot be read: {error.strerror or error}")
        return sorted(parcels, key=lambda parcel: parcel.noted), faults


def _notices_in(folder: FolderHandle) -> Iterator[str]:
    for name in folder.names():
        if name.startswith(".") and name.endswith(_STAGED):
            folder.remove(name)  # A crash left it between the two steps of a write.
        elif name.endswith(_SUFFIX):
            yield name


def _read(folder: FolderHandle, name: str) -> Parcel:
    record = decode(folder.read(name, LIMIT) or b"")
    pending, noted, inner = (record.get(key) for key in ("pending", "noted", "notice"))
    if not (isinstance(pending, list) and isinstance(noted, str) and isinstance(inner, dict)):
        raise RecordError("a notice is damaged: a part of it is absent")
    try:
        utc_seconds(noted)
    except ValueError as error:
        raise RecordError(f"a notice is damaged: {error}") from error
    notice = notice_from_record(inner)
    if name != notice.key + _SUFFIX:
        raise RecordError(f"it holds the notice {notice.key}")
    if not pending:
        raise RecordError("it is for nobody")
    return Parcel(notice, noted, frozenset(str(one) for one in pending))

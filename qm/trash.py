"""The trash, ``.qm/trash``: what a person removed, to have it back or to delete it for good.

Each removed job is a folder in it, as it was, with a record ``.qm/removed``.
Deleting goes by a dot-name: half a job is never offered for restoring.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from qm.errors import NoSuchJob, Refused
from qm.jobdir import Records, own_folder, read_records
from qm.model import PLACE_OF, Place, State
from qm.names import shown
from qm.osops import rename_folder
from qm.records import LIMIT, Record, RecordError, decode

REMOVED = "removed"
"""The record of the removal, in the job's ``.qm``."""
_DELETING = ".deleting-"
_TOLD = 10


@dataclass(frozen=True, slots=True)
class Trashed:
    """One entry of the trash."""

    folder: str
    """Its name in the trash."""
    id: int | None
    """None for what is no job, or has no record that can be understood."""
    name: str
    """What it was called where it lay."""
    place: Place | None
    """Where it lay; None where its records do not tell."""
    state: State | None
    removed: float
    """Seconds since the epoch."""

    @property
    def label(self) -> str:
        """``job 7 (name)``, or the name of what is no job."""
        name = shown(self.name)
        return name if self.id is None else f"job {self.id} ({name})"


def list_trash(trash: str) -> list[Trashed]:
    """All that lies in the folder ``trash``, what was removed first at the front.

    OSError where it cannot be listed; no folder is an empty trash.
    """
    try:
        names = [name for name in os.listdir(trash) if not name.startswith(".")]
    except FileNotFoundError:
        return []
    found = [one for one in (_look(trash, name) for name in names) if one is not None]
    return sorted(found, key=lambda one: (one.removed, one.id or 0, one.folder))


def find_in_trash(trash: str, target: str) -> Trashed:
    """The removed job of this id, name, or name in the trash.

    Raises NoSuchJob, and Refused where several jobs have the name.
    """
    everything = list_trash(trash)
    found = [one for one in everything if target.isdecimal() and one.id == int(target)]
    found = found or [one for one in everything if one.folder == target and one.name != target]
    found = found or [one for one in everything if one.name == target]
    if not found:
        hint = "`qm restore --list` shows what is there."
        raise NoSuchJob(f"there is no job {shown(target)} in the trash", hint)
    if len(found) > 1:
        which = [str(one.id) if one.id is not None else shown(one.folder) for one in found]
        more = ", …" if len(which) > _TOLD else ""
        raise Refused(
            f"{shown(target)} is the name of {len(found)} jobs in the trash",
            f"Say which: {', '.join(which[:_TOLD])}{more}.",
        )
    return found[0]


def _look(trash: str, folder: str) -> Trashed | None:
    path = os.path.join(trash, folder)
    try:
        changed = os.lstat(path).st_ctime
    except OSError:
        return None  # It has just been restored, or deleted.
    try:
        records = read_records(path, folder)
    except OSError:
        return Trashed(folder, None, folder, None, None, changed)
    removal, since = _removal(path)
    state = _state(records)
    return Trashed(
        folder,
        None if records.job is None else records.job.id,
        _name(removal, folder),
        _place(removal, state),
        state,
        since or changed,
    )


def _removal(path: str) -> tuple[Record, float | None]:
    """What the record of the removal says, and when it was written."""
    try:
        with own_folder(path) as own:
            record = decode(own.read(REMOVED, LIMIT) or b"")
        return record, os.lstat(os.path.join(path, ".qm", REMOVED)).st_mtime
    except (OSError, RecordError):
        return {}, None


def _name(removal: Record, folder: str) -> str:
    name = removal.get("name")
    if isinstance(name, str) and name and name == os.path.basename(name) and name[0] != ".":
        return name
    return folder


def _place(removal: Record, state: State | None) -> Place | None:
    with contextlib.suppress(ValueError):
        return Place(removal.get("place", ""))
    return None if state is None else PLACE_OF[state]


def _state(records: Records) -> State | None:
    if records.exit is not None:
        return records.exit.state()
    return None if records.end is None else records.end.state


def size_of(path: str) -> int:
    """Bytes of all files below ``path``; links are not followed, what cannot be read is left out.

    A file with several names below it counts once.
    """
    return size_while(path, lambda: True)[0]


def size_while(path: str, go_on: Callable[[], bool]) -> tuple[int, bool]:
    """As :func:`size_of`, as far as it is found while ``go_on()`` holds; True if that is all."""
    total, seen = 0, set()
    for status in _files(path):
        if not go_on():
            return total, False
        known = (status.st_dev, status.st_ino)
        if status.st_nlink > 1 and status.st_ino:
            if known in seen:
                continue
            seen.add(known)
        total += status.st_size
    return total, True


def _files(path: str) -> Iterator[os.stat_result]:
    folders = [path]
    while folders:
        folder = folders.pop()
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(entry.path)
                    else:
                        # Windows knows the number of names only when asked by path.
                        yield os.lstat(entry.path)
        except OSError:
            continue


def delete_for_good(trash: str, item: Trashed) -> bool:
    """Delete an entry of the trash; False where it has just been taken out.

    Nobody has it back. OSError where something in it cannot be deleted: what is
    left of it lies under a dot-name, and goes with :func:`delete_leftovers`.
    """
    doomed = os.path.join(trash, f"{_DELETING}{secrets.token_hex(8)}")
    try:
        rename_folder(os.path.join(trash, item.folder), doomed)
    except FileNotFoundError:
        return False
    _delete(doomed)
    return True


def leftovers(trash: str) -> list[str]:
    """Paths of what a crash left half deleted."""
    try:
        names = os.listdir(trash)
    except FileNotFoundError:
        return []
    return [os.path.join(trash, name) for name in sorted(names) if name.startswith(_DELETING)]


def delete_leftovers(trash: str) -> None:
    """Go on with what a crash left half deleted; OSError as :func:`delete_for_good`."""
    for path in leftovers(trash):
        _delete(path)


def _delete(path: str) -> None:
    if not stat.S_ISDIR(os.lstat(path).st_mode):
        os.unlink(path)
        return
    try:
        shutil.rmtree(path)
    except FileNotFoundError:
        return  # Another purge deletes it as well.
    except PermissionError:
        _make_deletable(path)
        shutil.rmtree(path)


def _make_deletable(path: str) -> None:
    """Folders copied from a read-only place, and read-only files, which Windows keeps."""
    for folder, _, files in os.walk(path, topdown=True):
        with contextlib.suppress(OSError):
            os.chmod(folder, stat.S_IRWXU)
        for name in files:
            file = os.path.join(folder, name)
            with contextlib.suppress(OSError):
                _make_file_deletable(file)


def _make_file_deletable(file: str) -> None:
    status = os.lstat(file)
    # A file with further names is also somebody else's: its rights stay as they are.
    if stat.S_ISREG(status.st_mode) and status.st_nlink == 1:
        os.chmod(file, status.st_mode | stat.S_IWUSR)

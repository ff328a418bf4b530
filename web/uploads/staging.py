"""An upload on disk: ``QM_qJobs/.incoming-upload-ID``, which nobody takes for a job.

In it are ``job``, the folder that one rename makes a job, ``upload.json``, and
the zip where one was sent. How much of a file is here is its size; so whatever
process comes next goes on from there. After a power cut that is not sure:
uploads of another boot are not gone on with.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import shutil
from dataclasses import dataclass

from qm.osops import FolderHandle, rename_folder
from qm.submit.stage import STAGED
from web.uploads.incoming import Incoming, Piece, append, disk_told
from web.uploads.plan import File
from web.uploads.record import Record, decoded

_PREFIX = f"{STAGED}upload-"
_REMOVED = f"{STAGED}removed-"
_JOB = "job"
_ARCHIVE = "archive.zip"
_RECORD = "upload.json"
_LARGEST_RECORD = 64 << 20
_ID = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class Staging:
    """The folder of one upload; ``waiting`` is the path of QM_qJobs."""

    waiting: str
    id: str

    @property
    def path(self) -> str:
        """Where all of it lies."""
        return os.path.join(self.waiting, _PREFIX + self.id)

    @property
    def job(self) -> Incoming:
        """The folder that becomes the job."""
        return Incoming(os.path.join(self.path, _JOB))

    @property
    def archive(self) -> str:
        """The path of the zip, where one is sent."""
        return os.path.join(self.path, _ARCHIVE)

    def make(self, record: Record) -> None:
        """Begin it; OSError where that fails. What a crash leaves half-made is swept."""
        os.mkdir(self.path)
        os.mkdir(self.job.path)
        self.write(record)

    def read(self) -> Record | None:
        """Its record; None where there is none that can be read."""
        try:
            with FolderHandle.open(self.path) as folder:
                data = folder.read(_RECORD, _LARGEST_RECORD)
        except OSError:
            return None
        return None if data is None else decoded(data)

    def write(self, record: Record, *, sync: bool = False) -> None:
        """Replace the record; OSError where that fails: then the old one stands."""
        with FolderHandle.open(self.path) as folder:
            folder.write(_RECORD, record.encoded(), sync=sync)
            if sync:
                folder.sync()

    def touch(self) -> None:
        """Note that somebody is at it."""
        with contextlib.suppress(OSError):
            os.utime(os.path.join(self.path, _RECORD))

    def used_at(self) -> float:
        """When somebody was at it last, in epoch seconds; OSError where it is gone."""
        try:
            return os.stat(os.path.join(self.path, _RECORD)).st_mtime
        except FileNotFoundError:
            return os.stat(self.path).st_mtime

    def is_unfinished(self) -> bool:
        """True while the job's folder lies here and not in the queue."""
        return os.path.isdir(self.job.path)

    def receive_archive(self, size: int, piece: Piece) -> int:
        """As :meth:`Incoming.receive`, for a zip of ``size`` bytes."""
        with disk_told(_ARCHIVE), FolderHandle.open(self.path) as folder:
            return append(folder, _ARCHIVE, File(_ARCHIVE, size), piece)

    def archive_size(self) -> int:
        """How many bytes of the zip are here; OSError where that cannot be seen."""
        try:
            return os.stat(self.archive).st_size
        except FileNotFoundError:
            return 0

    def remove_archive(self) -> None:
        """Make room once the zip is unpacked."""
        with contextlib.suppress(OSError):
            os.unlink(self.archive)

    def remove(self) -> None:
        """Take all of it away; under another name first, so that nobody goes on with a half."""
        removed = os.path.join(self.waiting, _REMOVED + self.id)
        with contextlib.suppress(OSError):
            rename_folder(self.path, removed)
        shutil.rmtree(removed, ignore_errors=True)


def new_staging(waiting: str) -> Staging:
    """One with an id that nobody can guess; nothing is made yet."""
    return Staging(waiting, secrets.token_hex(16))


def is_id(text: str) -> bool:
    """True for what can be the id of an upload."""
    return _ID.fullmatch(text) is not None


def stagings(waiting: str) -> list[Staging]:
    """All uploads that lie in QM_qJobs. What a crash left of removed ones goes away."""
    try:
        names = os.listdir(waiting)
    except OSError:
        return []
    found = []
    for name in names:
        if name.startswith(_REMOVED):
            shutil.rmtree(os.path.join(waiting, name), ignore_errors=True)
        elif name.startswith(_PREFIX) and is_id(name.removeprefix(_PREFIX)):
            found.append(Staging(waiting, name.removeprefix(_PREFIX)))
    return found

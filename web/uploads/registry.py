"""The uploads that are going on: who may begin one, who is at it, and which have been left."""

from __future__ import annotations

import contextlib
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

from qm.errors import QMError
from qm.quantities import format_size
from web.problem import Problem
from web.roles import Caller
from web.uploads.incoming import Piece, disk_full, disk_told
from web.uploads.plan import Plan
from web.uploads.record import Machine, Record, key_of
from web.uploads.staging import Staging, is_id, new_staging, stagings

MOST_AT_ONCE = 4
"""Unfinished uploads of one caller."""
IDLE = 3600.0
"""Seconds after which an upload that nobody is at is removed."""
KEPT_FREE = 0.05
"""The part of the disk that uploads leave free."""

_LOOK_EVERY = 60.0
_TOUCH_EVERY = 10.0
_PATIENCE = 20.0
_ALL = "*"
"""No file can be called so."""


class Upload:
    """One upload. For any thread: several pieces at once, but not of one file."""

    def __init__(self, staging: Staging, record: Record, received: dict[str, int]) -> None:
        """``received`` says how many bytes of each file are here, "" stands for the zip."""
        self.staging = staging
        self.record = record
        self._received = received
        self._turn = threading.Condition()
        self._files = {file.path: file for file in record.plan.files}
        self._busy: set[str] = set()
        self._closed = False
        self._touched = 0.0

    @property
    def id(self) -> str:
        """By which it is known."""
        return self.staging.id

    @property
    def missing(self) -> int:
        """Bytes that are still to come."""
        return 0 if self.record.committed else self.record.plan.size - sum(self.received().values())

    def received(self) -> dict[str, int]:
        """How many bytes of each file are here, "" stands for the zip."""
        with self._turn:
            return dict(self._received)

    def forget(self, path: str) -> None:
        """Nothing of this file is here any more; for who is alone at it."""
        with self._turn:
            self._received.pop(path, None)

    @contextlib.contextmanager
    def writing(self, path: str) -> Iterator[None]:
        """Alone at one file; Problem 409 where somebody is at it, 404 where the upload is over."""
        with self._turn:
            if self._closed or self.record.committed is not None:
                raise gone()
            if path in self._busy or _ALL in self._busy:
                raise _busy("Somebody else is just sending this.")
            self._busy.add(path)
        try:
            self._touch()
            yield
        finally:
            self._leave(path)

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Alone at all of it, once pieces that are being written are.

        Problem 409 where that takes too long, 404 where the upload is over.
        """
        with self._turn:
            if _ALL in self._busy:
                raise _busy("This upload is just becoming a job.")
            if self._closed:
                raise gone()
            self._busy.add(_ALL)
            if not self._turn.wait_for(lambda: self._busy == {_ALL}, _PATIENCE):
                self._busy.discard(_ALL)
                raise _busy("Pieces of this upload are still coming.")
        try:
            self.staging.touch()
            yield
        finally:
            self._leave(_ALL)

    def receive(self, path: str, piece: Piece) -> int:
        """Add a piece to a file, "" for the zip; returns how many bytes of it are here then.

        Raises as :meth:`Incoming.receive`, and Problem 404 for what is not in the plan.
        """
        plan = self.record.plan
        file = self._files.get(path)
        if file is None and (path or plan.archive is None):
            raise Problem(404, "This file is not among those of the upload.")
        with self.writing(path):
            if file is None:
                here = self.staging.receive_archive(plan.size, piece)
            else:
                here = self.staging.job.receive(file, piece)
            with self._turn:
                self._received[path] = here
        return here

    def close(self) -> None:
        """Nobody goes on with it; for who is alone at it."""
        self._closed = True

    def is_idle_since(self, moment: float) -> bool:
        """True if nobody is at it, nor was since ``moment`` (epoch seconds)."""
        with self._turn:
            if self._busy:
                return False
        try:
            return self.staging.used_at() < moment
        except OSError:
            return True

    def _leave(self, path: str) -> None:
        with self._turn:
            self._busy.discard(path)
            self._turn.notify_all()

    def _touch(self) -> None:
        now = time.monotonic()
        if not self._touched or now - self._touched > _TOUCH_EVERY:
            self._touched = now
            self.staging.touch()


class Registry:
    """All uploads of one QM_FOLDER; those on disk are found again by their ids."""

    def __init__(
        self, waiting: str, machine: Machine, clock: Callable[[], float] = time.time
    ) -> None:
        """``waiting`` is QM_qJobs; ``clock`` gives the epoch time."""
        self._waiting = waiting
        self._machine = machine
        self._clock = clock
        self._lock = threading.Lock()
        self._uploads: dict[str, Upload] = {}
        self._sweeps = False

    def begin(self, plan: Plan, who: Caller) -> Upload:
        """A new upload of a checked plan.

        Problem 409 where this caller has too many of them, 413 where the disk has no
        room for it.
        """
        with self._lock:
            self._find_all()
            key = key_of(who)
            theirs = [one for one in self._unfinished() if one.record.key == key]
            if len(theirs) >= MOST_AT_ONCE:
                raise Problem(
                    409,
                    f"{len(theirs)} uploads of yours are going on; {MOST_AT_ONCE} can at once.",
                    "Finish or cancel one of them first.",
                )
            self._check_room(plan.size)
            upload = Upload(
                new_staging(self._waiting), Record(plan, key, who.address, self._machine), {}
            )
            with disk_told("the upload"):
                upload.staging.make(upload.record)
            self._uploads[upload.id] = upload
        self.begin_sweeping()
        return upload

    def get(self, upload_id: str) -> Upload:
        """The upload of this id; Problem 404 where there is none that can go on."""
        if not is_id(upload_id):
            raise gone()
        with self._lock:
            upload = self._uploads.get(upload_id) or self._load(Staging(self._waiting, upload_id))
        if upload is None:
            raise gone()
        return upload

    def remove(self, upload: Upload) -> None:
        """Take an upload back, with all that has come of it. A job that it became stays."""
        with upload.alone():
            self.end(upload)

    def end(self, upload: Upload) -> None:
        """The same for who is alone at it."""
        upload.close()
        upload.staging.remove()
        with self._lock:
            self._uploads.pop(upload.id, None)

    def check_room(self, size: int) -> None:
        """Problem 413 where the disk has no room for ``size`` bytes beside all uploads."""
        with self._lock:
            self._check_room(size)

    def check_disk(self, size: int) -> None:
        """Problem 507 where so many bytes would take what is to stay free."""
        if size > _room(self._waiting):
            raise disk_full()

    def begin_sweeping(self) -> None:
        """Remove uploads that nobody is at any more, on a thread, while there are any."""
        with self._lock:
            if not self._sweeps:
                self._sweeps = True
                threading.Thread(target=self._run, name="qm-uploads", daemon=True).start()

    def sweep(self) -> int:
        """Remove what has been left; returns how many uploads there still are."""
        limit = self._clock() - IDLE
        with self._lock:
            self._find_all()
            left = [one for one in self._uploads.values() if one.is_idle_since(limit)]
        for upload in left:
            with contextlib.suppress(Problem):
                self.remove(upload)
        kept = 0
        for staging in stagings(self._waiting):
            if staging.id not in self._uploads and self._is_left(staging, limit):
                staging.remove()
            else:
                kept += 1
        return kept

    def _run(self) -> None:
        pause = threading.Event()
        while self.sweep() or not self._is_over():
            pause.wait(_LOOK_EVERY)

    def _is_over(self) -> bool:
        with self._lock:
            self._sweeps = bool(self._uploads)
            return not self._sweeps

    def _is_left(self, staging: Staging, limit: float) -> bool:
        """True for what cannot go on, and for what nobody has touched."""
        record = staging.read()
        try:
            if record is None or not self._from_elsewhere(record):
                # Without a record somebody else may be making it just now.
                return staging.used_at() < limit
        except OSError:
            return False
        return record.machine.host == self._machine.host

    def _from_elsewhere(self, record: Record) -> bool:
        return record.machine != self._machine

    def _find_all(self) -> None:
        for staging in stagings(self._waiting):
            if staging.id not in self._uploads:
                self._load(staging)

    def _load(self, staging: Staging) -> Upload | None:
        record = staging.read()
        if record is None or self._from_elsewhere(record):
            return None
        received: dict[str, int] = {}
        try:
            if staging.is_unfinished():
                record = replace(record, committed=None)
                archived = record.plan.archive is not None
                received = {"": staging.archive_size()} if archived else staging.job.sizes()
            elif record.committed is None:
                return None
        except OSError:
            return None
        upload = self._uploads[staging.id] = Upload(staging, record, received)
        return upload

    def _unfinished(self) -> list[Upload]:
        return [one for one in self._uploads.values() if one.record.committed is None]

    def _check_room(self, size: int) -> None:
        room = _room(self._waiting) - sum(one.missing for one in self._unfinished())
        if size > room:
            raise Problem(
                413,
                f"This needs {format_size(size)}, and the disk of QM has room for"
                f" {format_size(max(0, room))}.",
                "Make room on it, or wait for other uploads.",
            )


def gone() -> Problem:
    """The answer to the id of no upload."""
    return Problem(
        404,
        "There is no such upload: it became a job, was cancelled, or was left for too long.",
        "Look at the queue; if the job is not there, send it again.",
    )


def _busy(why: str) -> Problem:
    return Problem(409, why, "Try again in a second.", {"Retry-After": "1"})


def _room(path: str) -> int:
    try:
        usage = shutil.disk_usage(path)
    except OSError as error:
        raise QMError(f"there is no folder {path}", "`qm init` makes it.") from error
    return int(usage.free - KEPT_FREE * usage.total)

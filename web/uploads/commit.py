"""What was uploaded becomes a job: complete, checked as ``qm submit`` does, then one rename."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from qm.errors import InfoError, QMError
from qm.folders.layout import Layout
from qm.jobfiles import OWN
from qm.jobinfo.limits import Limits
from qm.names import shown
from qm.submit.check import check
from qm.submit.source import Source
from qm.submit.stage import Caller, Staged, Submission, commit, seal, settle
from web.problem import Problem
from web.uploads.incoming import CHUNK, Piece, disk_told
from web.uploads.names import quoted
from web.uploads.plan import File
from web.uploads.record import Committed
from web.uploads.registry import Registry, Upload
from web.uploads.zips import look_over, opened_zip, unpack

_TOLD = 3
_NOTHING = Piece(0, 0, lambda size: b"")


@dataclass(frozen=True, slots=True)
class Wishes:
    """What is asked for beside the files: ``changes`` win over the info file."""

    hold: bool = False
    changes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Made:
    """A job by its folder's name and the token of its submission; ``notes`` are for a person."""

    name: str
    token: str
    notes: tuple[str, ...] = ()


class Committer:
    """Makes jobs of uploads."""

    def __init__(
        self,
        layout: Layout,
        registry: Registry,
        limits: Callable[[], Limits],
        *,
        user: str,
        most: int,
        sync: bool,
    ) -> None:
        """``user`` is the person in whose name jobs run, ``most`` the bytes that one may have."""
        self._layout = layout
        self._registry = registry
        self._limits = limits
        self._user = user
        self._most = most
        self._sync = sync

    def commit(self, upload: Upload, wishes: Wishes) -> Made:
        """Make it a job; for one that is a job already, say so again.

        Problem 409 where something is missing, 422 for a job that QM would refuse
        and for a zip that cannot be unpacked, 507 for a full disk. A zip that is
        refused is gone; of files that are refused, the upload stays.
        """
        with upload.alone():
            done = upload.record.committed
            if done is not None:
                return Made(done.name or upload.record.plan.name, done.token)
            left_out: tuple[str, ...] = ()
            if upload.record.plan.archive is None:
                self._complete(upload)
            else:
                left_out = self._unpack(upload)
            notes = self._check(upload, wishes)
            made = self._commit(upload, wishes)
        said = (f"Left out: {', '.join(map(quoted, left_out[:_TOLD]))}.",) if left_out else ()
        return replace(made, notes=(*notes, *said, *made.notes))

    def _complete(self, upload: Upload) -> None:
        """All of it is here: empty files and folders are made, sums compared."""
        plan, job = upload.record.plan, upload.staging.job
        with disk_told("the upload"):
            here = job.sizes()
            for folder in plan.folders:
                job.make_folder(folder)
            for file in plan.files:
                if file.size == 0 and file.path not in here:
                    job.receive(file, _NOTHING)
        short = [file for file in plan.files if here.get(file.path, 0) != file.size]
        if short:
            first = short[0]
            raise Problem(
                409,
                f"{len(short)} files are not complete; of {first.path}"
                f" {here.get(first.path, 0)} of {first.size} bytes are here.",
                "Send the rest, then commit again.",
            )
        wrong = [file for file in plan.files if file.sha256 is not None and _differs(upload, file)]
        if wrong:
            for file in wrong:
                job.throw_away(file.path)
                upload.forget(file.path)
            names = ", ".join(quoted(file.path) for file in wrong[:_TOLD])
            raise Problem(
                422,
                f"What came is not what was sent: {names} ({len(wrong)} in all).",
                "Send these files again, then commit again.",
            )

    def _unpack(self, upload: Upload) -> tuple[str, ...]:
        staging, plan = upload.staging, upload.record.plan
        packed = staging.archive_size()
        if packed != plan.archive:
            raise Problem(
                409,
                f"Of the zip {packed} of {plan.archive} bytes are here.",
                "Send the rest, then commit again.",
            )
        try:
            with disk_told("the zip"), opened_zip(staging.archive) as archive:
                contents = look_over(archive, plan.name, packed, self._most)
                self._registry.check_room(contents.plan.size)
                staging.job.begin_anew()
                unpack(archive, contents, staging.job)
        except Problem as problem:
            if problem.status in (413, 422):
                # Nothing can make it better: it does not stay.
                self._registry.end(upload)
            raise
        return contents.left_out

    def _check(self, upload: Upload, wishes: Wishes) -> tuple[str, ...]:
        job = upload.staging.job
        if self._sync:
            with disk_told("the upload"):
                job.sync()
        source = Source(job.path, upload.record.plan.name)
        try:
            checked = check(source, self._limits(), wishes.changes, complete=True)
        except InfoError as error:
            raise Problem(422, f"{error.message}.", error.hint) from error
        except OSError as error:
            raise QMError(f"the upload cannot be read: {error.strerror}") from error
        if checked.refusal is not None:
            if upload.record.plan.archive is not None:
                self._registry.end(upload)
            raise Problem(422, f"{shown(checked.refusal.text)}.", checked.hint)
        return checked.notes

    def _commit(self, upload: Upload, wishes: Wishes) -> Made:
        staging, record = upload.staging, upload.record
        staged = Staged(staging.id, staging.job.path, record.plan.name)
        caller = Caller(self._user, None, {})
        about = {"uploaded_from": record.address}
        with disk_told("the upload"):
            # Left by a try before this one; nothing that was sent can have this name.
            shutil.rmtree(os.path.join(staging.job.path, OWN), ignore_errors=True)
            seal(staged, caller, wishes.changes, hold=wishes.hold, sync=self._sync, about=about)
            # Before the rename: who asks again after a crash learns that it is a job.
            asked = replace(record, committed=Committed(staged.token))
            staging.write(asked, sync=self._sync)
        submission = commit(self._layout, staged)
        upload.record = replace(record, committed=Committed(staged.token, submission.name))
        return self._after(upload, settle(self._layout, staged, submission, sync=self._sync))

    def _after(self, upload: Upload, submission: Submission) -> Made:
        """It is a job, whatever goes wrong now."""
        notes: tuple[str, ...] = (submission.remark,) if submission.remark else ()
        try:
            upload.staging.write(upload.record)
        except OSError:
            notes += ("The page could not note that this upload is done.",)
        upload.staging.remove_archive()
        return Made(submission.name, submission.token, notes)


def as_data(made: Made, job: Mapping[str, Any] | None, remark: str | None) -> dict[str, Any]:
    """The answer; ``job`` is what the manager says of it, ``remark`` why it says nothing."""
    known = job or {}
    return {
        "name": known.get("name", made.name),
        "submission": made.token,
        "id": known.get("id"),
        "state": known.get("state", "ARRIVING"),
        "reason": known.get("reason"),
        "notes": [*made.notes, *([remark] if remark else [])],
    }


def _differs(upload: Upload, file: File) -> bool:
    digest = hashlib.sha256()
    with disk_told(file.path), upload.staging.job.opened(file.path) as read:
        while data := read(CHUNK):
            digest.update(data)
    return digest.hexdigest() != file.sha256

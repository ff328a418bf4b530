"""Stage a job as ``QM_qJobs/.incoming-TOKEN`` and commit it with one rename."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import shutil
import stat
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from qm.errors import QMError, Refused
from qm.folders.layout import Layout
from qm.jobfiles import LOG, OWN, set_aside
from qm.model import Place
from qm.names import shown
from qm.osops import FolderHandle, rename_folder, sync_file, sync_folder
from qm.osops.scanning import is_own
from qm.records import LIMIT, encode
from qm.submit.copy import copy_file, copy_folder
from qm.submit.source import Filled, Made, Source, Work

STAGED = ".incoming-"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who submits, from where, and with which environment (secrets left out).

    ``cwd`` is None for who is at another machine; an empty ``env`` means the manager's.
    """

    user: str
    cwd: str | None
    env: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Submission:
    """A committed drop: by ``token`` the manager is asked for it, ``name`` is its folder's."""

    token: str
    name: str
    remark: str | None = None
    """What a person should know: a source that could not be removed."""


@dataclass(frozen=True, slots=True)
class Staged:
    """A complete and sealed job beside the queue; ``name`` is what it is to be called."""

    token: str
    path: str
    name: str
    moved_from: str | None = None
    """Where the folder is to go back to when it is not committed; None for a copy."""
    remove: Source | None = None
    """The source that goes away once its copy is committed."""


NO_CHANGES: Mapping[str, str] = MappingProxyType({})


def submit(
    layout: Layout,
    work: Work,
    caller: Caller,
    *,
    move: bool = False,
    hold: bool = False,
    sync: bool = True,
    changes: Mapping[str, str] = NO_CHANGES,
) -> Submission:
    """Stage and commit in one: see :func:`stage` and :func:`commit`."""
    staged = stage(layout, work, caller, move=move, hold=hold, sync=sync, changes=changes)
    try:
        submission = commit(layout, staged)
    except BaseException:
        discard(staged)
        raise
    return settle(layout, staged, submission, sync=sync)


def stage(
    layout: Layout,
    work: Work,
    caller: Caller,
    *,
    move: bool = False,
    hold: bool = False,
    sync: bool = True,
    changes: Mapping[str, str] = NO_CHANGES,
) -> Staged:
    """Put a job beside the queue, complete and sealed, where nobody takes it for one yet.

    ``changes`` are keys and values that win over its info file. ``move``
    takes a source away: by a rename on the same file system, else once its
    copy is committed. With ``sync`` all is on disk on return. Raises QMError
    where that is not possible; then nothing is left, and a source is where it was.
    """
    waiting = layout.place(Place.WAITING)
    if not os.path.isdir(waiting):
        raise QMError(f"there is no folder {waiting}", "`qm init` makes it.")
    source = _source(work)
    if source is not None:
        _refuse_own_folders(layout, source, move)
    token = secrets.token_hex(16)
    staging = os.path.join(waiting, STAGED + token)
    whole = source is not None and move and isinstance(work, Source) and work.stored_as is None
    staged = Staged(token, staging, work.name, source.path if source and whole else None)
    try:
        moved = source is not None and whole and _rename(source.path, staging)
        if not moved:
            _fill(work, staging, sync=sync)
        script = _script_of(source)
        seal(staged, caller, changes, hold=hold, sync=sync, about={"script": script})
    except BaseException:
        discard(staged)
        raise
    return replace(staged, remove=source) if move and not moved else staged


def commit(layout: Layout, staged: Staged) -> Submission:
    """Make it a job by one rename, under the first free name; QMError where that fails."""
    return Submission(staged.token, _commit(layout, staged.path, staged.name))


def settle(
    layout: Layout, staged: Staged, submission: Submission, *, sync: bool = True
) -> Submission:
    """What comes after the commit: the rename on disk, then the end of a source that was moved.

    Returns the submission, with a remark where that failed; it is a job all the same.
    """
    try:
        if sync:
            sync_folder(layout.place(Place.WAITING))
    except OSError as error:
        return replace(submission, remark=f"QM_qJobs cannot be synced: {error.strerror or error}")
    return (
        submission if staged.remove is None else replace(submission, remark=_remove(staged.remove))
    )


def discard(staged: Staged) -> None:
    """Take a job back that is not committed: a copy is removed, a moved folder goes home."""
    with contextlib.suppress(OSError):
        if staged.moved_from is not None and not os.path.lexists(staged.moved_from):
            rename_folder(staged.path, staged.moved_from)
        else:
            shutil.rmtree(staged.path)


def _source(work: Work) -> Source | None:
    if isinstance(work, Source):
        return work
    return work.template if isinstance(work, Filled) else None


def _refuse_own_folders(layout: Layout, source: Source, move: bool) -> None:
    root = os.path.realpath(layout.root)
    if os.path.join(root, "").startswith(os.path.join(source.path, "")):
        raise Refused(f"{shown(source.path)} contains QM's own folders", "Submit a job's folder.")
    for place in (Place.WAITING, Place.RUNNING):
        if move and os.path.dirname(source.path) == os.path.join(root, place.value):
            raise Refused(f"{shown(source.path)} lies in {place.value}: it is a job already")


def _rename(source: str, staging: str) -> bool:
    """True if it was moved; False where it lies on another file system."""
    try:
        rename_folder(source, staging)
    except OSError as error:
        if error.errno == errno.EXDEV:
            return False
        raise QMError(f"cannot move {shown(source)}: {error.strerror or error}") from error
    return True


def _fill(work: Work, staging: str, *, sync: bool) -> None:
    """Make the folder ``staging`` with everything that the job brings."""
    os.mkdir(staging)
    if isinstance(work, Filled):
        copy_folder(work.template.path, staging, leave_out=is_own, sync=sync)
        _write_files(staging, work.files, sync=sync)
    elif isinstance(work, Made):
        _write_files(staging, work.files, sync=sync)
    elif work.stored_as is None:
        copy_folder(work.path, staging, leave_out=is_own, sync=sync)
    else:
        copy_file(work.path, os.path.join(staging, work.stored_as), sync=sync)


def _write_files(staging: str, files: Mapping[str, bytes], *, sync: bool) -> None:
    for name, data in files.items():
        path = os.path.join(staging, *name.split("/"))
        try:
            _write_file(path, data, sync=sync)
        except OSError as error:
            raise QMError(f"cannot write {shown(path)}: {error.strerror or error}") from error


def _write_file(path: str, data: bytes, *, sync: bool) -> None:
    if os.path.lexists(path):
        # Copied from a template that may be read-only, which this copy is not.
        os.chmod(path, stat.S_IMODE(os.stat(path).st_mode) | stat.S_IWUSR)
    with open(path, "wb") as file:
        file.write(data)
        file.flush()
        if sync:
            sync_file(file.fileno())


def seal(
    staged: Staged,
    caller: Caller,
    changes: Mapping[str, str],
    *,
    hold: bool,
    sync: bool,
    about: Mapping[str, str | None],
) -> None:
    """Write ``.qm/submit.json``, last of all: it says that this very folder is complete.

    ``about`` is what else shall stand there. Raises QMError for too large an
    environment, OSError where it cannot be written.
    """
    with FolderHandle.open(staged.path) as folder:
        # A folder that was moved in may bring its old records and log along.
        for name in (OWN, LOG):
            set_aside(folder, name)
        record = {
            "token": staged.token,
            "identity": list(folder.identity()),
            "hold": hold,
            "env": dict(caller.env),
            "cwd": caller.cwd,
            "user": caller.user,
            "changes": dict(changes),
            **about,
        }
        data = encode(record)
        if len(data) > LIMIT:
            raise QMError(
                f"the environment is too large to be recorded ({len(data)} bytes)",
                "Start qm submit with fewer or shorter environment variables.",
            )
        with folder.sub(OWN, create=True) as own:
            own.write("submit.json", data, sync=sync)
            if sync:
                own.sync()
        if sync:
            folder.sync()


def _commit(layout: Layout, staging: str, wanted: str) -> str:
    waiting = layout.place(Place.WAITING)
    while True:
        name = layout.free_name(waiting, wanted)
        try:
            rename_folder(staging, os.path.join(waiting, name))
        except OSError as error:
            # Somebody took the name between the look and the rename: try the next one.
            if os.path.lexists(staging) and os.path.lexists(os.path.join(waiting, name)):
                continue
            raise QMError(f"cannot move the job into QM_qJobs: {error.strerror}") from error
        return name


def _script_of(source: Source | None) -> str | None:
    """The name that a single script had where it came from."""
    if source is None or source.stored_as is None:
        return None
    return os.path.basename(source.path)


def _remove(source: Source) -> str | None:
    try:
        if source.stored_as is None:
            shutil.rmtree(source.path)
        else:
            os.unlink(source.path)
    except OSError as error:
        return f"{shown(source.path)} could not be removed: {error.strerror or error}"
    return None

"""Stage a job as ``QM_qJobs/.incoming-TOKEN`` and commit it with one rename."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import shutil
from collections.abc import Mapping
from dataclasses import dataclass

from qm.errors import QMError, Refused
from qm.folders.layout import Layout
from qm.jobfiles import LOG, OWN, set_aside
from qm.model import Place
from qm.names import shown
from qm.osops import FolderHandle, rename_folder, sync_folder
from qm.osops.scanning import is_own
from qm.records import LIMIT, encode
from qm.submit.copy import copy_file, copy_folder
from qm.submit.source import Source

STAGED = ".incoming-"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who submits, from where, and with which environment (secrets left out)."""

    user: str
    cwd: str
    env: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Submission:
    """A committed drop: by ``token`` the manager is asked for it, ``name`` is its folder's."""

    token: str
    name: str
    remark: str | None = None
    """What a person should know: a source that could not be removed."""


def submit(
    layout: Layout, source: Source, caller: Caller, *, move: bool, hold: bool, sync: bool
) -> Submission:
    """Put a job into QM_qJobs, complete and sealed, so that it may start at once.

    ``move`` takes the source away: by a rename on the same file system, else
    once its copy is committed. With ``sync`` all is on disk on return. Raises
    QMError where that is not possible; then the source is where it was.
    """
    waiting = layout.place(Place.WAITING)
    if not os.path.isdir(waiting):
        raise QMError(f"there is no folder {waiting}", "`qm init` makes it.")
    _refuse_own_folders(layout, source, move)
    token = secrets.token_hex(16)
    staging = os.path.join(waiting, STAGED + token)
    moved = move and source.stored_as is None and _rename(source.path, staging)
    try:
        if not moved:
            _copy(source, staging, sync=sync)
        _seal(staging, token, source, caller, hold=hold, sync=sync)
        name = _commit(layout, staging, source.name)
    except BaseException:
        _take_back(staging, source.path if moved else None)
        raise
    if sync:
        sync_folder(waiting)
    return Submission(token, name, _remove(source) if move and not moved else None)


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


def _copy(source: Source, staging: str, *, sync: bool) -> None:
    os.mkdir(staging)
    if source.stored_as is None:
        copy_folder(source.path, staging, leave_out=is_own, sync=sync)
    else:
        copy_file(source.path, os.path.join(staging, source.stored_as), sync=sync)


def _seal(
    staging: str, token: str, source: Source, caller: Caller, *, hold: bool, sync: bool
) -> None:
    """Write ``.qm/submit.json``, last of all: it says that this very folder is complete."""
    with FolderHandle.open(staging) as folder:
        # A folder that was moved in may bring its old records and log along.
        for name in (OWN, LOG):
            set_aside(folder, name)
        record = {
            "token": token,
            "identity": list(folder.identity()),
            "hold": hold,
            "env": dict(caller.env),
            "cwd": caller.cwd,
            "user": caller.user,
            "script": None if source.stored_as is None else os.path.basename(source.path),
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


def _take_back(staging: str, source: str | None) -> None:
    with contextlib.suppress(OSError):
        if source is None:
            shutil.rmtree(staging)
        else:
            rename_folder(staging, source)


def _remove(source: Source) -> str | None:
    try:
        if source.stored_as is None:
            shutil.rmtree(source.path)
        else:
            os.unlink(source.path)
    except OSError as error:
        return f"{shown(source.path)} could not be removed: {error.strerror or error}"
    return None

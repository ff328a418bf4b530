"""Copy a job's folder as it is: links stay links, and what is no file or folder is refused."""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
from collections.abc import Callable

from qm.errors import QMError, Refused
from qm.names import shown
from qm.osops import sync_file, sync_folder

_CHUNK = 1 << 30


def copy_folder(source: str, target: str, *, leave_out: Callable[[str], bool], sync: bool) -> None:
    """Copy what is in the folder ``source`` into the folder ``target``, which is there.

    Entries at the top for whose name ``leave_out`` is true are not copied.
    With ``sync`` all of it is on disk afterwards. Raises Refused for a pipe,
    a socket or a device, QMError where something cannot be copied.
    """
    stack = [(source, target, leave_out)]
    folders = []
    while stack:
        folder, copy, skip = stack.pop()
        folders.append((folder, copy))
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    if skip(entry.name):
                        continue
                    inner = os.path.join(copy, entry.name)
                    if entry.is_dir(follow_symlinks=False):
                        os.mkdir(inner)
                        stack.append((entry.path, inner, _nothing))
                    else:
                        _copy_entry(entry, inner, sync=sync)
        except OSError as error:
            raise _failed(error, folder) from error
    for folder, copy in reversed(folders):
        _finish_folder(folder, copy, sync=sync)


def copy_file(source: str, target: str, *, sync: bool) -> None:
    """Copy one file with its mode and times; QMError where that fails."""
    try:
        _copy_content(source, target, sync=sync)
    except OSError as error:
        raise _failed(error, source) from error


def _nothing(name: str) -> bool:
    return False


def _failed(error: OSError, path: str) -> QMError:
    where = os.fsdecode(error.filename) if error.filename is not None else path
    return QMError(f"cannot copy {shown(where)}: {error.strerror or error}")


def _copy_entry(entry: os.DirEntry[str], target: str, *, sync: bool) -> None:
    if entry.is_symlink():
        os.symlink(os.readlink(entry.path), target)
        return
    # Before it is opened: opening a pipe would wait for its writer.
    if not stat.S_ISREG(entry.stat(follow_symlinks=False).st_mode):
        raise Refused(
            f"{shown(entry.path)} is a pipe, a socket or a device, which cannot be copied",
            "Remove it from the folder.",
        )
    _copy_content(entry.path, target, sync=sync)


def _copy_content(source: str, target: str, *, sync: bool) -> None:
    with open(source, "rb") as reader, open(target, "xb") as writer:
        if not _share(reader.fileno(), writer.fileno()):
            shutil.copyfileobj(reader, writer, 1 << 20)
        writer.flush()
        shutil.copystat(source, target)
        if sync:
            sync_file(writer.fileno())


def _share(reader: int, writer: int) -> bool:
    """Let the file system share or copy the blocks itself, where it can; False: nothing done."""
    copy_range = getattr(os, "copy_file_range", None)  # Linux only.
    if copy_range is None:
        return False
    done = 0
    try:
        while copied := copy_range(reader, writer, _CHUNK):
            done += copied
    except OSError:
        if done:
            raise
        return False
    # Files of /proc and the like have a size of 0, and content.
    return done > 0


def _finish_folder(source: str, copy: str, *, sync: bool) -> None:
    with contextlib.suppress(OSError):
        shutil.copystat(source, copy)
        # A job writes into its folders, also where they were copied from a read-only place.
        os.chmod(copy, stat.S_IMODE(os.stat(copy).st_mode) | stat.S_IRWXU)
    if sync:
        sync_folder(copy)

"""The look over a drop on Windows: every file by a handle of its own, following nothing.

A folder's listing tells stale sizes and times of files that are being written
(NTFS brings them up to date when the writer closes), hence the handle.
"""

from __future__ import annotations

import sys

assert sys.platform == "win32"

import ctypes
import os
import stat
import time
from ctypes import wintypes
from typing import NamedTuple

from qm.osops.scan import READY_FILE, Scan, Tally
from qm.osops.shortage import is_passing
from qm.osops.windows_files import FolderHandle
from qm.osops.windows_handles import (
    FILE_READ_ATTRIBUTES,
    GENERIC_READ,
    NAME_SURROGATE,
    OPEN_EXISTING,
    SHARE_ALL,
    SHARE_READ,
    SHARING_VIOLATION,
    close_handle,
    open_handle,
)
from qm.osops.windows_names import verbatim

_BACKUP_SEMANTICS = 0x02000000
_OPEN_REPARSE_POINT = 0x00200000
_BASIC_INFO, _TAG_INFO = 0, 9
_NOT_HERE = 0x1000 | 0x40000 | 0x400000
"""OFFLINE, RECALL_ON_OPEN, RECALL_ON_DATA_ACCESS: the bytes are still in the cloud."""
_EPOCH = 116_444_736_000_000_000
"""1970 as Windows counts: in units of 100 ns since 1601."""

_kernel32 = ctypes.WinDLL("kernel32", use_last_error=True)
_kernel32.GetFileInformationByHandle.argtypes = [wintypes.HANDLE, ctypes.c_void_p]
_kernel32.GetFileInformationByHandleEx.argtypes = [
    wintypes.HANDLE,
    ctypes.c_int,
    ctypes.c_void_p,
    wintypes.DWORD,
]


class _ByHandle(ctypes.Structure):
    _fields_ = (
        ("attributes", wintypes.DWORD),
        ("created", wintypes.FILETIME),
        ("accessed", wintypes.FILETIME),
        ("written", wintypes.FILETIME),
        ("volume", wintypes.DWORD),
        ("size_high", wintypes.DWORD),
        ("size_low", wintypes.DWORD),
        ("links", wintypes.DWORD),
        ("index_high", wintypes.DWORD),
        ("index_low", wintypes.DWORD),
    )


class _Basic(ctypes.Structure):
    _fields_ = (
        ("created", ctypes.c_int64),
        ("accessed", ctypes.c_int64),
        ("written", ctypes.c_int64),
        ("changed", ctypes.c_int64),
        ("attributes", wintypes.DWORD),
    )


class _Tag(ctypes.Structure):
    _fields_ = (("attributes", wintypes.DWORD), ("tag", wintypes.DWORD))


class _Entry(NamedTuple):
    """What a handle tells: mode as POSIX has it, times in ns since the epoch."""

    attributes: int
    mode: int
    size: int
    mtime: int
    ctime: int
    inode: int


class FsClock:
    """The clock of a file system, read off a file that is touched there."""

    def __init__(self, path: str) -> None:
        folder, name = os.path.split(path)
        os.close(FolderHandle(folder).append(name))
        self._path = verbatim(path, os.getcwd())

    def now(self) -> int:
        """Nanoseconds since the epoch as this file system stamps them."""
        os.utime(self._path)
        return _look(self._path).ctime

    def close(self) -> None:
        """Nothing is held open; here so that every system is used alike."""


def scan_folder(path: str, clock: FsClock | None, *, look_for_writers: bool) -> Scan:
    """Look over the folder at ``path``; OSError where it is gone or no folder.

    ``clock`` is asked first, so that ``fs_now`` is never later than a change
    that this look does not see. ``look_for_writers`` asks for each of the
    newest 1000 files whether somebody still writes it. A file whose content
    is still in the cloud counts as one that is being written.
    """
    began = time.monotonic()
    fs_now = clock.now() if clock is not None else time.time_ns()
    tally = Tally()
    with FolderHandle.open(path) as folder:
        top = verbatim(path, os.getcwd())
        top_mtime = _look(top).mtime
        writer = _walk(top, tally)
        ready = folder.read(READY_FILE, 1024) if tally.has_ready else None
    if look_for_writers and writer is None:
        writer = _find_writer(top, tally.newest_files())
    return tally.result(top_mtime, ready, writer, fs_now, time.monotonic() - began)


def _walk(top: str, tally: Tally) -> str | None:
    """Add up everything below ``top``; returns a file that is not here yet, if there is one."""
    absent: str | None = None
    prefixes = [""]
    while prefixes:
        prefix = prefixes.pop()
        before = tally.entries
        try:
            with os.scandir(_below(top, prefix)) as entries:
                for entry in entries:
                    name = entry.name
                    if not tally.wants(name, not prefix):
                        continue
                    try:
                        found = _look_or_listing(entry)
                    except FileNotFoundError:
                        continue
                    tally.add(prefix + name, name, not prefix, found[1:])
                    if found.attributes & _NOT_HERE and absent is None:
                        absent = prefix + name
                    if stat.S_ISDIR(found.mode):
                        prefixes.append(f"{prefix}{name}/")
            if tally.entries == before and prefix:
                tally.note_change(_look(_below(top, prefix)).ctime)
        except FileNotFoundError:
            continue
        except OSError as error:
            if is_passing(error):
                raise
            tally.cannot_list(prefix, error.strerror or str(error))
    return absent


def _below(top: str, path: str) -> str:
    return os.path.join(top, path.replace("/", "\\")) if path else top


def _look_or_listing(entry: os.DirEntry[str]) -> _Entry:
    # RECALL_ON_OPEN is told by the listing only.
    listed = entry.stat(follow_symlinks=False)
    try:
        found = _look(entry.path)
    except PermissionError:
        return _Entry(
            listed.st_file_attributes,
            listed.st_mode,
            listed.st_size,
            listed.st_mtime_ns,
            listed.st_mtime_ns,
            0,
        )
    return found._replace(attributes=found.attributes | listed.st_file_attributes)


def _look(path: str) -> _Entry:
    """Ask the file itself; opens it for its attributes only, which hinders nobody."""
    flags = _BACKUP_SEMANTICS | _OPEN_REPARSE_POINT
    handle = open_handle(path, FILE_READ_ATTRIBUTES, SHARE_ALL, OPEN_EXISTING, flags)
    try:
        by_handle, basic = _ByHandle(), _Basic()
        if not _kernel32.GetFileInformationByHandle(handle, ctypes.byref(by_handle)):
            raise ctypes.WinError(ctypes.get_last_error())
        _ask(handle, _BASIC_INFO, basic)
        link = by_handle.attributes & stat.FILE_ATTRIBUTE_REPARSE_POINT and _is_link(handle)
    finally:
        close_handle(handle)
    written = _unix_ns(basic.written)
    return _Entry(
        attributes=by_handle.attributes,
        mode=stat.S_IFLNK | 0o777 if link else _mode(by_handle.attributes),
        size=by_handle.size_high << 32 | by_handle.size_low,
        mtime=written,
        # FAT keeps no time of change.
        ctime=_unix_ns(basic.changed) if basic.changed else written,
        inode=by_handle.index_high << 32 | by_handle.index_low,
    )


def _ask(handle: int, what: int, answer: _Basic | _Tag) -> None:
    size = ctypes.sizeof(answer)
    if not _kernel32.GetFileInformationByHandleEx(handle, what, ctypes.byref(answer), size):
        raise ctypes.WinError(ctypes.get_last_error())


def _is_link(handle: int) -> bool:
    tag = _Tag()
    _ask(handle, _TAG_INFO, tag)
    return bool(tag.tag & NAME_SURROGATE)


def _mode(attributes: int) -> int:
    if attributes & stat.FILE_ATTRIBUTE_DIRECTORY:
        return stat.S_IFDIR | 0o777
    writable = not attributes & stat.FILE_ATTRIBUTE_READONLY
    return stat.S_IFREG | (0o666 if writable else 0o444)


def _unix_ns(file_time: int) -> int:
    return (file_time - _EPOCH) * 100


def _find_writer(top: str, paths: list[str]) -> str | None:
    for path in paths:
        if _open_for_writing(_below(top, path)):
            return path
    return None


def _open_for_writing(path: str) -> bool:
    """Whether somebody has the file open for writing: then it is not to be had without them."""
    try:
        handle = open_handle(path, GENERIC_READ, SHARE_READ, OPEN_EXISTING)
    except OSError as error:
        return error.winerror == SHARING_VIOLATION
    close_handle(handle)
    return False

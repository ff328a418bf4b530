"""The look over a drop on Linux and macOS: by folder handles, following nothing."""

from __future__ import annotations

import sys

assert sys.platform != "win32"

import fcntl
import os
import signal
import stat
import time

from qm.osops.posix_files import FolderHandle
from qm.osops.scan import READY_FILE, Scan, Tally
from qm.osops.shortage import is_passing

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
_F_SETSIG = 10  # fcntl.F_SETSIG exists in typeshed only from Python 3.11's Linux build on.
_BUSY_IN_FINDER = frozenset({-753549904, 443750400, 443779200})
"""Creation dates that Finder gives to what it still copies, in seconds since the epoch."""


class FsClock:
    """The clock of a file system, read off a file that is touched there."""

    def __init__(self, path: str) -> None:
        self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)

    def now(self) -> int:
        """Nanoseconds since the epoch as this file system stamps them."""
        os.utime(self._fd)
        return os.fstat(self._fd).st_ctime_ns

    def close(self) -> None:
        """Let go of the probe file."""
        os.close(self._fd)


def scan_folder(path: str, clock: FsClock | None, *, look_for_writers: bool) -> Scan:
    """Look over the folder at ``path``; OSError where it is gone or no folder."""
    with FolderHandle.open(path) as folder:
        return scan_open(folder, clock, look_for_writers=look_for_writers)


def scan_open(folder: FolderHandle, clock: FsClock | None, *, look_for_writers: bool) -> Scan:
    """Look over an open folder.

    ``clock`` is asked first, so that ``fs_now`` is never later than a change
    that this look does not see. ``look_for_writers`` asks for each of the
    newest 1000 files whether somebody still writes it (Linux only).
    """
    began = time.monotonic()
    fs_now = clock.now() if clock is not None else time.time_ns()
    tally = Tally()
    writer = None
    top_mtime = os.fstat(folder.fd).st_mtime_ns
    _walk(folder.fd, tally)
    ready = folder.read(READY_FILE, 1024) if tally.has_ready else None
    if look_for_writers:
        writer = _find_writer(folder.fd, tally.newest_files())
    if writer is None and sys.platform == "darwin":
        writer = _finder_copies(folder.fd, tally.newest_files())
    return tally.result(top_mtime, ready, writer, fs_now, time.monotonic() - began)


def _walk(top_fd: int, tally: Tally) -> None:
    """Depth first with one open handle a level: paths of any length, no link followed."""
    stack: list[tuple[int, str, list[str]]] = [(top_fd, "", _list(top_fd, "", tally))]
    try:
        while stack:
            fd, prefix, folders = stack[-1]
            if not folders:
                stack.pop()
                if fd != top_fd:
                    os.close(fd)
                continue
            name = folders.pop()
            try:
                inner = os.open(name, _FOLDER, dir_fd=fd)
            except FileNotFoundError:
                continue
            except OSError as error:
                if is_passing(error):
                    raise
                tally.cannot_list(prefix + name, error.strerror or str(error))
                continue
            stack.append((inner, f"{prefix}{name}/", []))
            stack[-1] = (inner, f"{prefix}{name}/", _list(inner, f"{prefix}{name}/", tally))
    finally:
        for fd, _, _ in stack:
            if fd != top_fd:
                os.close(fd)


def _list(fd: int, prefix: str, tally: Tally) -> list[str]:
    folders: list[str] = []
    top = not prefix
    before = tally.entries
    try:
        with os.scandir(fd) as entries:
            for entry in entries:
                name = entry.name
                if not tally.wants(name, top):
                    continue
                try:
                    status = entry.stat(follow_symlinks=False)
                except FileNotFoundError:
                    continue
                tally.add(
                    prefix + name,
                    name,
                    top,
                    (
                        status.st_mode,
                        status.st_size,
                        status.st_mtime_ns,
                        status.st_ctime_ns,
                        status.st_ino,
                    ),
                )
                if entry.is_dir(follow_symlinks=False):
                    folders.append(name)
        if tally.entries == before and not top:
            tally.note_change(os.fstat(fd).st_ctime_ns)
    except OSError as error:
        if is_passing(error):
            raise
        tally.cannot_list(prefix, error.strerror or str(error))
    return folders


def _find_writer(fd: int, paths: list[str]) -> str | None:
    for path in paths:
        if _open_for_writing(fd, path):
            return path
    return None


def _open_for_writing(fd_folder: int, path: str) -> bool | None:
    """Whether somebody has the file open for writing; None where that cannot be known.

    Linux: a read lease is refused (EAGAIN) while a writer is there, see
    fcntl(2). The lease-break signal is set to SIGURG first, because the
    default, SIGIO, would end this process.
    """
    if sys.platform != "linux":
        return None
    try:
        fd = os.open(path, _FILE, dir_fd=fd_folder)
    except OSError:
        return None
    try:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            return None
        fcntl.fcntl(fd, _F_SETSIG, signal.SIGURG)
        fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_RDLCK)
        fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    except BlockingIOError:
        return True
    except OSError:
        return None
    finally:
        os.close(fd)
    return False


def _finder_copies(fd: int, paths: list[str]) -> str | None:
    if sys.platform != "darwin":
        return None
    for path in paths:
        try:
            status = os.stat(path, dir_fd=fd, follow_symlinks=False)
        except OSError:
            continue
        if int(status.st_birthtime) in _BUSY_IN_FINDER:
            return path
    return None

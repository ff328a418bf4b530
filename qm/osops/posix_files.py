"""Folders held open, atomic records, locks and renames on Linux and macOS."""

from __future__ import annotations

import sys

assert sys.platform != "win32"

import ctypes
import fcntl
import os
import stat
import struct
from types import TracebackType

from qm.crashpoints import crash_point
from qm.identity import Identity

_OPEN_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_OPEN_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
_OPEN_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class NotAPlainFile(OSError):
    """A record's name is taken by a link, a pipe, a device or a folder."""


class Lock:
    """An OS lock on an open file; it goes when the holder lets go or dies."""

    def __init__(self, fd: int) -> None:
        self._fd = fd

    def write(self, text: str) -> None:
        """Replace the lock file's text (who holds it); readers may see it torn."""
        data = text.encode()
        os.ftruncate(self._fd, 0)
        os.pwrite(self._fd, data, 0)

    def release(self) -> None:
        """Free the lock; harmless when repeated."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


class FolderHandle:
    """A folder held open: it stays the same one whatever people rename it to.

    Names given to the methods are single names inside the folder. Nothing
    here follows a symbolic link in the last step.
    """

    def __init__(self, path: str, fd: int) -> None:
        self.path = path
        self.fd = fd

    @classmethod
    def open(cls, path: str) -> FolderHandle:
        """Open the folder at ``path``; OSError where it is absent, a link or no folder."""
        return cls(path, os.open(path, _OPEN_FOLDER))

    def sub(self, name: str, *, create: bool = False) -> FolderHandle:
        """Open the folder ``name`` inside this one, made first where ``create`` says so."""
        path = os.path.join(self.path, name)
        if create:
            try:
                os.mkdir(name, 0o777, dir_fd=self.fd)
            except FileExistsError:
                pass
        return FolderHandle(path, os.open(name, _OPEN_FOLDER, dir_fd=self.fd))

    def close(self) -> None:
        """Let go of the folder; harmless when repeated."""
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1

    def __enter__(self) -> FolderHandle:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def identity(self) -> Identity:
        """Device, inode and (where the system tells it) birth of this folder."""
        return _identity(os.fstat(self.fd), self.fd)

    def names(self) -> list[str]:
        """The names inside, in no order."""
        return os.listdir(self.fd)

    def exists(self, name: str) -> bool:
        """True if anything, even a dangling link, has this name."""
        try:
            os.stat(name, dir_fd=self.fd, follow_symlinks=False)
        except FileNotFoundError:
            return False
        return True

    def read(self, name: str, limit: int) -> bytes | None:
        """At most ``limit`` bytes of a plain file; None where there is none.

        Raises NotAPlainFile for anything but a regular file, other OSError
        where it cannot be read.
        """
        try:
            fd = os.open(name, _OPEN_READ, dir_fd=self.fd)
        except FileNotFoundError:
            return None
        except OSError as error:
            if self.exists(name) and not self._is_regular(name):
                raise NotAPlainFile(f"{name} is not a plain file") from error
            raise
        try:
            status = os.fstat(fd)
            if not stat.S_ISREG(status.st_mode):
                raise NotAPlainFile(f"{name} is not a plain file")
            data = os.read(fd, limit)
            while 0 < len(data) < min(limit, status.st_size):
                more = os.read(fd, limit - len(data))
                if not more:
                    break
                data += more
            return data
        finally:
            os.close(fd)

    def _is_regular(self, name: str) -> bool:
        return stat.S_ISREG(os.stat(name, dir_fd=self.fd, follow_symlinks=False).st_mode)

    def write(self, name: str, data: bytes, *, sync: bool = False) -> None:
        """Write a record so that readers see the old one or the new one, never a part.

        With ``sync`` the data is on disk before the name is; the folder itself
        is synced by :meth:`sync`, once for several records.
        """
        # Named by the process: a record that anybody may write is never torn between two.
        temporary = f".{name}.{os.getpid()}.new"
        try:
            fd = os.open(temporary, _OPEN_NEW, 0o666, dir_fd=self.fd)
        except FileExistsError:
            # Left by a crash between the two steps below, or planted: never written through.
            os.unlink(temporary, dir_fd=self.fd)
            fd = os.open(temporary, _OPEN_NEW, 0o666, dir_fd=self.fd)
        try:
            write_all(fd, data)
            if sync:
                sync_file(fd)
        except OSError:
            os.close(fd)
            os.unlink(temporary, dir_fd=self.fd)
            raise
        os.close(fd)
        crash_point("record.staged", name)
        os.rename(temporary, name, src_dir_fd=self.fd, dst_dir_fd=self.fd)

    def create(self, name: str, mode: int = 0o666) -> int:
        """A new, empty plain file to append to and read; FileExistsError where taken."""
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_APPEND
        return os.open(name, flags, mode, dir_fd=self.fd)

    def append(self, name: str) -> int:
        """The plain file ``name``, made where absent, opened for appending."""
        return self._open_plain(name, os.O_WRONLY | os.O_APPEND)

    def _open_plain(self, name: str, flags: int) -> int:
        """Open ``name``, made where absent; no link is followed and no pipe waited for."""
        flags |= os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        try:
            fd = os.open(name, flags, 0o666, dir_fd=self.fd)
        except OSError as error:
            if self.exists(name) and not self._is_regular(name):
                raise NotAPlainFile(f"{name} is not a plain file") from error
            raise
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            os.close(fd)
            raise NotAPlainFile(f"{name} is not a plain file")
        return fd

    def reserve(self, name: str, size: int) -> None:
        """Make ``name`` a file with ``size`` bytes of disk space that are surely there."""
        fd = self._open_plain(name, os.O_WRONLY | os.O_TRUNC)
        try:
            write_all(fd, b"\n" * size)
        finally:
            os.close(fd)

    def write_reserved(self, reserved: str, name: str, data: bytes, *, sync: bool) -> None:
        """Write ``data`` into the reserved file and give it its name: needs no new space.

        With ``sync`` both are on disk when this returns, not in an order: nobody
        counts on the record before.
        """
        fd = self._open_plain(reserved, os.O_WRONLY)
        try:
            os.pwrite(fd, data, 0)
            os.ftruncate(fd, len(data))
            crash_point("record.filled", self.path)
            os.rename(reserved, name, src_dir_fd=self.fd, dst_dir_fd=self.fd)
            if sync:
                # One commit of the journal takes data and name, where one before the
                # rename and one after it would be two.
                sync_file(fd)
                self.sync()
        finally:
            os.close(fd)

    def rename(self, name: str, new_name: str, into: FolderHandle | None = None) -> None:
        """Give ``name`` a new name, here or inside ``into``; replaces a plain file there."""
        target = self if into is None else into
        os.rename(name, new_name, src_dir_fd=self.fd, dst_dir_fd=target.fd)

    def remove(self, name: str) -> None:
        """Remove a file or link; harmless where there is none."""
        try:
            os.unlink(name, dir_fd=self.fd)
        except FileNotFoundError:
            pass

    def sync(self) -> None:
        """Bring this folder's names to disk."""
        sync_file(self.fd)

    def lock(self, name: str) -> Lock | None:
        """Take the OS lock on the file ``name``; None where somebody holds it."""
        fd = self._open_plain(name, os.O_RDWR)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(fd)
            return None
        except OSError:
            os.close(fd)
            raise
        return Lock(fd)


def write_all(fd: int, data: bytes) -> None:
    """Write every byte, or raise OSError."""
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def sync_file(fd: int) -> None:
    """Bring an open file or folder to disk, through the drive's cache on macOS."""
    if sys.platform == "darwin":
        try:
            fcntl.fcntl(fd, fcntl.F_FULLFSYNC)
            return
        except OSError:
            pass  # Not every file system there knows F_FULLFSYNC.
    os.fsync(fd)


def sync_folder(path: str) -> None:
    """Bring the names inside the folder at ``path`` to disk."""
    fd = os.open(path, _OPEN_FOLDER)
    try:
        sync_file(fd)
    finally:
        os.close(fd)


def rename_folder(source: str, target: str) -> None:
    """Move a folder by one rename; FileExistsError where the target's name is taken.

    POSIX would replace an empty folder silently: hence the look before.
    """
    if os.path.lexists(target):
        raise FileExistsError(f"{target} exists already")
    os.rename(source, target)


def identity_of(path: str) -> Identity:
    """The identity of what lies at ``path``; links are not followed."""
    status = os.lstat(path)
    return _identity(status, None, path)


def _identity(status: os.stat_result, fd: int | None, path: str = "") -> Identity:
    if sys.platform == "darwin":
        return Identity(status.st_dev, status.st_ino, int(status.st_birthtime * 1_000_000) * 1000)
    return Identity(status.st_dev, status.st_ino, _birth_ns(fd, path))


_STATX_BTIME = 0x800
_AT_FDCWD, _AT_EMPTY_PATH, _AT_SYMLINK_NOFOLLOW = -100, 0x1000, 0x100
_libc = ctypes.CDLL(None, use_errno=True)


def _birth_ns(fd: int | None, path: str) -> int:
    """Birth time in ns by statx(2), which Python does not offer; 0 where unknown."""
    statx = getattr(_libc, "statx", None)
    if statx is None:
        return 0
    buffer = ctypes.create_string_buffer(256)
    where = _AT_FDCWD if fd is None else fd
    flags = _AT_SYMLINK_NOFOLLOW | (_AT_EMPTY_PATH if fd is not None else 0)
    if statx(where, os.fsencode(path), flags, _STATX_BTIME, buffer) != 0:
        return 0
    (mask,) = struct.unpack_from("I", buffer, 0)
    if not mask & _STATX_BTIME:
        return 0
    seconds, nanoseconds = struct.unpack_from("qI", buffer, 80)
    return int(seconds) * 1_000_000_000 + int(nanoseconds)


def file_system_type(path: str) -> str:
    """The file system's type name as the system's mount table has it, or ''."""
    if sys.platform != "linux":
        return ""
    best, kind = "", ""
    real = os.path.realpath(path)
    try:
        with open("/proc/self/mounts", encoding="utf-8", errors="surrogateescape") as mounts:
            for line in mounts:
                fields = line.split(" ")
                where = fields[1].replace("\\040", " ")
                inside = real == where or real.startswith(where.rstrip("/") + "/")
                if inside and len(where) >= len(best):
                    best, kind = where, fields[2]
    except OSError:
        return ""
    return kind

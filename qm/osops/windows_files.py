"""Folders by path, atomic records, locks and renames on Windows.

Nothing here keeps a handle between two calls, except a lock: an open handle
anywhere inside a folder makes Windows refuse to rename it.
"""

from __future__ import annotations

import sys

assert sys.platform == "win32"

import ctypes
import errno
import os
import stat
from types import TracebackType

from qm.crashpoints import crash_point
from qm.identity import Identity
from qm.osops.windows_handles import (
    APPEND,
    CREATE_ALWAYS,
    CREATE_NEW,
    GENERIC_READ,
    GENERIC_WRITE,
    OPEN_ALWAYS,
    OPEN_EXISTING,
    PATIENCE_OF_A_READER,
    SHARE_ALL,
    SHARE_READ_WRITE,
    is_link,
    lock_file,
    native,
    open_fd,
    patiently,
    unlock_file,
)

_DRIVE_REMOTE = 4

_kernel32 = ctypes.WinDLL("kernel32", use_last_error=True)


class NotAPlainFile(OSError):
    """A record's name is taken by a link, a pipe, a device or a folder."""


class Lock:
    """An OS lock on an open file; it goes when the holder lets go or dies."""

    def __init__(self, fd: int) -> None:
        self._fd = fd

    def write(self, text: str) -> None:
        """Replace the lock file's text (who holds it); readers may see it torn."""
        os.ftruncate(self._fd, 0)
        os.lseek(self._fd, 0, os.SEEK_SET)
        write_all(self._fd, text.encode())

    def release(self) -> None:
        """Free the lock; harmless when repeated."""
        if self._fd < 0:
            return
        fd, self._fd = self._fd, -1
        try:
            # Closing would free it as well, but Windows does not say when.
            unlock_file(fd)
        finally:
            os.close(fd)


class FolderHandle:
    """A folder, known by its path: where people rename it, this one is of no use any more.

    Windows refuses to rename a folder in which a process works or has a file
    open, so a running job's folder stays where it is. Names given to the
    methods are single names inside the folder. Nothing here follows a link in
    the last step.
    """

    def __init__(self, path: str) -> None:
        self.path = path

    @classmethod
    def open(cls, path: str) -> FolderHandle:
        """The folder at ``path``; OSError where it is absent, a link or no folder."""
        status = os.lstat(native(path))
        if is_link(status) or not stat.S_ISDIR(status.st_mode):
            raise NotADirectoryError(errno.ENOTDIR, "Not a folder", path)
        return cls(path)

    def sub(self, name: str, *, create: bool = False) -> FolderHandle:
        """The folder ``name`` inside this one, made first where ``create`` says so."""
        path = self._at(name)
        if create:
            try:
                os.mkdir(native(path))
            except FileExistsError:
                pass
        return FolderHandle.open(path)

    def close(self) -> None:
        """Nothing is held open; here so that every system is used alike."""

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
        """Device and file number of the folder that is at this path now."""
        return identity_of(self.path)

    def names(self) -> list[str]:
        """The names inside, in no order."""
        return os.listdir(native(self.path))

    def exists(self, name: str) -> bool:
        """True if anything, even a dangling link, has this name."""
        try:
            os.lstat(native(self._at(name)))
        except FileNotFoundError:
            return False
        return True

    def read(self, name: str, limit: int) -> bytes | None:
        """At most ``limit`` bytes of a plain file; None where there is none.

        Raises NotAPlainFile for anything but a regular file, other OSError
        where it cannot be read.
        """
        path = self._at(name)
        try:
            if self._plain_status(name) is None:
                return None
            fd = open_fd(path, GENERIC_READ, OPEN_EXISTING, patience=PATIENCE_OF_A_READER)
        except FileNotFoundError:
            return None
        try:
            data = os.read(fd, limit)
            while 0 < len(data) < limit:
                more = os.read(fd, limit - len(data))
                if not more:
                    break
                data += more
            return data
        finally:
            os.close(fd)

    def write(self, name: str, data: bytes, *, sync: bool = False) -> None:
        """Write a record so that readers see the old one or the new one, never a part.

        With ``sync`` the data is on disk before the name is. A reader that has
        the old one open is waited for, up to two seconds.
        """
        # Named by the process: a record that anybody may write is never torn between two.
        temporary = f".{name}.{os.getpid()}.new"
        try:
            fd = open_fd(self._at(temporary), GENERIC_WRITE, CREATE_NEW)
        except FileExistsError:
            # Left by a crash between the two steps below, or planted: never written through.
            self.remove(temporary)
            fd = open_fd(self._at(temporary), GENERIC_WRITE, CREATE_NEW)
        try:
            write_all(fd, data)
            if sync:
                sync_file(fd)
        except OSError:
            os.close(fd)
            self.remove(temporary)
            raise
        os.close(fd)
        crash_point("record.staged", name)
        try:
            self.rename(temporary, name)
        except OSError:
            self.remove(temporary)
            raise

    def create(self, name: str, mode: int = 0o666) -> int:
        """A new, empty plain file, opened for appending and reading; FileExistsError where taken.

        ``mode`` means nothing here: a file has the rights of its folder.
        """
        return open_fd(self._at(name), APPEND | GENERIC_READ, CREATE_NEW)

    def append(self, name: str) -> int:
        """The plain file ``name``, made where absent, opened for appending."""
        return self._open_plain(name, APPEND, OPEN_ALWAYS)

    def reserve(self, name: str, size: int) -> None:
        """Make ``name`` a file with ``size`` bytes of disk space that are surely there."""
        fd = self._open_plain(name, GENERIC_WRITE, CREATE_ALWAYS)
        try:
            write_all(fd, b"\n" * size)
        finally:
            os.close(fd)

    def write_reserved(self, reserved: str, name: str, data: bytes, *, sync: bool) -> None:
        """Write ``data`` into the reserved file and give it its name: needs no new space.

        With ``sync`` both are on disk when this returns.
        """
        fd = self._open_plain(reserved, GENERIC_WRITE, OPEN_ALWAYS)
        try:
            write_all(fd, data)
            os.ftruncate(fd, len(data))
            if sync:
                sync_file(fd)
        finally:
            os.close(fd)
        crash_point("record.filled", self.path)
        self.rename(reserved, name)

    def rename(self, name: str, new_name: str, into: FolderHandle | None = None) -> None:
        """Give ``name`` a new name, here or inside ``into``; replaces a plain file there.

        A file that is in use is waited for, up to two seconds.
        """
        source = native(self._at(name))
        target = native((self if into is None else into)._at(new_name))
        patiently(lambda: os.replace(source, target))

    def remove(self, name: str) -> None:
        """Remove a file or link; harmless where there is none."""
        path = native(self._at(name))
        try:
            status = os.lstat(path)
            if is_link(status) and status.st_file_attributes & stat.FILE_ATTRIBUTE_DIRECTORY:
                os.rmdir(path)
                return
            if status.st_file_attributes & stat.FILE_ATTRIBUTE_READONLY:
                os.chmod(path, stat.S_IWRITE)
            patiently(lambda: os.unlink(path))
        except FileNotFoundError:
            pass

    def sync(self) -> None:
        """Bring this folder's names to disk: see :func:`sync_folder`."""
        sync_folder(self.path)

    def lock(self, name: str) -> Lock | None:
        """Take the OS lock on the file ``name``; None where somebody holds it."""
        # Not shared for deletion: nobody can put another lock file in its place.
        access = GENERIC_READ | GENERIC_WRITE
        fd = self._open_plain(name, access, OPEN_ALWAYS, share=SHARE_READ_WRITE)
        try:
            taken = lock_file(fd)
        except OSError:
            os.close(fd)
            raise
        if not taken:
            os.close(fd)
            return None
        return Lock(fd)

    def _at(self, name: str) -> str:
        if ":" in name:
            # NTFS would take what follows the colon for a stream of another file.
            raise OSError(errno.EINVAL, "Windows allows no colon in a name", name)
        return os.path.join(self.path, name)

    def _plain_status(self, name: str) -> os.stat_result | None:
        try:
            status = os.lstat(native(self._at(name)))
        except FileNotFoundError:
            return None
        if is_link(status) or not stat.S_ISREG(status.st_mode):
            raise NotAPlainFile(f"{name} is not a plain file")
        return status

    def _open_plain(
        self, name: str, access: int, disposition: int, *, share: int = SHARE_ALL
    ) -> int:
        self._plain_status(name)
        return open_fd(self._at(name), access, disposition, share=share)


def write_all(fd: int, data: bytes) -> None:
    """Write every byte, or raise OSError."""
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def sync_file(fd: int) -> None:
    """Bring an open file to disk (FlushFileBuffers, through the drive's cache)."""
    os.fsync(fd)


def sync_folder(path: str) -> None:
    """Nothing: Windows cannot flush a folder, and NTFS keeps names in a journal of its own.

    Names are written to that journal in their order, so after a power cut the
    last of them may be missing, but an earlier one never is.
    """


def rename_folder(source: str, target: str) -> None:
    """Move a folder by one rename; FileExistsError where the target's name is taken.

    PermissionError with winerror 5 or 32 while a process works in the folder
    or has a file in it open: the caller tries again later.
    """
    os.rename(native(source), native(target))


def identity_of(path: str) -> Identity:
    """The identity of what lies at ``path``; links are not followed.

    No birth: an NTFS file number counts its reuses, so it is never given to
    another folder, while copy programs set the time of birth as they like.
    """
    status = os.lstat(native(path))
    return Identity(status.st_dev, status.st_ino)


def file_system_type(path: str) -> str:
    """``smb`` for any network drive, else the volume's type (``ntfs``, ``exfat``), or ''."""
    root = ctypes.create_unicode_buffer(1024)
    if not _kernel32.GetVolumePathNameW(native(path), root, len(root)):
        return ""
    if _kernel32.GetDriveTypeW(root) == _DRIVE_REMOTE:
        return "smb"
    kind = ctypes.create_unicode_buffer(64)
    if not _kernel32.GetVolumeInformationW(root, None, 0, None, None, None, kind, len(kind)):
        return ""
    return kind.value.lower()

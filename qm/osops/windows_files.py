"""Folders by path, atomic records, locks and renames on Windows.

Nothing here keeps a handle between two calls, except a lock: an open handle
anywhere inside a folder makes Windows refuse to rename it.
"""

from __future__ import annotations

import sys

assert sys.platform == "win32"

import ctypes
import errno
import msvcrt
import os
import stat
import time
from collections.abc import Callable
from ctypes import wintypes
from types import TracebackType
from typing import TypeVar

from qm.identity import Identity
from qm.osops import windows_names

_T = TypeVar("_T")

GENERIC_READ = 0x80000000
GENERIC_WRITE = 0x40000000
FILE_READ_ATTRIBUTES = 0x80
SHARE_READ = 1
SHARE_ALL = 7
OPEN_EXISTING = 3
_CREATE_NEW, _CREATE_ALWAYS, _OPEN_ALWAYS = 1, 2, 4
_SHARE_READ_WRITE = 3
# Without FILE_WRITE_DATA the system itself puts every write at the end, also
# the writes of a child that inherits the handle.
_APPEND = 0x120116 & ~0x2 | FILE_READ_ATTRIBUTES
_NAME_SURROGATE = 0x20000000
_INVALID_HANDLE = ctypes.c_void_p(-1).value

_ACCESS_DENIED, _SHARING_VIOLATION, _LOCK_VIOLATION = 5, 32, 33
_IN_USE = frozenset({_ACCESS_DENIED, _SHARING_VIOLATION, _LOCK_VIOLATION})
_PATIENCE = 2.0
_PATIENCE_OF_A_READER = 0.5
_LONGEST_PAUSE = 0.05
_LOCK_AT = 0x7FFF0000
"""The byte that is locked: far behind the text, since nobody can read a locked byte."""
_DRIVE_REMOTE = 4

_kernel32 = ctypes.WinDLL("kernel32", use_last_error=True)
_kernel32.CreateFileW.restype = wintypes.HANDLE
_kernel32.CreateFileW.argtypes = [
    wintypes.LPCWSTR,
    wintypes.DWORD,
    wintypes.DWORD,
    ctypes.c_void_p,
    wintypes.DWORD,
    wintypes.DWORD,
    wintypes.HANDLE,
]
_kernel32.CloseHandle.argtypes = [wintypes.HANDLE]
_kernel32.LockFile.argtypes = [wintypes.HANDLE, *[wintypes.DWORD] * 4]
_kernel32.UnlockFile.argtypes = [wintypes.HANDLE, *[wintypes.DWORD] * 4]


class NotAPlainFile(OSError):
    """A record's name is taken by a link, a pipe, a device or a folder."""


def native(path: str) -> str:
    r"""``path`` as the system reads it rightly: some names and lengths need ``\\?\``."""
    return windows_names.native(path, os.getcwd())


def open_handle(path: str, access: int, share: int, disposition: int, flags: int = 0) -> int:
    """CreateFileW: a handle that no child inherits; OSError with the path where refused."""
    handle = _kernel32.CreateFileW(native(path), access, share, None, disposition, flags, None)
    if handle == _INVALID_HANDLE:
        code = ctypes.get_last_error()
        raise OSError(0, ctypes.FormatError(code).strip(), path, code)
    return int(handle)


def close_handle(handle: int) -> None:
    """CloseHandle, for what :func:`open_handle` opened."""
    _kernel32.CloseHandle(handle)


def is_link(status: os.stat_result) -> bool:
    """True for a symbolic link or a junction; a cloud file is a reparse point, but no link."""
    return stat.S_ISLNK(status.st_mode) or bool(status.st_reparse_tag & _NAME_SURROGATE)


def _patiently(action: Callable[[], _T], patience: float = _PATIENCE) -> _T:
    """Do it again while the file is in use: virus scanners and readers let go of it soon."""
    until = time.monotonic() + patience
    pause = 0.001
    while True:
        try:
            return action()
        except OSError as error:
            if error.winerror not in _IN_USE or time.monotonic() >= until:
                raise
        time.sleep(pause)
        pause = min(2 * pause, _LONGEST_PAUSE)


def _open_fd(
    path: str, access: int, disposition: int, *, share: int = SHARE_ALL, patience: float = _PATIENCE
) -> int:
    handle = _patiently(lambda: open_handle(path, access, share, disposition), patience)
    return msvcrt.open_osfhandle(handle, os.O_BINARY | os.O_NOINHERIT)


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
            _kernel32.UnlockFile(msvcrt.get_osfhandle(fd), _LOCK_AT, 0, 1, 0)
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
            fd = _open_fd(path, GENERIC_READ, OPEN_EXISTING, patience=_PATIENCE_OF_A_READER)
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
        temporary = f".{name}.new"
        try:
            fd = _open_fd(self._at(temporary), GENERIC_WRITE, _CREATE_NEW)
        except FileExistsError:
            # Left by a crash between the two steps below, or planted: never written through.
            self.remove(temporary)
            fd = _open_fd(self._at(temporary), GENERIC_WRITE, _CREATE_NEW)
        try:
            write_all(fd, data)
            if sync:
                sync_file(fd)
        except OSError:
            os.close(fd)
            self.remove(temporary)
            raise
        os.close(fd)
        try:
            self.rename(temporary, name)
        except OSError:
            self.remove(temporary)
            raise

    def create(self, name: str, mode: int = 0o666) -> int:
        """A new, empty plain file, opened for appending; FileExistsError where taken.

        ``mode`` means nothing here: a file has the rights of its folder.
        """
        return _open_fd(self._at(name), _APPEND, _CREATE_NEW)

    def append(self, name: str) -> int:
        """The plain file ``name``, made where absent, opened for appending."""
        return self._open_plain(name, _APPEND, _OPEN_ALWAYS)

    def reserve(self, name: str, size: int) -> None:
        """Make ``name`` a file with ``size`` bytes of disk space that are surely there."""
        fd = self._open_plain(name, GENERIC_WRITE, _CREATE_ALWAYS)
        try:
            write_all(fd, b"\n" * size)
        finally:
            os.close(fd)

    def write_reserved(self, reserved: str, name: str, data: bytes, *, sync: bool) -> None:
        """Write ``data`` into the reserved file and give it its name: needs no new space."""
        fd = self._open_plain(reserved, GENERIC_WRITE, _OPEN_ALWAYS)
        try:
            write_all(fd, data)
            os.ftruncate(fd, len(data))
            if sync:
                sync_file(fd)
        finally:
            os.close(fd)
        self.rename(reserved, name)

    def rename(self, name: str, new_name: str, into: FolderHandle | None = None) -> None:
        """Give ``name`` a new name, here or inside ``into``; replaces a plain file there.

        A file that is in use is waited for, up to two seconds.
        """
        source = native(self._at(name))
        target = native((self if into is None else into)._at(new_name))
        _patiently(lambda: os.replace(source, target))

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
            _patiently(lambda: os.unlink(path))
        except FileNotFoundError:
            pass

    def sync(self) -> None:
        """Bring this folder's names to disk: see :func:`sync_folder`."""
        sync_folder(self.path)

    def lock(self, name: str) -> Lock | None:
        """Take the OS lock on the file ``name``; None where somebody holds it."""
        # Not shared for deletion: nobody can put another lock file in its place.
        access = GENERIC_READ | GENERIC_WRITE
        fd = self._open_plain(name, access, _OPEN_ALWAYS, share=_SHARE_READ_WRITE)
        if _kernel32.LockFile(msvcrt.get_osfhandle(fd), _LOCK_AT, 0, 1, 0):
            return Lock(fd)
        code = ctypes.get_last_error()
        os.close(fd)
        if code == _LOCK_VIOLATION:
            return None
        raise OSError(0, ctypes.FormatError(code).strip(), self._at(name), code)

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
        return _open_fd(self._at(name), access, disposition, share=share)


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

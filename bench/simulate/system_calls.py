"""The module ``os`` of the simulation: system calls on a disk in memory, by simulated processes.

Only what QM uses is here; a call that is not raises AttributeError, and never reaches the machine.
The code of `qm.osops` runs on it unchanged.
"""

from __future__ import annotations

import errno
import os
import posixpath
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from bench.simulate.disk import Node, fault
from bench.simulate.kernel import Kernel, OpenFile

DEVICE = 1
_SHARED = (
    *("fsencode", "fsdecode", "fspath", "strerror", "PathLike", "sep", "pathsep", "defpath"),
    *("F_OK", "R_OK", "W_OK", "X_OK", "SEEK_SET", "SEEK_CUR", "SEEK_END", "stat_result"),
    *(name for name in dir(os) if name.startswith(("O_", "ST_"))),
)
_DIRECTORY = getattr(os, "O_DIRECTORY", 0)


class Status:
    """What stat tells."""

    __slots__ = (
        "st_birthtime", "st_ctime", "st_ctime_ns", "st_dev", "st_gid", "st_ino", "st_mode",
        "st_mtime", "st_mtime_ns", "st_nlink", "st_size", "st_uid",
    )  # fmt: skip

    def __init__(self, node: Node) -> None:
        self.st_dev, self.st_ino, self.st_mode, self.st_nlink = DEVICE, node.number, node.mode, 1
        self.st_uid = self.st_gid = 1000
        self.st_size = 0 if node.data is None else len(node.data)
        self.st_mtime_ns, self.st_ctime_ns = node.modified, node.changed
        self.st_mtime, self.st_ctime = node.modified / 1e9, node.changed / 1e9
        self.st_birthtime = node.birth / 1e9


class Entry:
    """What scandir gives."""

    __slots__ = ("_node", "name", "path")

    def __init__(self, folder: str, name: str, node: Node) -> None:
        self.name, self.path, self._node = name, f"{folder}/{name}", node

    def inode(self) -> int:
        return self._node.number

    def is_dir(self, *, follow_symlinks: bool = True) -> bool:
        return self._node.data is None

    def is_file(self, *, follow_symlinks: bool = True) -> bool:
        return self._node.data is not None

    def is_symlink(self) -> bool:
        return False

    def stat(self, *, follow_symlinks: bool = True) -> Status:
        return Status(self._node)


class Paths:
    """``os.path``: texts as POSIX has them, and looks at the simulated disk."""

    join = staticmethod(posixpath.join)
    basename = staticmethod(posixpath.basename)
    dirname = staticmethod(posixpath.dirname)
    normpath = staticmethod(posixpath.normpath)
    abspath = staticmethod(posixpath.normpath)
    realpath = staticmethod(posixpath.normpath)
    split = staticmethod(posixpath.split)
    splitext = staticmethod(posixpath.splitext)
    isabs = staticmethod(posixpath.isabs)

    def __init__(self, calls: SystemCalls) -> None:
        self._calls = calls

    def lexists(self, path: str) -> bool:
        try:
            self._calls.stat(path)
        except OSError:
            return False
        return True

    exists = lexists

    def isdir(self, path: str) -> bool:
        try:
            return self._calls.node(path).is_folder
        except OSError:
            return False

    def islink(self, path: str) -> bool:
        return False


class _Room:
    f_frsize = 4096
    f_blocks = f_bavail = f_files = f_favail = 1 << 30
    f_flag = 0


class SystemCalls:
    """Stands in for the module ``os``."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self._disk = kernel.disk
        self._fd = 10
        self.path = Paths(self)
        self.environ = {"PATH": "/bin"}
        for name in _SHARED:
            setattr(self, name, getattr(os, name, None))

    def node(self, path: str | int, dir_fd: int | None = None) -> Node:
        """What a path or an open file is."""
        if isinstance(path, int):
            found = self._file(path).node
            assert found is not None
            return found
        return self._disk.find(path, self._start(dir_fd))

    def _start(self, dir_fd: int | None) -> Node | None:
        return None if dir_fd is None else self._file(dir_fd).node

    def _file(self, fd: int) -> OpenFile:
        try:
            return self._kernel.current.files[fd]
        except KeyError:
            raise fault(errno.EBADF, str(fd)) from None

    def _effect(self, half: Callable[[], None] | None = None) -> None:
        self._kernel.call(True, half)

    def _look(self) -> None:
        self._kernel.call(False)

    # Files.

    def open(self, path: str, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        creates = bool(flags & os.O_CREAT)
        self._kernel.call(creates or bool(flags & os.O_TRUNC))
        start = self._start(dir_fd)
        try:
            node = self._disk.find(path, start)
            if creates and flags & os.O_EXCL:
                raise fault(errno.EEXIST, path)
        except FileNotFoundError:
            if not creates:
                raise
            folder, name = self._disk.parent(path, start)
            node = self._disk.make_file()
            self._disk.link(folder, name, node)
        if flags & _DIRECTORY and not node.is_folder:
            raise fault(errno.ENOTDIR, path)
        if node.is_folder and flags & (os.O_WRONLY | os.O_RDWR):
            raise fault(errno.EISDIR, path)
        if flags & os.O_TRUNC and node.data:
            self._disk.cut_off(node, 0)
        self._fd += 1
        file = OpenFile(node, path, appends=bool(flags & os.O_APPEND))
        self._kernel.current.files[self._fd] = file
        return self._fd

    def close(self, fd: int) -> None:
        self._look()
        file = self._kernel.current.files.pop(fd, None)
        if file is None:
            raise fault(errno.EBADF, str(fd))
        self._kernel.let_go(file)

    def read(self, fd: int, size: int) -> bytes:
        self._look()
        file = self._file(fd)
        assert file.node is not None
        if file.node.data is None:
            raise fault(errno.EISDIR, file.path)
        data = bytes(file.node.data[file.at : file.at + size])
        file.at += len(data)
        return data

    def write(self, fd: int, data: bytes) -> int:
        file, data = self._file(fd), bytes(data)
        if file.pipe is not None:
            self._look()
            file.pipe.write(data)
            return len(data)
        node = file.node
        assert node is not None
        at = None if file.appends else file.at
        self._effect(lambda: self._disk.write(node, at, data[: len(data) // 2]))
        self._disk.write(node, at, data)
        file.at += len(data)
        return len(data)

    def pwrite(self, fd: int, data: bytes, offset: int) -> int:
        node = self.node(fd)
        self._effect(lambda: self._disk.write(node, offset, data[: len(data) // 2]))
        self._disk.write(node, offset, data)
        return len(data)

    def ftruncate(self, fd: int, size: int) -> None:
        self._effect()
        self._disk.cut_off(self.node(fd), size)

    def lseek(self, fd: int, offset: int, whence: int) -> int:
        file = self._file(fd)
        size = len(self.node(fd).data or b"")
        file.at = offset + (0, file.at, size)[whence]
        return file.at

    def fsync(self, fd: int) -> None:
        self._effect()
        self._disk.sync(self.node(fd))

    def flock(self, fd: int, how: int) -> None:
        self._effect()
        file = self._file(fd)
        assert file.node is not None
        if file.node.locked_by not in (None, file):
            raise fault(errno.EAGAIN, file.path)
        file.node.locked_by = file

    # Looks.

    def stat(
        self, path: str | int, *, dir_fd: int | None = None, follow_symlinks: bool = True
    ) -> Status:
        self._look()
        return Status(self.node(path, dir_fd))

    def lstat(self, path: str, *, dir_fd: int | None = None) -> Status:
        self._look()
        return Status(self.node(path, dir_fd))

    def fstat(self, fd: int) -> Status:
        self._look()
        return Status(self.node(fd))

    def statvfs(self, path: str) -> _Room:
        """There is room."""
        self._look()
        return _Room()

    def listdir(self, path: str | int) -> list[str]:
        self._look()
        return list(self._folder(path).entries)

    @contextmanager
    def scandir(self, path: str | int) -> Iterator[Iterator[Entry]]:
        self._look()
        node, where = self._folder(path), str(path)
        yield iter([Entry(where, name, found) for name, found in node.entries.items()])

    def _folder(self, path: str | int) -> Node:
        node = self.node(path)
        if not node.is_folder:
            raise fault(errno.ENOTDIR, str(path))
        return node

    def access(self, path: str, mode: int) -> bool:
        return bool(self.path.lexists(path))

    # Names.

    def mkdir(self, path: str, mode: int = 0o777, *, dir_fd: int | None = None) -> None:
        self._effect()
        folder, name = self._disk.parent(path, self._start(dir_fd))
        if name in folder.entries:
            raise fault(errno.EEXIST, path)
        self._disk.link(folder, name, self._disk.make_folder())

    def makedirs(self, path: str, mode: int = 0o777, exist_ok: bool = False) -> None:
        above = ""
        for part in path.split("/")[1:]:
            above += f"/{part}"
            try:
                self.mkdir(above, mode)
            except FileExistsError:
                if above == path and not exist_ok:
                    raise

    def rename(
        self,
        source: str,
        target: str,
        *,
        src_dir_fd: int | None = None,
        dst_dir_fd: int | None = None,
    ) -> None:
        self._effect()
        old, old_name = self._disk.parent(source, self._start(src_dir_fd))
        new, new_name = self._disk.parent(target, self._start(dst_dir_fd))
        self._disk.rename(old, old_name, new, new_name)

    def unlink(self, path: str, *, dir_fd: int | None = None) -> None:
        self._effect()
        folder, name = self._disk.parent(path, self._start(dir_fd))
        node = folder.entries.get(name)
        if node is None:
            raise fault(errno.ENOENT, path)
        if node.is_folder:
            raise fault(errno.EISDIR, path)
        self._disk.unlink(folder, name)

    def chmod(self, path: str, mode: int) -> None:
        self._effect()
        self.node(path).mode = mode

    def utime(self, fd: int) -> None:
        self._look()
        node = self.node(fd)
        node.modified = node.changed = self._kernel.now()

    # The process.

    def getpid(self) -> int:
        return self._kernel.current.pid

    def chdir(self, path: str) -> None:
        """Nobody uses relative paths here."""

"""The folder of a job while its files come in: nothing in it is ever followed or replaced."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from qm.errors import QMError
from qm.osops import FolderHandle, sync_file, write_all
from qm.osops.browsing import Kind, entries_of, item_of, open_file
from qm.osops.bulk_sync import sync_file_system, syncs_in_bulk
from web.problem import Problem
from web.uploads.names import DEEPEST
from web.uploads.plan import File

CHUNK = 1 << 20
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
_PLAIN, _EXECUTABLE = 0o666, 0o777

Read = Callable[[int], bytes]
"""Gives at most so many bytes, b"" at the end."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a file: ``length`` bytes from ``offset`` on, taken by ``read``."""

    offset: int
    length: int
    read: Read


@dataclass(frozen=True, slots=True)
class Incoming:
    """The folder at ``path``. Paths given to the methods are those of a checked plan."""

    path: str

    def receive(self, file: File, piece: Piece) -> int:
        """Add a piece to a file; returns how many bytes of it are here then.

        Problem 409 where it does not begin at the end of what is here, 413 where it
        goes past the size of the file, 404 where the folder is gone, 507 where the
        disk is full; QMError for what else goes wrong with it.
        """
        with disk_told(file.path), self._parent(file.path, create=True) as (folder, name):
            return append(folder, name, file, piece)

    def make_folder(self, path: str) -> None:
        """Make a folder, and those it lies in; raises as :meth:`receive`."""
        with disk_told(path), self._parent(path, create=True) as (folder, name):
            folder.sub(name, create=True).close()

    def sizes(self) -> dict[str, int]:
        """How many bytes of each file are here; OSError where that cannot be seen."""
        with FolderHandle.open(self.path) as top:
            return {path: item_of(folder, name).size for path, folder, name in _files(top, "")}

    @contextlib.contextmanager
    def opened(self, path: str) -> Iterator[Read]:
        """A file, to be read from its begin on."""
        with self._parent(path) as (folder, name), open_file(folder, name) as file:
            at = 0

            def read(size: int) -> bytes:
                nonlocal at
                data = file.read_at(at, size)
                at += len(data)
                return data

            yield read

    def throw_away(self, path: str) -> None:
        """Remove a file: it is to be sent again."""
        with self._parent(path) as (folder, name):
            folder.remove(name)

    def begin_anew(self) -> None:
        """Remove everything; OSError where that fails."""
        shutil.rmtree(self.path, ignore_errors=True)
        os.mkdir(self.path)

    def sync(self) -> None:
        """Bring files and folders to disk."""
        if syncs_in_bulk():
            sync_file_system(self.path)
            return
        with FolderHandle.open(self.path) as top:
            _sync(top, 0)

    @contextlib.contextmanager
    def _parent(self, path: str, *, create: bool = False) -> Iterator[tuple[FolderHandle, str]]:
        *above, name = path.split("/")
        with contextlib.ExitStack() as held:
            folder = held.enter_context(FolderHandle.open(self.path))
            for part in above:
                folder = held.enter_context(folder.sub(part, create=create))
            yield folder, name


@contextlib.contextmanager
def disk_told(path: str) -> Iterator[None]:
    """What goes wrong with the disk meanwhile becomes an answer."""
    try:
        yield
    except FileNotFoundError:
        raise Problem(404, "The upload is gone: somebody removed its folder.") from None
    except OSError as error:
        if error.errno in _FULL:
            raise disk_full() from error
        raise QMError(f"{path} cannot be written: {error.strerror}") from error


def disk_full() -> Problem:
    """The answer where there is no room for more."""
    return Problem(507, "The disk of QM is full.", "Make room on it, and go on.")


def append(folder: FolderHandle, name: str, file: File, piece: Piece) -> int:
    """Add a piece to ``name`` in an open folder, as :meth:`Incoming.receive` does."""
    fd = _open(folder, name, executable=file.executable)
    try:
        here = os.fstat(fd).st_size
        if piece.offset != here:
            raise Problem(
                409,
                f"{file.path}: {here} bytes are here, and this piece begins at {piece.offset}.",
                f"Go on at {here}.",
                {"Upload-Offset": str(here)},
            )
        end = here + piece.length
        if end > file.size:
            raise Problem(413, f"{file.path} was to have {file.size} bytes, and this makes {end}.")
        try:
            _copy(piece, fd)
        except OSError:
            # Where there is no room for the rest, a part of a piece only takes some away.
            with contextlib.suppress(OSError):
                os.ftruncate(fd, here)
            raise
        return end
    finally:
        os.close(fd)


def _open(folder: FolderHandle, name: str, *, executable: bool) -> int:
    try:
        return folder.create(name, _EXECUTABLE if executable else _PLAIN)
    except FileExistsError:
        return folder.append(name)


def _copy(piece: Piece, fd: int) -> None:
    left = piece.length
    while left:
        data = piece.read(min(CHUNK, left))
        if not data:
            raise Problem(400, "The piece is shorter than it says.")
        write_all(fd, data)
        left -= len(data)


def _files(folder: FolderHandle, above: str) -> Iterator[tuple[str, FolderHandle, str]]:
    """Path, open folder and name of each file."""
    for name, is_folder in list(entries_of(folder)):
        path = above + name
        if is_folder and path.count("/") < DEEPEST:
            with folder.sub(name) as inner:
                yield from _files(inner, f"{path}/")
        elif item_of(folder, name).kind is Kind.FILE:
            yield path, folder, name


def _sync(folder: FolderHandle, depth: int) -> None:
    for name, is_folder in list(entries_of(folder)):
        if is_folder and depth < DEEPEST:
            with folder.sub(name) as inner:
                _sync(inner, depth + 1)
        elif item_of(folder, name).kind is Kind.FILE:
            fd = folder.append(name)
            try:
                sync_file(fd)
            finally:
                os.close(fd)
    folder.sync()

"""A job's folder, opened for looking into it: nothing in it leads out of it."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from contextlib import ExitStack
from types import TracebackType
from typing import TypeVar

from qm.osops import FolderHandle, NotAPlainFile
from qm.osops.browsing import Item, Kind, PlainFile, item_of, items_of, link_target, open_file
from web.jobpath import Parts, is_own
from web.problem import Problem

_MOST_LINKS = 16
_MOST_MOVES = 3
_DIVIDERS = frozenset({"/", os.sep, "\0"})
_ABSENT = frozenset(
    {errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG, errno.EINVAL, errno.ENXIO}
)
_T = TypeVar("_T")

NOT_THERE = "There is no such file in this job."
GONE = "The folder of this job is gone: somebody took it away."


class JobFolder:
    """One job's folder, wherever it is moved while it is looked at.

    Names are opened one after another, each in the folder before it. A link is
    followed only by its own text, name by name, and only within the job: what
    leads out is refused, wherever it points and whenever it is put there.
    ``.qm`` is not shown.
    """

    def __init__(self, find: Callable[[], str | None], inode: int | None) -> None:
        """``find`` tells where the folder lies now; ``inode`` is what it must be.

        Raises Problem 404 where it is gone.
        """
        self._find = find
        self._inode = inode
        self._top = self._open_top()

    def close(self) -> None:
        """Let go of the folder; harmless when repeated."""
        self._top.close()

    def __enter__(self) -> JobFolder:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def top(self) -> FolderHandle:
        """The folder itself."""
        return self._top

    def kind_of(self, parts: Parts) -> Kind:
        """FILE or FOLDER, behind links that stay within the job; else Problem."""
        return self._wherever(lambda: self._kind_of(parts))

    def items(self, parts: Parts, most: int) -> tuple[list[Item], int]:
        """The first ``most`` entries of a folder, links as links, and how many there are."""

        def look() -> tuple[list[Item], int]:
            with ExitStack() as opened:
                place, name = self._walk(parts, opened)
                folder = place if name is None else _sub(place, name, opened)
                items, total = items_of(folder, most)
                shown = [i for i in items if not (folder is self._top and is_own(i.name))]
                return shown, total - (len(items) - len(shown))

        return self._wherever(look)

    def file(self, parts: Parts) -> PlainFile:
        """The regular file of this path, opened; the caller closes it. Else Problem."""

        def look() -> PlainFile:
            with ExitStack() as opened:
                place, name = self._walk(parts, opened)
                if name is None:
                    raise Problem(404, NOT_THERE)
                return open_file(place, name)

        return self._wherever(look)

    def leads_within(self, parts: Parts) -> bool:
        """True if this path, behind all links, is a file or folder of the job."""
        try:
            self.kind_of(parts)
        except Problem:
            return False
        return True

    def _kind_of(self, parts: Parts) -> Kind:
        with ExitStack() as opened:
            place, name = self._walk(parts, opened)
            kind = Kind.FOLDER if name is None else item_of(place, name).kind
            if kind is Kind.OTHER:
                raise Problem(404, "This is a pipe, a socket or a device: there is nothing to see.")
            return kind

    def _walk(self, parts: Parts, opened: ExitStack) -> tuple[FolderHandle, str | None]:
        """The last folder on the way, and the name in it; None for a folder reached by ``..``."""
        if any(_DIVIDERS & set(part) for part in parts):
            # Records name files as well, and anybody who may write into a job may change them.
            raise _leads_out()
        folders, left, links = [self._top], [*reversed(parts)], 0
        while left:
            name = left.pop()
            if name in ("", "."):
                continue
            if name == "..":
                if len(folders) == 1:
                    raise _leads_out()
                folders.pop()
                continue
            item = item_of(folders[-1], name)
            if len(folders) == 1 and self._is_own(item):
                raise Problem(404, NOT_THERE)
            if item.kind is Kind.LINK:
                links += 1
                left += reversed(_steps(folders[-1], name))
                if links > _MOST_LINKS:
                    raise Problem(404, "Too many links lead from here to there.")
            elif not left:
                return folders[-1], name
            else:
                folders.append(_sub(folders[-1], name, opened))
        return folders[-1], None

    def _is_own(self, item: Item) -> bool:
        """True for ``.qm`` under whatever name a file system also finds it by."""
        if is_own(item.name):
            return True
        try:
            return item.kind is Kind.FOLDER and item_of(self._top, ".qm").inode == item.inode
        except OSError:
            return False

    def _wherever(self, look: Callable[[], _T]) -> _T:
        """What ``look`` finds; once more where the folder was moved meanwhile."""
        for _ in range(_MOST_MOVES):
            try:
                return look()
            except OSError as error:
                # Where a folder is held open it stays the same one; elsewhere its path is stale.
                if not self._has_moved():
                    raise problem_of_file(error) from error
                self._top.close()
                self._top = self._open_top()
        raise Problem(503, "The folder of this job is being moved.", "Try again.")

    def _has_moved(self) -> bool:
        try:
            return self._inode is not None and self._top.identity().inode != self._inode
        except OSError:
            return True

    def _open_top(self) -> FolderHandle:
        for _ in range(_MOST_MOVES):
            # One that moves on while the four folders are looked through is missed once.
            path = self._find()
            if path is None:
                continue
            try:
                top = FolderHandle.open(path)
            except (FileNotFoundError, NotADirectoryError):
                continue
            except OSError as error:
                raise problem_of_file(error) from error
            if self._inode is None or top.identity().inode == self._inode:
                return top
            top.close()
        raise Problem(404, GONE)


def _sub(folder: FolderHandle, name: str, opened: ExitStack) -> FolderHandle:
    return opened.enter_context(folder.sub(name))


def _steps(folder: FolderHandle, name: str) -> list[str]:
    """The names that a link stands for; Problem 404 for one that is not relative."""
    target = link_target(folder, name).replace(os.sep, "/")
    if target.startswith("/"):
        raise _leads_out()
    return target.split("/")


def _leads_out() -> Problem:
    return Problem(404, "This leads out of the job: QM does not follow it.")


def problem_of_file(error: OSError) -> Problem:
    """The answer where a file or folder cannot be read."""
    if isinstance(error, PermissionError):
        return Problem(403, "QM may not read this: the person it runs as has no right to.")
    if isinstance(error, NotAPlainFile):
        return Problem(404, "This is not a file that can be shown.")
    if error.errno in _ABSENT or isinstance(error, FileNotFoundError):
        return Problem(404, NOT_THERE)
    return Problem(503, f"This cannot be read just now: {error.strerror}.", "Try again.")

"""A job's folder as one zip, made while it is sent.

zipstream-ng knows the length before the first byte, and makes what is larger
than 4 GiB readable everywhere; the standard library offers neither.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass

import zipstream

from qm.osops.browsing import Item, Kind, PlainFile
from web.jobfolder import JobFolder
from web.jobpath import MOST_PARTS, Parts
from web.problem import Problem

AT_ONCE = 2
_PIECE = 1 << 18
_MOST = 200_000
_RETRY = {"Retry-After": "15"}


@dataclass(frozen=True, slots=True)
class Found:
    """A file or folder inside a job."""

    parts: Parts
    item: Item


def everything_in(folder: JobFolder, top: Parts = ()) -> Iterator[Found]:
    """All files and folders, each folder before what is in it; links, pipes and such left out.

    What comes and goes meanwhile is in it or not. Problem 413 for a folder
    with more entries than anybody could mean.
    """
    left, count = [top], 0
    while left:
        place = left.pop()
        try:
            items, _ = folder.items(place, _MOST)
        except Problem:
            if place == top:
                raise
            continue  # Removed, or nobody may look into it.
        count += len(items)
        if count > _MOST:
            raise Problem(413, f"There are more than {_MOST} files: copy the folder instead.")
        for item in items:
            found = Found((*place, item.name), item)
            if item.kind is Kind.FOLDER and len(found.parts) < MOST_PARTS:
                left.append(found.parts)
                yield found
            elif item.kind is Kind.FILE:
                yield found


def name_in_zip(name: str, parts: Parts) -> str:
    r"""The path in the archive, below a folder ``name``.

    A backslash would be a way out on Windows: it comes as ``%5C``; control
    characters and bytes that are no UTF-8 come so as well.
    """
    return "/".join(_harmless(part) for part in (name, *parts))


def _harmless(part: str) -> str:
    return "".join(
        f"%{ord(character) & 0xFF:02X}"
        if character == "\\" or ord(character) < 32 or 0xDC80 <= ord(character) <= 0xDCFF
        else character
        for character in part
    )


class Archive:
    """The zip of a folder, as an iterable of bytes.

    Of a job that has ended the length is known; a file that changes all the
    same ends the connection. In a job that runs files come and go: each one is
    taken as it is when its turn comes, and nobody knows the length.
    """

    def __init__(self, folder: JobFolder, name: str, *, ended: bool) -> None:
        """Takes ``folder`` over, also where it raises; Problem where it cannot be read."""
        self._folder = folder
        self._name = name
        self._zip = zipstream.ZipStream(sized=ended)
        self._reading: PlainFile | None = None
        try:
            self._data = self._all() if ended else self._one_by_one()
        except BaseException:
            folder.close()
            raise

    @property
    def length(self) -> int | None:
        """Bytes in all; None where nobody knows."""
        return len(self._zip) if self._zip.sized else None

    def __iter__(self) -> Iterator[bytes]:
        return self._data

    def close(self) -> None:
        """Let go of the folder, and of the file that was being read."""
        if self._reading is not None:
            self._reading.close()
        self._folder.close()

    def _all(self) -> Iterator[bytes]:
        for one in everything_in(self._folder):
            self._add(one, one.item.size)
        return iter(self._zip)

    def _one_by_one(self) -> Iterator[bytes]:
        for one in everything_in(self._folder):
            self._add(one, None)
            yield from self._zip.file()
        yield from self._zip.finalize()

    def _add(self, found: Found, size: int | None) -> None:
        name = name_in_zip(self._name, found.parts)
        if found.item.kind is Kind.FOLDER:
            self._zip.mkdir(name)
        else:
            self._zip.add(self._read(found.parts, size), name, size=size)

    def _read(self, parts: Parts, size: int | None) -> Iterator[bytes]:
        """The file's data: exactly ``size`` bytes, or where that is None as many as there are."""
        try:
            file = self._folder.file(parts)
        except Problem as problem:
            if size is None:
                return  # It was there a moment ago.
            raise OSError(f"{'/'.join(parts)!r}: {problem.detail}") from problem
        self._reading = file
        with file:
            at, end = 0, file.size if size is None else size
            while at < end:
                data = file.read_at(at, min(_PIECE, end - at))
                if not data:
                    break
                at += len(data)
                yield data


class Turns:
    """Lets ``count`` archives be made at once; each one holds a thread until it is sent."""

    def __init__(self, count: int = AT_ONCE) -> None:
        self._free = threading.BoundedSemaphore(count)

    def take(self) -> None:
        """Problem 503 where all are taken."""
        if not self._free.acquire(blocking=False):
            raise Problem(
                503, "QM is packing other archives just now.", "Try again in a moment.", _RETRY
            )

    def give_back(self) -> None:
        """Let the next one come."""
        self._free.release()


class Sent:
    """An archive on its way; gives its turn back once, however the sending ends.

    Not a generator: one that was never begun does not run its ``finally``.
    """

    def __init__(self, archive: Archive, turns: Turns) -> None:
        self._archive = archive
        self._data = iter(archive)
        self._turns: Turns | None = turns

    def __iter__(self) -> Sent:
        return self

    def __next__(self) -> bytes:
        try:
            return next(self._data)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Sent, or the browser has left; harmless when repeated."""
        turns, self._turns = self._turns, None
        if turns is not None:
            self._archive.close()
            turns.give_back()

"""The ended attempts in ``history.jsonl``, read line by line from either end.

Lines stay when folders are removed. A job whose folder was taken away may have
two lines of one attempt, the later of them marked ``vanished``.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from typing import Any

from qm.view.entries import Entry

Line = dict[str, Any]

_BLOCK = 1 << 18
_ENDED = b'"ended": "'
_ENOUGH = 1000
"""Lines in a row that are too old: ends that were collected late lie closer together."""


def lines(path: str, since: str | None = None) -> Iterator[Line]:
    """What can be understood and ended at this UTC time or later, oldest first."""
    try:
        with open(path, "rb") as file:
            while block := file.readlines(_BLOCK):
                yield from _parsed(block if since is None else _not_before(block, since))
    except FileNotFoundError:
        return


class Growing:
    """A history that is read on from where it was read to the last time."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._at = 0
        self._inode: int | None = None

    def is_another(self) -> bool:
        """True if what was read is not how the file begins now: it was replaced, or is gone."""
        if self._inode is None:
            return False
        try:
            status = os.stat(self._path)
        except FileNotFoundError:
            return True
        return status.st_ino != self._inode or status.st_size < self._at

    def more(self) -> Iterator[Line]:
        """What was added, oldest first; a line that is being written comes the next time."""
        try:
            with open(self._path, "rb") as file:
                self._inode = os.fstat(file.fileno()).st_ino
                file.seek(self._at)
                while block := file.readlines(_BLOCK):
                    if not block[-1].endswith(b"\n"):
                        block.pop()
                    self._at += sum(map(len, block))
                    yield from _parsed(block)
        except FileNotFoundError:
            return


def _not_before(block: list[bytes], since: str) -> list[bytes]:
    """Without the lines that say that they ended earlier: they need not be parsed."""
    oldest = since.encode()
    found = []
    for raw in block:
        # Inside a text the quotes would be escaped: what is found is the key itself.
        at = raw.find(_ENDED)
        if at < 0 or raw[at + len(_ENDED) : at + len(_ENDED) + len(oldest)] >= oldest:
            found.append(raw)
    return found


def _parsed(block: list[bytes]) -> Iterator[Line]:
    try:
        # One call for many lines takes half the time.
        found = json.loads(b"[" + b",".join(block) + b"]")
    except (ValueError, RecursionError):
        found = map(_read, block)  # Half a line, from a power cut, is among them.
    return filter(is_attempt, found)


def newest_first(path: str, since: str | None, matches: Callable[[Entry], bool]) -> Iterator[Entry]:
    """The attempts that match and ended at this UTC time or later (None: ever), each once.

    Only as much of the file is read as is asked for.
    """
    seen: set[tuple[int, int]] = set()
    too_old = 0
    for raw in _backwards(path):
        line: Any = _read(raw)
        if not is_attempt(line) or (line["id"], line["attempt"]) in seen:
            continue
        if since is not None and line["ended"] < since:
            too_old += 1
            if too_old >= _ENOUGH:
                return
            continue
        too_old = 0
        seen.add((line["id"], line["attempt"]))
        entry = entry_of_line(line)
        if matches(entry):
            yield entry


def entry_of_line(line: Line) -> Entry:
    """An attempt as the lists show jobs; where its folder lies now is not asked."""
    return Entry._make(map(line.get, Entry._fields))


def is_attempt(line: Any) -> bool:
    """True if the line has what every line has."""
    try:
        numbers = type(line["id"]) is int and type(line["attempt"]) is int
        texts = type(line["name"]) is str and type(line["state"]) is str
        return numbers and texts and type(line["ended"]) is str
    except (KeyError, TypeError, IndexError):
        return False


def _read(raw: bytes) -> object:
    try:
        return json.loads(raw)
    except (ValueError, RecursionError):
        return None


def _backwards(path: str) -> Iterator[bytes]:
    """The lines of a file, the last one first."""
    try:
        with open(path, "rb") as file:
            end = file.seek(0, os.SEEK_END)
            rest = b""
            while end > 0:
                start = max(0, end - _BLOCK)
                file.seek(start)
                parts = (file.read(end - start) + rest).split(b"\n")
                # The first one may go on in the block before.
                rest = parts.pop(0)
                yield from reversed(parts)
                end = start
            yield rest
    except FileNotFoundError:
        return

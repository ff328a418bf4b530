"""A file as an HTTP answer: whole, a range of it, or the news that it has not changed."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Mapping
from email.utils import formatdate, parsedate_to_datetime

import bottle

from qm.osops.browsing import PlainFile
from web.problem import Problem

_RANGE = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})")
_TICK = 2.0
"""Seconds within which a file may change again and keep its time, on the coarsest file systems."""
_REVALIDATE = "private, no-cache"
_TURN = 1 << 20


class FileBody:
    """Bytes ``start`` to ``end`` of a file, as waitress sends files: without a thread of ours.

    The file may grow meanwhile; where it was cut off, OSError ends the
    connection, so that the browser knows that the rest is missing.

    waitress goes on as long as a browser takes what it sends, and serves nobody
    else meanwhile. It pauses where nothing comes, so after each MiB nothing does.
    (waitress, HTTPChannel._flush_some.)
    """

    def __init__(self, file: PlainFile, start: int, end: int) -> None:
        self._file = file
        self._at = start
        self._end = end
        self._turn = _TURN

    def read(self, size: int = -1) -> bytes:
        """The next bytes; b"" at the end, and once after each MiB."""
        left = self._end - self._at
        wanted = left if size < 0 else min(size, left)
        if self._turn <= 0 or wanted <= 0:
            self._turn = _TURN
            return b""
        data = self._file.read_at(self._at, wanted)
        if len(data) < wanted:
            raise OSError("the file was cut off while it was sent")
        self._at += wanted
        self._turn -= wanted
        return data

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go on reading from another place of the file."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._end}[whence]
        self._at = base + offset
        return self._at

    def tell(self) -> int:
        """Where in the file it goes on."""
        return self._at

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()


def send(
    file: PlainFile, kind: str, headers: Mapping[str, str] | None = None
) -> bottle.HTTPResponse:
    """Answer the GET or HEAD at hand with this file, and close it afterwards.

    ``kind`` is the Content-Type. Conditions and one range are heeded as in
    RFC 9110, sections 13 and 14; several ranges get the whole file.
    """
    request = bottle.request
    changed = file.changed_ns / 1e9
    tag = _tag(file, time.time() - changed)
    about = {"ETag": tag, "Cache-Control": _REVALIDATE, "Accept-Ranges": "bytes", **(headers or {})}
    if changed <= time.time():
        about["Last-Modified"] = formatdate(changed, usegmt=True)
    if _is_known(request, tag, changed):
        file.close()
        return bottle.HTTPResponse("", 304, about)
    part = None
    if _range_holds(request.get_header("If-Range"), tag, changed):
        part = range_of(request.get_header("Range", ""), file.size)
    start, end = part or (0, file.size)
    if start >= end and part is not None:
        file.close()
        raise Problem(
            416,
            f"The file has {file.size} bytes.",
            headers={"Content-Range": f"bytes */{file.size}"},
        )
    about |= {"Content-Type": kind, "Content-Length": str(end - start)}
    if part is not None:
        about["Content-Range"] = f"bytes {start}-{end - 1}/{file.size}"
    status = 200 if part is None else 206
    return bottle.HTTPResponse(FileBody(file, start, end), status, about)


def range_of(header: str, size: int) -> tuple[int, int] | None:
    """First and behind the last byte that a Range header asks for; None: the whole file.

    What lies behind the end comes as an empty range.
    """
    match = _RANGE.fullmatch(header.strip().lower())
    if match is None or match[0] == "bytes=-":
        return None
    if not match[1]:
        return max(0, size - int(match[2])), size
    first = int(match[1])
    last = int(match[2]) if match[2] else size - 1
    if match[2] and last < first:
        return None
    return first, min(last + 1, size)


def _tag(file: PlainFile, age: float) -> str:
    """An entity tag; a weak one for a file that may change once more within one tick."""
    tag = f'"{file.inode:x}-{file.size:x}-{file.changed_ns:x}"'
    return tag if age > _TICK else f"W/{tag}"


def _is_known(request: bottle.BaseRequest, tag: str, changed: float) -> bool:
    """True if the browser has the file as it is."""
    tags = request.get_header("If-None-Match")
    if tags is not None:
        weak = {one.strip().removeprefix("W/") for one in tags.split(",")}
        return tags.strip() == "*" or tag.removeprefix("W/") in weak
    since = _seconds(request.get_header("If-Modified-Since"))
    return since is not None and int(changed) <= since


def _range_holds(condition: str | None, tag: str, changed: float) -> bool:
    """False where the part that the browser has is of another state of the file."""
    if condition is None:
        return True
    if condition.startswith(('"', "W/")):
        return condition == tag and not tag.startswith("W/")
    return _seconds(condition) == int(changed)


def _seconds(date: str | None) -> float | None:
    try:
        return None if date is None else parsedate_to_datetime(date).timestamp()
    except (ValueError, TypeError, OverflowError):
        return None

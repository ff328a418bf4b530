"""A job's process.log, wherever its folder lies, and while it grows."""

from __future__ import annotations

import codecs
import os
import stat
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from qm.errors import QMError
from qm.folders.layout import Layout
from qm.jobdir import read_records
from qm.jobfiles import LOG
from qm.names import shown
from qm.view.entries import Entry
from qm.view.load import locate

_CHUNK = 1 << 16
_POLL = 0.2
_FLAGS = (
    os.O_RDONLY
    | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_NONBLOCK", 0)
    | getattr(os, "O_BINARY", 0)
    | getattr(os, "O_CLOEXEC", 0)
)

Write = Callable[[str], None]


@dataclass(slots=True)
class LogReader:
    """Reads on from where it was. The file is open only for a moment at a time:
    on Windows an open file would keep its folder from being moved.
    """

    layout: Layout
    entry: Entry
    offset: int = 0
    inode: int = 0
    folder: str | None = None
    decoder: codecs.IncrementalDecoder = field(
        default_factory=lambda: codecs.getincrementaldecoder("utf-8")("replace")
    )

    def read(self, write: Write) -> bool:
        """Write what is new; False where there is no log (yet)."""
        fd = self._open()
        if fd is None:
            return False
        try:
            status = os.fstat(fd)
            if (status.st_ino, True) != (self.inode, status.st_size >= self.offset):
                # Another attempt has begun a new log.
                self.inode, self.offset = status.st_ino, 0
            os.lseek(fd, self.offset, os.SEEK_SET)
            while data := os.read(fd, _CHUNK):
                self.offset += len(data)
                write(self.decoder.decode(data))
        finally:
            os.close(fd)
        return True

    def skip_to_last(self, lines: int) -> None:
        """Begin with the last ``lines`` lines."""
        fd = self._open()
        if fd is None:
            return
        try:
            self.inode = os.fstat(fd).st_ino
            self.offset = _start_of_last(fd, lines)
        finally:
            os.close(fd)

    def _open(self) -> int | None:
        for _ in range(2):
            if self.folder is None:
                self.folder = locate(self.layout, self.entry)
            if self.folder is None:
                return None
            try:
                return _open_plain(os.path.join(self.folder, LOG))
            except FileNotFoundError:
                # No log, or the folder has moved on: look where it lies now.
                self.folder = None
        return None


def _open_plain(path: str) -> int:
    fd = os.open(path, _FLAGS)
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise QMError(f"{shown(path)} is not a plain file")
    return fd


def _start_of_last(fd: int, lines: int) -> int:
    """The offset at which the last ``lines`` lines begin."""
    end = position = os.fstat(fd).st_size
    wanted = lines + 1
    tail = True
    while position > 0:
        size = min(_CHUNK, position)
        position -= size
        os.lseek(fd, position, os.SEEK_SET)
        block = os.read(fd, size)
        if tail and not block.endswith(b"\n"):
            wanted -= 1
        tail = False
        found = len(block)
        while wanted and (found := block.rfind(b"\n", 0, found)) >= 0:
            wanted -= 1
        if not wanted:
            return position + found + 1
    return 0 if lines else end


def follow(reader: LogReader, write: Write, tell: Write) -> None:
    """Write the log as it grows, until the job has ended. QMError where its folder is gone."""
    told = False
    while True:
        # Asked first: what the script wrote before it ended is read after that.
        ended = _has_ended(reader)
        there = reader.read(write)
        if ended:
            return
        if not there and not told:
            told = True
            tell(no_log(reader.entry) + "; waiting for it")
        time.sleep(_POLL)


def _has_ended(reader: LogReader) -> bool:
    path = locate(reader.layout, reader.entry)
    if path is None:
        raise QMError(f"the folder of {reader.entry.label} was taken away")
    reader.folder = path
    try:
        return read_records(path, os.path.basename(path)).ended
    except FileNotFoundError:
        return False  # It has just moved on.


def no_log(entry: Entry) -> str:
    """Why there is nothing to show."""
    why = f": {entry.reason}" if entry.reason else ""
    return f"{entry.label} has no log, it is {entry.state}{shown(why)}"

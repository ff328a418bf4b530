"""A job's logs, wherever its folder lies, and while they grow."""

from __future__ import annotations

import codecs
import os
import stat
from collections.abc import Callable
from dataclasses import dataclass, field

from qm.errors import QMError
from qm.folders.layout import Layout
from qm.jobfiles import LOG, OWN
from qm.names import shown
from qm.view.entries import Entry
from qm.view.load import locate

_CHUNK = 1 << 18
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
    file: str = LOG
    """Its path inside the job folder."""
    offset: int = 0
    inode: int = 0
    folder: str | None = None
    past: set[int] | None = None
    """Attempts whose logs are done with; None before the first look."""
    latest: int | None = None
    """The last of them that was put aside since then."""
    decoder: codecs.IncrementalDecoder = field(
        default_factory=lambda: codecs.getincrementaldecoder("utf-8")("replace")
    )

    def read(self, write: Write, tell: Write = lambda text: None) -> bool:
        """Write what is new; False where there is no such file (yet).

        Another attempt begins a new log: the rest of the earlier one is written
        first, and ``tell`` is told; so it is where the log was cut off.
        """
        fd = self._open()
        if self.past is None:
            self.past = set(earlier_attempts(self.folder))
        if fd is None:
            self._read_archived(write, tell)
            return False
        try:
            status = os.fstat(fd)
            if status.st_ino != self.inode:
                self._read_archived(write, tell)
                self._begin(status.st_ino, tell)
            elif status.st_size < self.offset:
                tell(f"{self.entry.label}: its log was cut off; from the beginning again")
                self.offset = 0
            self._read_on(fd, write)
        finally:
            os.close(fd)
        return True

    def _begin(self, inode: int, tell: Write) -> None:
        """Go over to another file."""
        if self.inode:
            after = "" if self.latest is None else f" after attempt {self.latest}"
            tell(f"{self.entry.label}: a new log begins{after}")
        self.inode, self.offset = inode, 0

    def skip_to_last(self, lines: int) -> None:
        """Begin with the last ``lines`` lines; only the end of the file is read for that."""
        fd = self._open()
        if fd is None:
            return
        try:
            self.inode = os.fstat(fd).st_ino
            self.offset = _start_of_last(fd, lines)
        finally:
            os.close(fd)

    def finish(self, write: Write) -> None:
        """Write what is left of a character that was cut off; nothing more is read."""
        write(self.decoder.decode(b"", final=True))

    def _read_on(self, fd: int, write: Write) -> None:
        os.lseek(fd, self.offset, os.SEEK_SET)
        while data := os.read(fd, _CHUNK):
            self.offset += len(data)
            write(self.decoder.decode(data))

    def _read_archived(self, write: Write, tell: Write) -> None:
        """Write what was put aside since the first look, as far as it is new.

        That is the rest of the log that was read so far, and the whole log of an
        attempt that began and ended between two looks.
        """
        folder = self.folder or locate(self.layout, self.entry)
        if self.file != LOG:
            return  # The files that a job names itself are written on, over all attempts.
        for attempt in earlier_attempts(folder):
            if folder is None or self.past is None or attempt in self.past:
                continue
            try:
                fd = _open_plain(os.path.join(folder, archived(attempt)))
            except (OSError, QMError):
                continue
            try:
                inode = os.fstat(fd).st_ino
                if inode != self.inode:
                    self._begin(inode, tell)
                self._read_on(fd, write)
            finally:
                os.close(fd)
            self.past.add(attempt)
            self.latest = attempt

    def _open(self) -> int | None:
        for _ in range(2):
            if self.folder is None:
                self.folder = locate(self.layout, self.entry)
            if self.folder is None:
                return None
            try:
                return _open_plain(os.path.join(self.folder, self.file))
            except FileNotFoundError:
                # No log, or the folder has moved on: look where it lies now.
                self.folder = None
        return None


def archived(attempt: int) -> str:
    """Where the log of an earlier attempt lies inside the job folder."""
    return os.path.join(OWN, f"attempt-{attempt}", LOG)


def earlier_attempts(folder: str | None) -> list[int]:
    """The attempts of which records and log were put aside, oldest first."""
    try:
        names = [] if folder is None else os.listdir(os.path.join(folder, OWN))
    except OSError:
        return []
    numbers = [name.removeprefix("attempt-") for name in names if name.startswith("attempt-")]
    return sorted(int(number) for number in numbers if number.isdecimal())


def read_end(layout: Layout, entry: Entry, size: int) -> bytes | None:
    """The last ``size`` bytes of the job's log; None where there is none."""
    folder = locate(layout, entry)
    try:
        fd = None if folder is None else _open_plain(os.path.join(folder, LOG))
    except (OSError, QMError):
        return None
    if fd is None:
        return None
    try:
        os.lseek(fd, max(0, os.fstat(fd).st_size - size), os.SEEK_SET)
        return os.read(fd, size)
    finally:
        os.close(fd)


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


def no_log(entry: Entry) -> str:
    """Why there is nothing to show."""
    why = f": {entry.reason}" if entry.reason else ""
    return f"{entry.label} has no log, it is {entry.state}{shown(why)}"

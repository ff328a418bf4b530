"""The log of a job of another QM."""

from __future__ import annotations

import codecs
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from qm.errors import NoSuchJob, QMError
from qm.remote.client import Unreachable
from qm.remote.jobs import RemoteJobs
from qm.view.entries import Entry
from qm.view.joblog import no_log

PIECE = 1 << 20
"""Bytes in one request: the most that the page gives."""
_POLL = 0.5
_LOST_FOR = 120.0
"""Seconds without an answer, until following ends."""

Write = Callable[[str], None]


@dataclass(slots=True)
class RemoteLog:
    """Reads on from where it was; ``run`` None is the attempt that is, or was, the last one."""

    jobs: RemoteJobs
    entry: Entry
    run: int | None = None
    offset: int = 0
    decoder: codecs.IncrementalDecoder = field(
        default_factory=lambda: codecs.getincrementaldecoder("utf-8")("replace")
    )

    def read(self, write: Write) -> bool:
        """Write what is new; False where there is no log (yet)."""
        while True:
            try:
                start, data, size = self._piece(("from", str(self.offset)))
            except NoSuchJob:
                return False
            if size < self.offset:
                self.offset = 0  # Another attempt has begun a new one, or it was cut off.
                continue
            write(self.decoder.decode(data))
            self.offset = start + len(data)
            if not data or self.offset >= size:
                return True

    def skip_to_last(self, lines: int) -> None:
        """Begin with the last ``lines`` lines."""
        try:
            start, data, size = self._piece(("tail", str(PIECE)))
            while start > 0 and _lines_in(data) <= lines:
                start, before, _ = self._piece(("before", str(start)))
                data = before + data
        except NoSuchJob:
            return
        self.offset = start + _start_of_last(data, lines) if lines else size

    def finish(self, write: Write) -> None:
        """Write what is left of a character that was cut off."""
        write(self.decoder.decode(b"", final=True))

    def _piece(self, place: tuple[str, str]) -> tuple[int, bytes, int]:
        """Where a piece begins, its bytes, and how long the whole log is."""
        query = [place, *(() if place[0] == "tail" else [("max", str(PIECE))])]
        if self.run is not None:
            query.append(("run", str(self.run)))
        reply = self.jobs.client.get("jobs", str(self.entry.id), "log", query=query)
        try:
            start, size = (int(reply.headers[f"x-log-{name}"]) for name in ("start", "size"))
        except (KeyError, ValueError):
            raise QMError("the answer is not that of QM's page") from None
        return start, reply.body, size


def _lines_in(data: bytes) -> int:
    return data.count(b"\n") + (not data.endswith(b"\n"))


def _start_of_last(data: bytes, lines: int) -> int:
    at = len(data) - data.endswith(b"\n")
    for _ in range(lines):
        at = data.rfind(b"\n", 0, max(0, at))
        if at < 0:
            return 0
    return at + 1


def follow(log: RemoteLog, write: Write, tell: Write) -> None:
    """Write the log as it grows, until the job has ended, over all of its attempts.

    ``tell`` gets a line where another attempt begins, and where there is nothing yet.
    """
    told = False
    heard = time.monotonic()
    while True:
        try:
            # Asked first: what the script wrote before it ended is read after that.
            entry = log.jobs.find(str(log.entry.id))
            _go_over(log, entry, write, tell)
            there = log.read(write)
        except Unreachable:
            if time.monotonic() - heard > _LOST_FOR:
                raise
            time.sleep(_POLL)
            continue
        heard = time.monotonic()
        if entry.ended is not None:
            log.finish(write)
            return
        if not there and not told:
            tell(no_log(entry) + "; waiting for it")
        told = not there
        time.sleep(_POLL)


def _go_over(log: RemoteLog, entry: Entry, write: Write, tell: Write) -> None:
    """To the log of another attempt, once the rest of the earlier one is written."""
    before = log.entry
    log.entry = entry
    if entry.attempt == before.attempt or not log.offset:
        return
    log.run = before.attempt
    log.read(write)
    log.finish(write)
    log.decoder.reset()
    log.run, log.offset = None, 0
    tell(f"{entry.label}: a new log begins after attempt {before.attempt}")

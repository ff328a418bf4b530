"""``events.jsonl``: a line for each try to tell somebody. Hooks are events, never outcomes."""

from __future__ import annotations

import json
import logging
import os
import threading
from collections.abc import Callable
from typing import Any

from qm.notify.message import one_line
from qm.osops import FolderHandle, write_all
from qm.times import utc_text

log = logging.getLogger("qm")

LARGEST = 1 << 20
"""Bytes; a file that has grown to so many is renamed to ``events.jsonl.1``."""
_LONGEST = 2000


class Journal:
    """Appends lines; the file and the one before it together are all that is kept."""

    def __init__(self, path: str, clock: Callable[[], float], largest: int = LARGEST) -> None:
        """``clock`` gives seconds since the epoch."""
        self._folder, self._name = os.path.split(path)
        self._clock = clock
        self._largest = largest
        self._lock = threading.Lock()
        self._begun = False

    def add(self, kind: str, job: int, ok: bool, detail: str) -> None:
        """Write a line, and say it in QM's log. A full disk loses the line, no more."""
        said = one_line(detail)[:_LONGEST]
        level = logging.INFO if ok else logging.WARNING
        log.log(level, "%s for job %d: %s", kind, job, said)
        line = {
            "time": utc_text(self._clock()),
            "kind": kind,
            "job": job,
            "ok": ok,
            "detail": said,
        }
        try:
            with self._lock, FolderHandle.open(self._folder) as folder:
                self._append(folder, json.dumps(line).encode() + b"\n")
        except OSError as error:
            log.warning("the event cannot be written to %s: %s", self._name, error.strerror)

    def _append(self, folder: FolderHandle, line: bytes) -> None:
        fd = folder.append(self._name)
        try:
            size = os.fstat(fd).st_size
            # A power cut may have left half a line: it shall not spoil ours.
            write_all(fd, b"\n" + line if size and not self._begun else line)
            self._begun = True
        finally:
            os.close(fd)
        if size + len(line) >= self._largest:
            folder.rename(self._name, f"{self._name}.1")
            self._begun = False


def read_events(path: str) -> list[dict[str, Any]]:
    """Every event that is kept, oldest first; none where there is no file."""
    found = []
    for file in (f"{path}.1", path):
        try:
            with open(file, "rb") as lines:
                text = lines.read(2 * LARGEST)
        except FileNotFoundError:
            continue
        for line in text.splitlines():
            try:
                event = json.loads(line)
            except (ValueError, RecursionError):
                continue
            if isinstance(event, dict):
                found.append(event)
    return found

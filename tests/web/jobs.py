"""A queue with jobs that have ended, filled with whatever files a test wants, and its page."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.live.harness import Queue
from tests.web.served import Served, Visitor, free_port, served, write_config


@dataclass(frozen=True, slots=True)
class Shown:
    """A queue and the page that shows it."""

    queue: Queue
    page: Served
    visitor: Visitor

    def ended(self, name: str) -> tuple[int, Path]:
        """The id and folder of a job that has ended well; made by the first call."""
        if self.queue.where(name) is None:
            self.queue.drop(name, "exit 0")
        folder = self.queue.wait_done(name)
        return int(self.queue.record(name, "job.json")["id"]), folder

    def files(self, name: str) -> str:
        """The address of the list of a job's files."""
        return f"/job/{self.ended(name)[0]}/files"


@contextmanager
def shown_queue(base: Path, **web: object) -> Iterator[Shown]:
    """A queue with a running manager and its page; ``web`` are options of the page's section."""
    queue = Queue(base / "QM", MaxNbProcessors="4").start()
    try:
        port = free_port()
        config = write_config(base / "page.cfg", queue.folder, port, **web)
        with served(queue.folder, config, port) as page:
            page.token()
            yield Shown(queue, page, page.operator())
    finally:
        left = queue.end_everything()
        assert not left, f"processes outlived the tests: {left}"


def fill(folder: Path, **files: bytes) -> None:
    """Write files into a folder, made where it is missing."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in files.items():
        (folder / name).write_bytes(data)


def raw_name(name: bytes) -> str:
    """A file name from the bytes that a POSIX file system keeps."""
    return os.fsdecode(name)

"""A queue with jobs that have ended, filled with whatever files a test wants, and its page."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.live.harness import Queue
from tests.web.served import Served, Visitor, free_port, served, write_config
from web.tokens import new_token

WAYS_OUT = [
    *("../../../QM-secret/s.txt", "..%2f..%2f..%2fQM-secret%2fs.txt", "sub/../../x"),
    *("%2e%2e/%2e%2e/%2e%2e/QM-secret/s.txt", "..%5c..%5cQM-secret%5cs.txt"),
    *("%252e%252e/%252e%252e/QM-secret/s.txt", "....//....//QM-secret/s.txt", "sub/%2e%2e"),
    *("/etc/passwd", "//etc/passwd", "%2fetc%2fpasswd", "C:%5cx", "C:/x", "//h/s", "%5c%5ch%5cs"),
    *("%00", "a.txt%00.png", "%0d%0aSet-Cookie:%20x=1", "%ff%fe", "%c0%ae%c0%ae/x"),
    *("x" * 300, "x" * 5000, "/".join(["y"] * 100), ".qm/job.json", ".qm%2fjob.json", "a.txt/x"),
]
"""What somebody puts into an address who wants more than a job's files."""


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

    def raw(self, path: str, method: str = "GET") -> tuple[int, bytes]:
        """The status and all of the answer for an address that no client would send so."""
        cookie = self.visitor.headers["Cookie"]
        head = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
        answer = self.page.raw(f"{head}Cookie: {cookie}\r\n\r\n".encode())
        return int(answer.split(b" ", 2)[1]), answer


@contextmanager
def shown_queue(base: Path, **web: object) -> Iterator[Shown]:
    """A queue with a running manager and its page; ``web`` are options of the page's section."""
    queue = Queue(base / "QM", MaxNbProcessors="4").start()
    try:
        port = free_port()
        config = write_config(base / "page.cfg", queue.folder, port, **web)
        new_token(config.with_name("web-token"))
        with served(queue.folder, config, port) as page:
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

"""What the page's process costs while many browsers follow one event each second."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from bench.series import Series
from bench.waiting import wait_for, wait_seconds
from bench.webgate import Figure, Gated, Of, Told
from bench.webplan import WebPlan
from bench.webserver import Page, parse_head
from bench.webtimes import Filled, filled_page

_EVERY = 1.0
_POLL = 5.0
_SETTLED = 2.0
_WINDOWS = 5
_PER_ADDRESS = 10
"""Browsers of one machine; the page lets one address have a few more."""
_LIMIT = 30.0


@dataclass
class Listener:
    """A browser, as far as the page's process sees it. One for which there is no event stream
    any more asks for the summary every five seconds, as the page's script does.
    """

    port: int
    address: str
    looks: bool
    """Asks for what it shows after each event, as a tab that somebody sees does."""
    events: int = 0
    follows: bool = False
    _connection: socket.socket | None = None
    _ended: threading.Event = field(default_factory=threading.Event)

    def begin(self) -> None:
        """Come; returns when the page has answered."""
        query = "?topics=queue,progress,manager"
        self._connection = self._open(f"/api/v1/events{query}")
        reader = self._connection.makefile("rb")
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += reader.readline()
        self.follows = parse_head(head[:-4])[0] == 200
        act = self._read if self.follows else self._poll
        threading.Thread(target=act, args=(reader,), daemon=True).start()

    def _open(self, target: str, tag: str = "") -> socket.socket:
        source = (self.address, 0)
        connection = socket.create_connection(("127.0.0.1", self.port), _LIMIT, source)
        lines = [f"GET {target} HTTP/1.1", f"Host: 127.0.0.1:{self.port}", "Accept-Encoding: gzip"]
        lines += [f"If-None-Match: {tag}"] if tag else []
        connection.sendall("\r\n".join([*lines, "", ""]).encode())
        return connection

    def _read(self, reader: socket.SocketIO) -> None:
        with contextlib.suppress(OSError, ValueError):
            for line in iter(reader.readline, b""):
                if line.startswith(b"event: change"):
                    self.events += 1
                    if self.looks:
                        self._look("/parts/main")

    def _poll(self, reader: socket.SocketIO) -> None:
        with contextlib.suppress(OSError, ValueError):
            while not self._ended.wait(_POLL):
                self._look("/api/v1/summary")

    def _look(self, target: str) -> None:
        connection = self._open(target)
        with connection, connection.makefile("rb") as reader:
            head = b""
            while not head.endswith(b"\r\n\r\n"):
                head += reader.readline()
            reader.read(int(parse_head(head[:-4])[1].get("content-length", "0")))

    def end(self) -> None:
        """Go."""
        self._ended.set()
        if self._connection is not None:
            with contextlib.suppress(OSError):
                self._connection.shutdown(socket.SHUT_RDWR)
            self._connection.close()


def measure_listeners(plan: WebPlan) -> list[Figure]:
    """Memory and processor of the page's process, while the browsers only listen, and look."""
    figures: list[Figure] = []
    with filled_page(plan, "listeners") as made:
        for looks in (False, True):
            with _browsers(plan, made.page, looks=looks) as all_of_them:
                followers = sum(one.follows for one in all_of_them)
                memory, shares = _watch(plan, made, all_of_them)
            doing = "which look at each" if looks else "1 event/s"
            who = f"{plan.browsers} browsers ({followers} by events), {doing}"
            resident = Series(f"{who}: memory", "MiB", tuple(memory))
            processor = Series(f"{who}: processor", "% of a core", tuple(shares))
            figures.append(Gated(resident, 80.0, Of.HIGHEST))
            figures.append(Told(processor) if looks else Gated(processor, 5.0, Of.MEDIAN))
    return figures


@contextlib.contextmanager
def _browsers(plan: WebPlan, page: Page, *, looks: bool) -> Iterator[list[Listener]]:
    some = [
        Listener(page.port, f"127.0.0.{2 + number // _PER_ADDRESS}", looks)
        for number in range(plan.browsers)
    ]
    try:
        for one in some:
            one.begin()
        wait_seconds(_SETTLED)
        yield some
    finally:
        for one in some:
            one.end()
    wait_for("the page lets those go who have left", lambda: _taken(page) == 0, _LIMIT, 0.2)


def _taken(page: Page) -> int:
    with page.visitor() as who:
        return int(json.loads(who.ask("/api/v1/system").text)["streams"]["taken"])


def _watch(
    plan: WebPlan, made: Filled, browsers: list[Listener]
) -> tuple[list[float], list[float]]:
    """MiB, and percent of a processor, in several windows of the time."""
    memory, shares = [], []
    before_all = sum(one.events for one in browsers)
    told = 0
    for _ in range(_WINDOWS):
        before, began = made.page.cpu(), time.perf_counter()
        while time.perf_counter() - began < plan.listen_for / _WINDOWS:
            made.change()
            told += 1
            wait_seconds(_EVERY)
        seconds = time.perf_counter() - began
        shares.append(100 * (made.page.cpu() - before) / seconds)
        memory.append(made.page.memory())
    following = sum(one.follows for one in browsers)
    # Otherwise the figure would be that of a page that tells nobody anything.
    wait_for(
        "all have heard every event",
        lambda: sum(one.events for one in browsers) - before_all >= told * following,
        _LIMIT,
    )
    return memory, shares

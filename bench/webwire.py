"""A relay between a browser and the page: it knows every request and counts every byte."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

_READ = 1 << 16
_REFUSED = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
_METHODS = (b"GET ", b"POST ", b"PUT ", b"HEAD ", b"DELETE ", b"PATCH ", b"OPTIONS ")


@dataclass(frozen=True, slots=True)
class Request:
    """What a browser asked for, and when (monotonic)."""

    target: str
    at: float


@dataclass
class Relay:
    """Between a browser and the page at ``port``. A request is known by the line it begins with:
    browsers send the head of one in one piece.
    """

    port: int
    """Of the page."""
    refused: str = ""
    """Requests for what begins so are answered with 503."""
    requests: list[Request] = field(default_factory=list)
    received: int = 0
    """Bytes that have come back to the browser."""
    _listening: socket.socket = field(init=False)
    _open: set[socket.socket] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=128)
        threading.Thread(target=self._accept, name="bench-relay", daemon=True).start()

    @property
    def origin(self) -> str:
        """Where the browser is to look."""
        return f"http://127.0.0.1:{self._listening.getsockname()[1]}"

    def since(self, moment: float) -> list[str]:
        """What has been asked for since a monotonic time."""
        return [request.target for request in self.requests if request.at >= moment]

    def close(self) -> None:
        """Close all connections."""
        self._end(self._listening)
        with self._lock:
            left = [*self._open]
        for connection in left:
            self._end(connection)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listening.accept()
                near.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                far = socket.create_connection(("127.0.0.1", self.port))
                far.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                with self._lock:
                    self._open |= {near, far}
                for act in (self._ask, self._answer):
                    threading.Thread(target=act, args=(near, far), daemon=True).start()

    def _ask(self, near: socket.socket, far: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := near.recv(_READ):
                if data.startswith(_METHODS):
                    target = data.split(b" ", 2)[1].decode("latin-1")
                    self.requests.append(Request(target, time.monotonic()))
                    if self.refused and target.startswith(self.refused):
                        near.sendall(_REFUSED)
                        break
                far.sendall(data)
        self._end(near, far)

    def _answer(self, near: socket.socket, far: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := far.recv(_READ):
                with self._lock:
                    self.received += len(data)
                near.sendall(data)
        self._end(near, far)

    def _end(self, *connections: socket.socket) -> None:
        for one in connections:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()
        with self._lock:
            self._open -= set(connections)


@contextlib.contextmanager
def relayed(port: int, *, refused: str = "") -> Iterator[Relay]:
    """A relay to the page at ``port``, closed afterwards."""
    relay = Relay(port, refused)
    try:
        yield relay
    finally:
        relay.close()

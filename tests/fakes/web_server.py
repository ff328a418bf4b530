"""A real web server for tests: it keeps what is posted, and answers as it is told."""

from __future__ import annotations

import contextlib
import json
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True, slots=True)
class Posted:
    """One request."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    def json(self) -> dict[str, Any]:
        """What it said."""
        told: dict[str, Any] = json.loads(self.body)
        return told


@dataclass(slots=True)
class WebServer:
    """What has arrived; ``answers`` gives the status for a path, 204 where there is none."""

    port: int = 0
    scheme: str = "http"
    requests: list[Posted] = field(default_factory=list)
    answers: dict[str, int] = field(default_factory=dict)
    location: str = ""

    def url(self, path: str = "/") -> str:
        """An address on this server."""
        return f"{self.scheme}://localhost:{self.port}{path}"


@contextlib.contextmanager
def web_server(tls: ssl.SSLContext | None = None) -> Iterator[WebServer]:
    """A web server on a free port of 127.0.0.1."""
    told = WebServer(scheme="http" if tls is None else "https")

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = self.rfile.read(length)
            told.requests.append(Posted(self.command, self.path, dict(self.headers.items()), body))
            status = told.answers.get(self.path, 204)
            self.send_response(status)
            if 300 <= status < 400:
                self.send_header("Location", told.location)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def do_POST(self) -> None:
            self.answer()

        def do_GET(self) -> None:
            self.answer()

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing on the terminal."""

    with listening(Handler, tls) as told.port:
        yield told


@contextlib.contextmanager
def listening(
    handler: type[BaseHTTPRequestHandler], tls: ssl.SSLContext | None = None
) -> Iterator[int]:
    """A server whose requests this class handles; its port on 127.0.0.1."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()

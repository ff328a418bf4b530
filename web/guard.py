"""In front of the whole application: which host was asked for; headers on all that goes out."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Container, Iterable
from typing import Any

from web.headers import with_headers
from web.hosts import is_our_host
from web.logs import LogStream
from web.problem import set_request_id

Environ = dict[str, Any]
StartResponse = Callable[..., Any]
Application = Callable[[Environ, StartResponse], Iterable[bytes]]


class Guard:
    """Lets requests through to ``inner`` that ask for one of our names."""

    def __init__(self, inner: Application, names: Container[str]) -> None:
        """``names`` are allowed beside localhost and loopback addresses; in lower case."""
        self._inner = inner
        self._names = names
        self._errors = LogStream()

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request (PEP 3333)."""
        name = secrets.token_hex(6)
        set_request_id(environ, name)
        environ["wsgi.errors"] = self._errors

        def start(status: str, headers: list[tuple[str, str]], *error: Any) -> Any:
            safe = [*with_headers(environ, headers), ("X-Request-Id", name)]
            return start_response(status, safe, *error)

        # With an absolute address in the request line, that one names the host, not the header.
        whole_address = not environ.get("REQUEST_URI", "/").startswith("/")
        if whole_address or not is_our_host(environ.get("HTTP_HOST", ""), self._names):
            start("421 Misdirected Request", [("Content-Length", "0")])
            return []
        return self._inner(environ, start)

"""In front of the whole application: which host was asked for; headers on all that goes out."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Container, Iterable
from typing import Any

from web.headers import with_headers
from web.hosts import is_our_host
from web.logs import LogStream
from web.problem import set_request_id

Environ = dict[str, Any]
_TYPE = re.compile(r"[\w!#$&^.+/-]*", re.ASCII)
"""RFC 6838, section 4.2; nothing where a request has no body."""
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
        _make_readable(environ)
        return self._inner(environ, start)


def _make_readable(environ: Environ) -> None:
    """Change headers at which bottle would fail: nothing of ours needs them as they are.

    These are bytes that are no UTF-8, and a Content-Type with parameters that are none.
    """
    for name, value in environ.items():
        if name.startswith("HTTP_") and not value.isascii():
            text = value.encode("latin-1").decode("utf-8", "replace")
            environ[name] = text.encode("utf-8").decode("latin-1")
    kind = environ.get("CONTENT_TYPE", "").partition(";")[0].strip()
    environ["CONTENT_TYPE"] = kind if _TYPE.fullmatch(kind) else "unknown"

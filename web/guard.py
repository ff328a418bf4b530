"""In front of every answer: which host was asked for, and how; headers on all that goes out.

A page in the user's browser can send requests to this machine, under a host
name that it points here (DNS rebinding). It cannot choose the Host header, so
only the names that the page is meant to be opened under are answered.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import urlsplit

Environ = dict[str, Any]
StartResponse = Callable[..., Any]
Application = Callable[[Environ, StartResponse], Iterable[bytes]]

METHODS = ("GET", "HEAD")
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class Guard:
    """Lets requests through to ``inner`` that ask for one of our names, and only to look."""

    def __init__(self, inner: Application, host: str) -> None:
        """``host`` is the configured one; it is allowed beside localhost and loopback addresses."""
        self._inner = inner
        self._host = host.lower().strip("[]").rstrip(".")

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request (PEP 3333)."""

        def start(status: str, headers: list[tuple[str, str]], *error: Any) -> Any:
            others = [(name, value) for name, value in headers if name not in HEADERS]
            return start_response(status, [*others, *HEADERS.items()], *error)

        # With an absolute address in the request line, that one names the host, not the header.
        whole_address = not environ.get("REQUEST_URI", "/").startswith("/")
        if whole_address or not is_our_host(environ.get("HTTP_HOST", ""), self._host):
            return _refuse(start, "421 Misdirected Request", b"")
        if environ["REQUEST_METHOD"] not in METHODS:
            text = b"This page only looks: GET and HEAD.\n"
            return _refuse(start, "405 Method Not Allowed", text, ("Allow", ", ".join(METHODS)))
        return self._inner(environ, start)


def is_our_host(header: str, configured: str) -> bool:
    """True if the Host ``header`` names localhost, a loopback address or the ``configured`` host.

    ``configured`` is in lower case. Two Host headers arrive as one with a comma.
    """
    if not header or set(header) & set(",@/?#\\ \t"):
        return False
    try:
        parts = urlsplit(f"//{header}")
        name = (parts.hostname or "").rstrip(".").lower()
        _ = parts.port  # ValueError where it is none.
    except ValueError:
        return False
    return bool(name) and (name in ("localhost", configured) or is_loopback(name))


def is_loopback(name: str) -> bool:
    """True for 127.0.0.1, ::1 and the other addresses by which a machine reaches itself."""
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def _refuse(
    start: StartResponse, status: str, text: bytes, *headers: tuple[str, str]
) -> Iterable[bytes]:
    about = [("Content-Type", "text/plain; charset=utf-8"), ("Content-Length", str(len(text)))]
    start(status, [*about, *headers])
    return [text]

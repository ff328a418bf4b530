"""Web addresses: how they are shown, written on the wire, and followed."""

from __future__ import annotations

from urllib.parse import SplitResult, quote, urljoin, urlsplit

from qm.notify.channel import Undelivered
from qm.notify.message import one_line

_IN_PATH = "/%:=&?~#+!$,;'@()*[]"


def server_of(url: str) -> str:
    """The server in words; the rest of an address may be a secret."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return one_line(url.partition("://")[0])
    return one_line(f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}")


def next_address(url: str, location: str) -> str:
    """Where the server at ``url`` sends us. Undelivered where that is no place to go to."""
    wanted = location.encode("latin-1", "replace").decode("utf-8", "replace")
    try:
        found = urljoin(url, wanted)
        secure, scheme = urlsplit(url).scheme == "https", urlsplit(found).scheme
    except ValueError:
        raise Undelivered(f"{server_of(url)} sends us to no address", final=True) from None
    if scheme not in ({"https"} if secure else {"http", "https"}):
        raise Undelivered(f"{server_of(url)} sends us to {server_of(found)}", final=True)
    return found


def split_address(url: str) -> SplitResult:
    """The parts of an address for http or https; ValueError where it is none."""
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("it names no server for http or https")
    return parts


def on_the_wire(parts: SplitResult) -> str:
    """The address in ASCII, without a login. ValueError where a part cannot be written so."""
    host = parts.hostname or ""
    plain = host if host.isascii() else host.encode("idna").decode("ascii")
    name = f"[{plain}]" if ":" in plain else plain
    netloc = name if parts.port is None else f"{name}:{parts.port}"
    path = quote(parts.path or "/", _IN_PATH)
    query = f"?{quote(parts.query, _IN_PATH)}" if parts.query else ""
    return f"{parts.scheme}://{netloc}{path}{query}"

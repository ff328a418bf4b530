"""A web address that is told: an HTTP POST with JSON."""

from __future__ import annotations

import base64
import http.client
import json
import ssl
from collections.abc import Callable
from functools import partial
from typing import Any
from urllib import request
from urllib.error import URLError
from urllib.parse import SplitResult, quote, unquote, urljoin, urlsplit

from qm import __version__
from qm.notify.channel import TIMEOUT, Undelivered, Wire, plain_fault
from qm.notify.message import one_line
from qm.notify.notice import Notice, payload

_LONGEST = 30.0
_REDIRECTS = 3
_FOLLOWED = frozenset({301, 302, 307, 308})
_SEE_OTHER = 303
_TRY_AGAIN = frozenset({408, 425, 429})
_IN_PATH = "/%:=&?~#+!$,;'@()*[]"


class Webhook:
    """Tells the address that ``url_of`` gives for a notice.

    It may be any address that the machine can reach, also inside the own
    network: a job runs with the rights of the person who started QM, so an info
    file that names an address can do no more than the job's script could by
    itself. What comes back is not read but for the status, and is shown to
    nobody. Only http and https are spoken, and where a server sends us on to
    another address, the same holds for that one.
    """

    kind = "webhook"

    def __init__(self, url_of: Callable[[Notice], str | None], host: str) -> None:
        """``host`` is the name of this machine, for the JSON."""
        self._url_of = url_of
        self._host = host
        self._wire = Wire()

    def wants(self, notice: Notice) -> bool:
        """True where there is an address for it."""
        return self._url_of(notice) is not None

    def target(self, notice: Notice) -> str:
        """The server: what else is for it waits while it does not answer."""
        return _place(self._url_of(notice) or "").lower()

    def deliver(self, notice: Notice, folder: str | None) -> str:
        """POST it; see :class:`qm.notify.channel.Channel`."""
        url = self._url_of(notice)
        if url is None:
            raise Undelivered("there is no address any more", final=True)
        data = json.dumps(payload(notice, folder, self._host)).encode()
        for _ in range(_REDIRECTS + 1):
            status, location = self._post(url, data, f"{notice.key} {notice.submitted}")
            if status not in _FOLLOWED or location is None:
                return self._judged(url, status)
            url = _next_address(url, location)
        raise Undelivered(f"{_place(url)} sends us on more than {_REDIRECTS} times", final=True)

    def rest(self) -> None:
        """Nothing is kept open."""

    def cut(self) -> None:
        """End the connection at once."""
        self._wire.cut()

    def _post(self, url: str, data: bytes, key: str) -> tuple[int, str | None]:
        """The status of the answer, and where it sends us."""
        try:
            asked = _request(url, data, key)
            opener = _opener(self._wire)
            with self._wire.limited(_LONGEST), opener.open(asked, timeout=TIMEOUT) as answer:
                if not self._wire.was_cut:
                    return answer.status, answer.headers.get("Location")
        except http.client.InvalidURL as error:
            raise _no_address(url, error) from error
        except (OSError, http.client.HTTPException) as error:
            reason = error.reason if isinstance(error, URLError) else error
            if not self._wire.was_cut:
                raise _unreachable(url, reason) from error
        except ValueError as error:
            raise _no_address(url, error) from error
        raise _unreachable(url, "it takes too long")

    def _judged(self, url: str, status: int) -> str:
        said = f"{_place(url)} answered {status}"
        if 200 <= status < 300 or status == _SEE_OTHER:
            return said
        again = status in _TRY_AGAIN or status >= 500
        raise Undelivered(said, final=not again, down=again)


def _no_address(url: str, error: Exception) -> Undelivered:
    return Undelivered(f"{_place(url)} is no address: {one_line(str(error))}", final=True)


def _unreachable(url: str, reason: str | BaseException) -> Undelivered:
    why = reason if isinstance(reason, str) else plain_fault(reason)
    return Undelivered(f"{_place(url)} cannot be reached: {one_line(why)}", down=True)


def _place(url: str) -> str:
    """The server in words; the rest of an address may be a secret."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return one_line(url.partition("://")[0])
    return one_line(f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}")


def _next_address(url: str, location: str) -> str:
    # A server may send a byte that no address has.
    wanted = location.encode("latin-1", "replace").decode("utf-8", "replace")
    try:
        found = urljoin(url, wanted)
        secure, scheme = urlsplit(url).scheme == "https", urlsplit(found).scheme
    except ValueError:
        raise Undelivered(f"{_place(url)} sends us to no address", final=True) from None
    if scheme not in ({"https"} if secure else {"http", "https"}):
        raise Undelivered(f"{_place(url)} sends us to {_place(found)}", final=True)
    return found


def _request(url: str, data: bytes, key: str) -> request.Request:
    """ValueError where the address cannot be written as HTTP wants it."""
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("it names no server for http or https")
    headers = {
        "Content-Type": "application/json",
        "User-Agent": f"QM/{__version__}",
        # The same for each try, so that who counts can count it once.
        "Idempotency-Key": f'"{key}"',
    }
    if parts.username is not None:
        login = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        headers["Authorization"] = "Basic " + base64.b64encode(login.encode()).decode()
    return request.Request(_ascii(parts), data=data, headers=headers, method="POST")


def _ascii(parts: SplitResult) -> str:
    host = parts.hostname or ""
    name = f"[{host}]" if ":" in host else host if host.isascii() else _idna(host)
    netloc = name if parts.port is None else f"{name}:{parts.port}"
    path = quote(parts.path or "/", _IN_PATH)
    query = f"?{quote(parts.query, _IN_PATH)}" if parts.query else ""
    return f"{parts.scheme}://{netloc}{path}{query}"


def _idna(host: str) -> str:
    return host.encode("idna").decode("ascii")


def _opener(wire: Wire) -> request.OpenerDirector:
    """HTTP and HTTPS and nothing else, through the proxy that the environment names."""
    opener = request.OpenerDirector()
    opener.add_handler(request.ProxyHandler())
    opener.add_handler(_Http(wire))
    opener.add_handler(_Https(wire))
    return opener


class _Connection(http.client.HTTPConnection):
    """Known to the wire, since the server may take forever over its answer."""

    def __init__(self, wire: Wire, host: str, **options: Any) -> None:
        wire.hold(self)
        super().__init__(host, **options)


class _SecureConnection(http.client.HTTPSConnection):
    """The same, encrypted; the certificate is checked."""

    def __init__(self, wire: Wire, host: str, **options: Any) -> None:
        wire.hold(self)
        super().__init__(host, context=ssl.create_default_context(), **options)


class _Http(request.HTTPHandler):
    def __init__(self, wire: Wire) -> None:
        super().__init__()
        self._wire = wire

    def http_open(self, req: request.Request) -> http.client.HTTPResponse:
        return self.do_open(partial(_Connection, self._wire), req)


class _Https(request.HTTPSHandler):
    def __init__(self, wire: Wire) -> None:
        super().__init__()
        self._wire = wire

    def https_open(self, req: request.Request) -> http.client.HTTPResponse:
        return self.do_open(partial(_SecureConnection, self._wire), req)

"""One HTTP POST. Imported with the first one: a manager that tells nobody does without."""

from __future__ import annotations

import base64
import http.client
import ssl
from functools import partial
from typing import Any
from urllib import request
from urllib.error import URLError
from urllib.parse import unquote

from qm import __version__
from qm.notify.address import on_the_wire, server_of, split_address
from qm.notify.channel import TIMEOUT, Undelivered, Wire, plain_fault
from qm.notify.message import one_line

_LONGEST = 30.0


def post(url: str, data: bytes, key: str, wire: Wire) -> tuple[int, str | None]:
    """The status of the answer, and where it sends us. Undelivered where there is none.

    ``key`` is the same for each try of one message. Nothing is followed, and
    nothing is read but the head of the answer.
    """
    try:
        asked = _request(url, data, key)
        opener = _opener(wire)
        with wire.limited(_LONGEST), opener.open(asked, timeout=TIMEOUT) as answer:
            if not wire.was_cut:
                return answer.status, answer.headers.get("Location")
    except http.client.InvalidURL as error:
        raise _no_address(url, error) from error
    except (OSError, http.client.HTTPException) as error:
        reason = error.reason if isinstance(error, URLError) else error
        if not wire.was_cut:
            raise _unreachable(url, reason) from error
    except ValueError as error:
        raise _no_address(url, error) from error
    raise _unreachable(url, "it takes too long")


def _no_address(url: str, error: Exception) -> Undelivered:
    return Undelivered(f"{server_of(url)} is no address: {one_line(str(error))}", final=True)


def _unreachable(url: str, reason: str | BaseException) -> Undelivered:
    why = reason if isinstance(reason, str) else plain_fault(reason)
    return Undelivered(f"{server_of(url)} cannot be reached: {one_line(why)}", down=True)


def _request(url: str, data: bytes, key: str) -> request.Request:
    """ValueError where the address cannot be written as HTTP wants it."""
    parts = split_address(url)
    headers = {
        "Content-Type": "application/json",
        "User-Agent": f"QM/{__version__}",
        # So that who counts can count it once.
        "Idempotency-Key": f'"{key}"',
    }
    if parts.username is not None:
        login = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        headers["Authorization"] = "Basic " + base64.b64encode(login.encode()).decode()
    return request.Request(on_the_wire(parts), data=data, headers=headers, method="POST")


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

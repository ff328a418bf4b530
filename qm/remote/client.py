"""Requests to the interface of another QM's page, and what goes wrong as sentences."""

from __future__ import annotations

import http.client
import json
import ssl
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from qm.errors import NoSuchJob, NotRunning, QMError, Refused
from qm.remote.address import Server

API = "/api/v1"
_CONNECT = 10.0
_PATIENCE = 60.0
"""Seconds for an answer, where the request does not take longer by its nature."""
_LARGEST = 64 << 20
_BUSY_FOR = 120.0
"""Seconds for which a server may say that it is busy, or that these are too many changes."""
_LONGEST_PAUSE = 30.0
_AGAIN = frozenset({"GET", "PUT"})
"""What does no harm if it comes twice."""

Query = Sequence[tuple[str, str]]


class Unreachable(QMError):
    """No answer came; it may come later."""

    exit_code = 3


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back: 2xx or 304. Names of ``headers`` are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body as JSON; QMError where it is none."""
        try:
            return json.loads(self.body)
        except ValueError as error:
            raise QMError("the answer is not one of QM's page") from error


class Client:
    """Talks to one server, from any thread; each keeps a connection for what it reads."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self._kept = threading.local()

    def get(self, *path: str, query: Query = (), headers: Mapping[str, str] | None = None) -> Reply:
        """Read something."""
        return self.call("GET", path, query=query, headers=headers)

    def send(
        self,
        method: str,
        path: Sequence[str],
        data: Mapping[str, Any] | None = None,
        *,
        timeout: float = _PATIENCE,
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        """A change with a JSON object; returns that of the answer."""
        body = json.dumps(data or {}).encode()
        given = {"Content-Type": "application/json", **(headers or {})}
        if method == "DELETE":
            body, given = b"", dict(headers or {})
        return self.call(method, path, body=body, timeout=timeout, headers=given).json

    def call(
        self,
        method: str,
        path: Sequence[str],
        *,
        query: Query = (),
        body: bytes = b"",
        timeout: float = _PATIENCE,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """One request below /api/v1; each part of the path is quoted whole.

        Raises Unreachable, NoSuchJob, NotRunning, Refused, or QMError. A server that
        asks for a pause gets it.
        """
        address = self.server.prefix + API + "".join(f"/{quote(part, safe='')}" for part in path)
        if query:
            address += f"?{urlencode(query)}"
        until = time.monotonic() + _BUSY_FOR
        while True:
            reply = self._once(method, address, body, timeout, headers or {})
            pause = _pause(reply)
            if pause is None or time.monotonic() + pause > until:
                return _good(reply, self.server)
            time.sleep(pause)

    def _once(
        self, method: str, address: str, body: bytes, timeout: float, headers: Mapping[str, str]
    ) -> Reply:
        kept = getattr(self._kept, "connection", None) if method in _AGAIN else None
        if kept is not None:
            try:
                return self._exchange(kept, method, address, body, timeout, headers)
            except (OSError, http.client.HTTPException):
                # It was closed meanwhile, as servers do with idle ones.
                self._forget()
        connection = self._connect()
        try:
            reply = self._exchange(connection, method, address, body, timeout, headers)
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            raise self._unreachable(error) from error
        if method in _AGAIN and reply.headers.get("connection", "").lower() != "close":
            self._kept.connection = connection
        else:
            self._forget()
            connection.close()
        return reply

    def _exchange(
        self,
        connection: http.client.HTTPConnection,
        method: str,
        address: str,
        body: bytes,
        timeout: float,
        headers: Mapping[str, str],
    ) -> Reply:
        if connection.sock is not None:
            connection.sock.settimeout(timeout)
        given = {"Accept": "application/json, text/plain", **headers}
        if self.server.token is not None:
            given["Authorization"] = f"Bearer {self.server.token}"
        connection.request(method, address, body or None, given)
        response = connection.getresponse()
        data = response.read(_LARGEST + 1)
        if len(data) > _LARGEST:
            raise http.client.HTTPException("the answer is too long")
        names = {name.lower(): value for name, value in response.getheaders()}
        return Reply(response.status, names, data)

    def _connect(self) -> http.client.HTTPConnection:
        server = self.server
        if server.secure:
            # Certificates are checked against those that the system trusts, and the name too.
            context = ssl.create_default_context()
            connection: http.client.HTTPConnection = http.client.HTTPSConnection(
                server.host, server.port, timeout=_CONNECT, context=context
            )
        else:
            connection = http.client.HTTPConnection(server.host, server.port, timeout=_CONNECT)
        try:
            connection.connect()
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            raise self._unreachable(error) from error
        return connection

    def _forget(self) -> None:
        kept, self._kept.connection = getattr(self._kept, "connection", None), None
        if kept is not None:
            kept.close()

    def _unreachable(self, error: Exception) -> Unreachable:
        name = self.server.name
        if isinstance(error, ssl.SSLCertVerificationError):
            return Unreachable(
                f"{name} cannot be trusted: {error.verify_message}",
                "For a certificate of your own, name its authority: SSL_CERT_FILE=FILE qm …",
            )
        if isinstance(error, TimeoutError):
            return Unreachable(f"{name} does not answer")
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        return Unreachable(f"{name} cannot be reached: {reason}", "Does `qm web` run there?")


def _pause(reply: Reply) -> float | None:
    """Seconds that the server wants us to wait before we ask again; None: it does not."""
    text = reply.headers.get("retry-after", "")
    if reply.status not in (429, 503) or not text.isascii() or not text.isdigit():
        return None
    return min(float(text), _LONGEST_PAUSE)


def _good(reply: Reply, server: Server) -> Reply:
    """The reply, if it is what was asked for; else the error that it tells."""
    if reply.status < 300 or reply.status == 304:
        return reply
    message, hint = _told(reply)
    if reply.status == 401:
        how = "was not accepted" if server.token is not None else "is needed"
        raise QMError(f"a token {how} by {server.name}", "Name it: --token-file FILE.")
    if reply.status == 403:
        raise QMError(f"{server.name} lets this token look, and change nothing", hint)
    if message is None:
        raise QMError(f"{server.name} answers {reply.status}: no page of QM", "Is --url right?")
    if reply.status == 404:
        raise NoSuchJob(message, hint)
    if reply.status == 503 and "retry-after" not in reply.headers:
        raise NotRunning(message, hint)
    if reply.status == 409:
        raise Refused(message, hint)
    raise QMError(message, hint)


def _told(reply: Reply) -> tuple[str | None, str]:
    """The sentence of a problem (RFC 9457) and what to do; None for an answer of others."""
    if not reply.headers.get("content-type", "").startswith("application/problem+json"):
        return None, ""
    try:
        found = json.loads(reply.body)
        detail, hint = str(found["detail"]), str(found.get("hint", ""))
    except (ValueError, KeyError, TypeError, AttributeError):
        return None, ""
    return detail.removesuffix(hint).rstrip(), hint

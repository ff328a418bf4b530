"""The page as a process of its own, and requests to it whose bytes and time are known."""

from __future__ import annotations

import contextlib
import gzip
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil

from bench.waiting import wait_for

_ROOT = str(Path(__file__).resolve().parents[1])
_START_LIMIT = 60.0
_ANSWER_LIMIT = 120.0
_READ = 1 << 18


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer; times are in milliseconds from just before the request was sent."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    """As it came; see :attr:`text`."""
    wire: int
    """Bytes that came in all: head, body, and what is between chunks."""
    first: float
    """Until the first byte of the body, or the end where there is no body."""
    whole: float

    @property
    def text(self) -> str:
        """The body, unpacked."""
        packed = self.headers.get("content-encoding") == "gzip"
        return (gzip.decompress(self.body) if packed else self.body).decode("utf-8")


class Page:
    """A page that is served; anybody on this machine may look at it."""

    def __init__(self, port: int, process: subprocess.Popen[bytes]) -> None:
        self.port = port
        self._process = psutil.Process(process.pid)

    @property
    def origin(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.port}"

    def memory(self) -> float:
        """Resident MiB of its process."""
        return float(self._process.memory_info().rss) / (1 << 20)

    def cpu(self) -> float:
        """Seconds of processor time that its process has used."""
        used = self._process.cpu_times()
        return float(used.user + used.system)

    def visitor(self) -> Visitor:
        """Somebody with a connection that is kept, as browsers do."""
        return Visitor(self.port)


class Visitor:
    """One connection to a page, for one request after the other."""

    def __init__(self, port: int) -> None:
        self._host = f"127.0.0.1:{port}"
        self._connection = socket.create_connection(("127.0.0.1", port), timeout=_ANSWER_LIMIT)

    def __enter__(self) -> Visitor:
        return self

    def __exit__(self, *error: object) -> None:
        self._connection.close()

    def ask(self, path: str, *, most: int | None = None, **headers: str) -> Reply:
        """GET ``path``. With ``most`` no more of the body than that is read: the connection can
        be used no more. RuntimeError for an answer that says that something went wrong.
        """
        names = {"Host": self._host, "Accept-Encoding": "gzip", **headers}
        lines = [f"GET {path} HTTP/1.1", *(f"{n.replace('_', '-')}: {v}" for n, v in names.items())]
        began = time.perf_counter()
        self._connection.sendall("\r\n".join([*lines, "", ""]).encode())
        head, rest = self._head()
        status, found = parse_head(head)
        if not rest and _has_body(status, found):
            rest = self._receive()
        first = time.perf_counter()
        body, count = (rest, len(rest)) if most == 0 else self._body(found, rest, status, most)
        whole = time.perf_counter()
        if status >= 400:
            raise RuntimeError(f"{path} was answered with {status}: {body[:200]!r}")
        wire = len(head) + 4 + count
        return Reply(status, found, body, wire, (first - began) * 1e3, (whole - began) * 1e3)

    def _head(self) -> tuple[bytes, bytes]:
        data = b""
        while b"\r\n\r\n" not in data:
            data += self._receive()
        head, _, rest = data.partition(b"\r\n\r\n")
        return head, rest

    def _body(
        self, headers: Mapping[str, str], rest: bytes, status: int, most: int | None
    ) -> tuple[bytes, int]:
        """The body and how many bytes it was on the wire."""
        if not _has_body(status, headers):
            return b"", 0
        if "content-length" in headers:
            return self._counted(int(headers["content-length"]), rest, most)
        # Pages come in one piece with a length; only what nobody knows the length of does not.
        raise RuntimeError("an answer without a length")

    def _counted(self, length: int, rest: bytes, most: int | None) -> tuple[bytes, int]:
        wanted = length if most is None else min(length, most)
        kept, count = [rest], len(rest)
        while count < wanted:
            data = self._receive()
            count += len(data)
            if count <= 16 << 20:
                kept.append(data)  # Of an archive of a gigabyte only the length counts.
        return b"".join(kept), count

    def _receive(self) -> bytes:
        data = self._connection.recv(_READ)
        if not data:
            raise RuntimeError("the page has closed the connection")
        return data


def parse_head(head: bytes) -> tuple[int, dict[str, str]]:
    """Status and headers, by names in lower case, of the head of an answer."""
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {}
    for line in lines:
        name, _, value = line.partition(":")
        headers[name.strip().lower()] = value.strip()
    return int(first.split()[1]), headers


def _has_body(status: int, headers: Mapping[str, str]) -> bool:
    return status not in (204, 304) and headers.get("content-length") != "0"


@contextlib.contextmanager
def served(root: Path) -> Iterator[Page]:
    """The page of the QM_FOLDER ``root``, ended afterwards. Its files lie beside ``root``."""
    port = free_port()
    config = root.with_name(f"page{port}.cfg")
    lines = ["[QMServer]", f"QM_FOLDER = {root}", "[WEB_QMserver]", f"The_Port = {port}"]
    lines += [f"Token_file = {config.with_suffix('.token')}", ""]
    config.write_text("\n".join(lines), encoding="utf-8")
    errors = config.with_suffix(".log")
    with errors.open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "web", "--config", str(config)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=log,
            env=_environment(root.parent),
        )
    try:
        wait_for("the page answers", lambda: _answers(port, process, errors), _START_LIMIT)
        yield Page(port, process)
    finally:
        process.terminate()
        process.wait(30)


def free_port() -> int:
    """A port that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _answers(port: int, process: subprocess.Popen[bytes], errors: Path) -> bool:
    if process.poll() is not None:
        raise RuntimeError(f"the page ended: {errors.read_text('utf-8', 'replace')}")
    return listens(port)


def listens(port: int) -> bool:
    """True once somebody listens at this port of this machine."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
    except OSError:
        return False
    return True


def _environment(home: Path) -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith("QM_")}
    path = os.pathsep.join(filter(None, [_ROOT, os.environ.get("PYTHONPATH", "")]))
    return {**kept, "HOME": str(home), "PYTHONPATH": path}

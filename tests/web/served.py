"""A page that is really served: `python -m web` as a process, asked by HTTP."""

from __future__ import annotations

import http.client
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.live.harness import wait_for


def free_port() -> int:
    """A port that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    headers: dict[str, str]
    text: str


@dataclass(frozen=True, slots=True)
class Served:
    """The page's process and where it listens."""

    process: subprocess.Popen[bytes]
    port: int
    folder: Path

    def ask(self, path: str = "/", method: str = "GET", **headers: str) -> Answer:
        """One request, with ``headers`` in place of the usual ones."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request(method, path, headers=headers)
            response = connection.getresponse()
            names = {name.lower(): value for name, value in response.getheaders()}
            return Answer(response.status, names, response.read().decode("utf-8"))
        finally:
            connection.close()

    def raw(self, request: bytes) -> bytes:
        """The whole answer to bytes that no client library would send.

        They have to ask for the connection to be closed; who closes it on this
        side gets no answer, because the page takes that for a reader who left.
        """
        with socket.create_connection(("127.0.0.1", self.port), timeout=20) as connection:
            connection.sendall(request)
            return b"".join(iter(lambda: connection.recv(65536), b""))


def web_command(config: Path, *arguments: str) -> list[str]:
    """The page's command line."""
    return [sys.executable, "-m", "web", "--config", str(config), *arguments]


def write_config(path: Path, folder: Path, port: int, **web: object) -> Path:
    """A QMserv.cfg for a page on this port."""
    lines = ["[QMServer]", f"QM_FOLDER = {folder}", "[WEB_QMserver]", f"The_Port = {port}"]
    # Never the file of the person who runs the tests.
    token = path.with_name("web-token")
    lines += [f"{name} = {value}" for name, value in {"Token_file": token, **web}.items()]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def answers(port: int) -> bool:
    """True once somebody listens."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
    except OSError:
        return False
    return True


@contextmanager
def served(folder: Path, config: Path, port: int) -> Iterator[Served]:
    """The page of ``folder``, ended afterwards."""
    with subprocess.Popen(
        web_command(config),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env={**os.environ, "HOME": str(config.parent)},
    ) as process:
        try:
            wait_for("the page answers", lambda: process.poll() is not None or answers(port))
            assert process.poll() is None, process.communicate()[1].decode()
            yield Served(process, port, folder)
        finally:
            process.terminate()
            process.wait(10)

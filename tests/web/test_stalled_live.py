"""Who asks for much and takes nothing is cut off, and holds nobody's place for ever."""

from __future__ import annotations

import socket
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from qm.folders.layout import Layout
from tests.live.harness import wait_for
from tests.web.served import Served, free_port, served, write_config

pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(
        not hasattr(socket, "TCP_USER_TIMEOUT"), reason="this system waits for such readers"
    ),
]

IMPATIENT = "import web.listening; web.listening.STALLED = 2; from web.__main__ import main; main()"
"""The page as it is, but with two seconds instead of two minutes."""


def begin_to_read(page: Served, address: str) -> socket.socket:
    """A connection with the begin of an answer, from which nothing more is read."""
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.settimeout(30)
    connection.connect(("127.0.0.1", page.port))
    connection.sendall(f"GET {address} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    assert connection.recv(15) == b"HTTP/1.1 200 OK"
    return connection


def test_a_download_that_nobody_takes_gives_its_place_back(tmp_path: Path) -> None:
    folder = tmp_path / "QM"
    Layout(str(folder)).create()
    large = folder / "QM_dJobs" / "large"
    large.mkdir()
    with open(large / "big", "wb") as big:
        big.truncate(256 << 20)
    port = free_port()
    config = write_config(tmp_path / "QMserv.cfg", folder, port)
    command = [sys.executable, "-c", IMPATIENT, "--config", str(config)]
    with served(folder, config, port, command) as page, ExitStack() as stack:
        for _ in range(2):
            stack.callback(begin_to_read(page, "/download/large").close)
        # They are still there, and read nothing.
        wait_for(
            "a place is free", lambda: page.ask("/download/large", "HEAD").status == 200, timeout=60
        )

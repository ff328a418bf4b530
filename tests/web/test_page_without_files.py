"""A page that may open no more files takes nobody else in, and costs nothing meanwhile."""

from __future__ import annotations

import socket
import sys
from pathlib import Path

import psutil
import pytest

from tests.live.faults import documented
from tests.live.harness import wait_for
from tests.web.served import page_of_empty_queue

if not sys.platform.startswith("linux"):
    pytest.skip("limits of a running process are set by prlimit", allow_module_level=True)

import resource

pytestmark = [pytest.mark.live, pytest.mark.slow]

WORDS = "the page takes no more connections for now: Too many open files"


def test_who_comes_while_it_may_open_no_file_is_served_later_and_the_log_stays_short(
    tmp_path: Path,
) -> None:
    with page_of_empty_queue(tmp_path) as page:
        assert page.ask("/QM").status == 200
        process = psutil.Process(page.process.pid)
        before = resource.prlimit(process.pid, resource.RLIMIT_NOFILE)
        resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (3, before[1]))
        with socket.create_connection(("127.0.0.1", page.port), timeout=60) as visitor:
            visitor.sendall(b"GET /QM HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            wait_for("it says so", lambda: documented(WORDS) in page.said(), 60)
            pauses = process.num_ctx_switches().voluntary + 30
            wait_for("it pauses", lambda: process.num_ctx_switches().voluntary > pauses, 60)
            assert page.said().count(WORDS) < 4
            resource.prlimit(process.pid, resource.RLIMIT_NOFILE, before)
            assert visitor.recv(9) == b"HTTP/1.1 "
        assert page.ask("/QM").status == 200

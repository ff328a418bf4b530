"""The page that `qm serve` keeps beside the manager."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from qm.folders.layout import Layout
from tests.live.harness import Queue, is_gone, wait_for
from tests.web.served import answers, free_port, page_process, write_config

pytestmark = pytest.mark.live


class Served:
    """`qm serve` with its page."""

    def __init__(self, folder: Path) -> None:
        self.queue = Queue(folder / "QM")
        self.port = free_port()
        self.log = folder / "serve.log"
        write_config(self.queue.config, self.queue.folder, self.port)
        Layout(str(self.queue.folder)).create()

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.queue.process = subprocess.Popen(
                self.queue.command("serve"),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self.queue.environment,
            )

    def said(self) -> str:
        return self.log.read_text(encoding="utf-8")

    def page(self) -> psutil.Process | None:
        """The page's process."""
        assert self.queue.process is not None
        return page_process(self.queue.process.pid)

    def serving(self, not_this: int = 0) -> psutil.Process:
        """Wait until the page answers; returns its process, another than ``not_this``."""

        def answering() -> psutil.Process | None:
            assert not self._failed(), self.said()
            page = self.page()
            there = page is not None and page.pid != not_this and answers(self.port)
            return page if there else None

        page = wait_for("the page answers", answering)
        assert isinstance(page, psutil.Process)
        return page

    def _failed(self) -> bool:
        assert self.queue.process is not None
        return self.queue.process.poll() is not None


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Served]:
    """Not started yet; ended afterwards."""
    made = Served(tmp_path)
    yield made
    assert made.queue.end_everything() == []


def test_the_page_comes_and_goes_with_the_manager(serve: Served) -> None:
    serve.start()
    page = serve.serving()
    wait_for("its address is told", lambda: f"http://localhost:{serve.port}/" in serve.said())
    serve.queue.stop()
    wait_for("the page is gone", lambda: is_gone(page.pid))
    assert not answers(serve.port)


def test_a_page_that_dies_is_started_again(serve: Served) -> None:
    serve.start()
    first = serve.serving()
    first.kill()
    serve.serving(not_this=first.pid)
    assert "the web page ended with code" in serve.said()


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="a crash by signal")
def test_a_page_does_not_outlive_a_manager_that_was_killed(serve: Served) -> None:
    serve.start()
    page = serve.serving()
    serve.queue.kill_manager()
    wait_for("the page is gone", lambda: is_gone(page.pid))


def test_a_taken_port_is_told_once_and_qm_goes_on(serve: Served) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", serve.port))
        other.listen()
        serve.start()
        wait_for("QM gives up its page", lambda: "goes on without its web page" in serve.said())
        serve.queue.drop("a", "exit 0")
        serve.queue.wait_done("a")
        assert serve.said().count(f"port {serve.port} is taken") == 1
        assert serve.page() is None


def test_a_module_named_web_in_the_current_folder_is_not_the_page(
    serve: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "web.py").write_text("raise SystemExit(5)\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    serve.queue.environment["PYTHONPATH"] = os.environ.get("PYTHONPATH", "")
    serve.start()
    serve.serving()
    assert "ended with code" not in serve.said()

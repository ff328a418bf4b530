"""All of QM as people start it: `qm serve`, which starts the page itself; or `qm web` alone."""

from __future__ import annotations

import contextlib
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPException
from pathlib import Path

import psutil

from tests.live.harness import QUICK, Queue, is_gone, wait_for
from tests.web.served import Served, answers, free_port, page_process


class Whole:
    """A QM_FOLDER whose page is opened with the link that `qm web login` prints."""

    def __init__(self, base: Path, **web: object) -> None:
        """Not started yet; ``web`` are options of the page's section."""
        self.queue = Queue(base / "QM")
        self.port = free_port()
        self._log = base / "serve.log"
        lines = ["[QMServer]", f"QM_FOLDER = {self.queue.folder}", "MaxNbProcessors = 4"]
        lines += [f"{name} = {value}" for name, value in QUICK.items()]
        lines += ["[WEB_QMserver]", f"The_Port = {self.port}", f"Token_file = {base / 'token'}"]
        lines += [f"{name} = {value}" for name, value in web.items()]
        self.config = "\n".join(lines) + "\n"
        self.queue.config.write_text(self.config, encoding="utf-8")

    @property
    def page(self) -> Served:
        """The page, to ask it without a browser."""
        assert isinstance(self.queue.process, subprocess.Popen)
        return Served(self.queue.process, self.port, self.queue.folder, self.queue.config)

    def serve(self) -> None:
        """`qm serve`, and wait until its page answers."""
        self.queue.process = self.run_on("serve")
        wait_for("the page answers", self._answers, 60)

    def run_on(self, command: str) -> subprocess.Popen[bytes]:
        """A command that goes on; what it says is kept."""
        with self._log.open("ab") as log:
            return subprocess.Popen(
                self.queue.command(command),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self.queue.environment,
            )

    def login_link(self) -> str:
        """What a person opens in the browser."""
        said = self.queue.run("web", "login")
        found = re.search(r"http://\S+login\?code=\S+", said.stdout)
        assert found is not None, (said.stdout, said.stderr)
        return found[0].replace("//localhost", "//127.0.0.1")

    def kill_page(self) -> None:
        """SIGKILL for the page's process, as a crash; `qm serve` starts another one."""
        page = wait_for("the page's process", self._page)
        assert isinstance(page, psutil.Process)
        page.kill()
        wait_for("the page is gone", lambda: is_gone(page.pid))

    def kill_manager(self) -> None:
        """SIGKILL for `qm serve`; its page ends with it."""
        self.queue.kill_manager()
        wait_for("the page is gone as well", lambda: not answers(self.port))

    def streams(self) -> int:
        """How many follow the events, as the page tells."""
        taken: int = self.page.ask("/api/v1/system").json["streams"]["taken"]
        return taken

    def answers(self) -> bool:
        """True once the page is there for everybody."""
        # Not only that the port is open: a page that cannot go on opens it as well.
        with contextlib.suppress(OSError, HTTPException):
            return self.page.ask("/healthz").status == 200
        return False

    def said(self) -> str:
        """What it has printed."""
        return self._log.read_text(encoding="utf-8", errors="replace")

    def _page(self) -> psutil.Process | None:
        assert self.queue.process is not None
        return page_process(self.queue.process.pid)

    def _answers(self) -> bool:
        assert self.queue.process is not None
        assert self.queue.process.poll() is None, self.said()
        return self.answers()


@contextmanager
def whole(base: Path, **web: object) -> Iterator[Whole]:
    """`qm serve` on a new folder, ended afterwards."""
    made = Whole(base, **web)
    try:
        made.serve()
        yield made
    finally:
        left = made.queue.end_everything()
        assert not left, f"processes outlived the test: {left}"


@contextmanager
def apart(base: Path, **web: object) -> Iterator[Whole]:
    """A manager without a page, and `qm web` beside it, which outlives it."""
    made = Whole(base, **web)
    alone: subprocess.Popen[bytes] | None = None
    try:
        made.queue.serve_with(made.config)
        alone = made.run_on("web")
        wait_for("the page answers", made.answers, 60)
        yield made
    finally:
        if alone is not None:
            alone.terminate()
            alone.wait(30)
        left = made.queue.end_everything()
        assert not left, f"processes outlived the test: {left}"

"""The web page beside the manager: a process of its own, started again when it dies."""

from __future__ import annotations

import contextlib
import logging
import subprocess
import sys
import threading
import time
from pathlib import Path

from qm.config import Config
from qm.osops.background import background_flags

log = logging.getLogger("qm.web")

_BOOT = "import sys; sys.path.append(sys.argv.pop(1)); from web.__main__ import main; main()"
_FIRST_PAUSE = 1.0
_LONGEST_PAUSE = 60.0
_HEALTHY = 30.0
_END_PATIENCE = 5.0
_CANNOT_WORK = frozenset({2, 3})
"""Exit codes of a page that says what to mend first: the configuration, a port that is taken."""


class WebProcess:
    """Keeps ``python -m web`` running until it is stopped, or says that it cannot work."""

    def __init__(self, config: Config) -> None:
        self._command = web_command(config)
        self._again: list[str] = []
        self._stopping = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._keep, name="qm-web", daemon=True)

    def start(self) -> None:
        """Start it; a page that cannot start hurts no job."""
        self._thread.start()

    def stop(self) -> None:
        """End it."""
        self._stopping.set()
        process = self._process
        if process is not None and process.poll() is None:
            process.terminate()
        self._thread.join(_END_PATIENCE)
        if process is not None and process.poll() is None:
            process.kill()
            process.wait()

    def _keep(self) -> None:
        pause = _FIRST_PAUSE
        while not self._stopping.is_set():
            began = time.monotonic()
            code = self._run_once()
            self._again = ["--no-browser"]
            if self._stopping.is_set():
                return
            if code in _CANNOT_WORK:
                log.warning("QM goes on without its web page; restart QM when that is mended")
                return
            pause = _FIRST_PAUSE if time.monotonic() - began > _HEALTHY else pause * 2
            pause = min(pause, _LONGEST_PAUSE)
            log.warning("the web page ended with code %s; again in %.0f s", code, pause)
            self._stopping.wait(pause)

    def _run_once(self) -> int | None:
        try:
            process = self._process = subprocess.Popen(
                [*self._command, *self._again],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                creationflags=background_flags(),
            )
        except OSError as error:
            log.warning("the web page cannot be started: %s", error)
            return None
        if self._stopping.is_set():
            process.terminate()
        with process:
            _pass_on(process)
            return process.wait()


def web_command(config: Config) -> list[str]:
    """The command line of the page that belongs to a manager of this configuration."""
    # -P: nothing in the current folder, which may be anybody's, is taken for our modules.
    root = str(Path(__file__).resolve().parents[1])
    command = [sys.executable, "-P", "-c", _BOOT, root, "--attached"]
    command += ["--folder", str(config.folder)]
    if config.source is not None:
        command += ["--config", str(config.source)]
    return command


def _pass_on(process: subprocess.Popen[bytes]) -> None:
    """What the page says goes into the manager's log, line by line."""
    assert process.stdout is not None
    with contextlib.suppress(OSError, ValueError):
        for line in process.stdout:
            log.info("web page: %s", line.decode("utf-8", "backslashreplace").rstrip())

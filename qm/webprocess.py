"""The web page beside the manager: a process of its own, started again when it dies."""

from __future__ import annotations

import logging
import subprocess
import sys
import threading
import time
from pathlib import Path

from qm.config import Config

log = logging.getLogger("qm.web")

_FIRST_PAUSE = 1.0
_LONGEST_PAUSE = 60.0
_HEALTHY = 30.0
_END_PATIENCE = 5.0


class WebProcess:
    """Keeps ``python -m web`` running until it is stopped."""

    def __init__(self, config: Config) -> None:
        self._command = [sys.executable, "-m", "web", "--folder", str(config.folder)]
        if config.source is not None:
            self._command += ["--config", str(config.source)]
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
            if self._stopping.is_set():
                return
            pause = _FIRST_PAUSE if time.monotonic() - began > _HEALTHY else pause * 2
            pause = min(pause, _LONGEST_PAUSE)
            log.warning("the web page ended with code %s; again in %.0f s", code, pause)
            self._stopping.wait(pause)

    def _run_once(self) -> int | None:
        root = str(Path(__file__).resolve().parents[1])
        try:
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
                env=None,
                cwd=root,
            )
        except OSError as error:
            log.warning("the web page cannot be started: %s", error)
            return None
        return self._process.wait()

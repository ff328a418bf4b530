"""A command of the user's own that is run when something is to be told."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import tempfile
import threading
import time
from typing import IO

from qm.notify.channel import Undelivered, plain_fault
from qm.notify.message import last_lines
from qm.notify.notice import Notice, payload
from qm.osops import TOKEN_VARIABLE, end_carriers
from qm.osops.background import background_flags

LONGEST = 60.0
"""Seconds that a command may take."""
_LARGEST_OUTPUT = 1 << 20
_PATIENCE = 5.0
_LOOK = 0.1
_SHOWN = 500


class Command:
    """Runs one command line by the shell for each notice."""

    kind = "command"

    def __init__(self, command: str, folder: str, host: str, longest: float = LONGEST) -> None:
        """It works in ``folder``; ``host`` is the name of this machine, for the JSON."""
        self._command = command
        self._folder = folder
        self._host = host
        self._longest = longest
        self._cut = threading.Event()

    def wants(self, notice: Notice) -> bool:
        """True: it is told of everything."""
        return True

    def target(self, notice: Notice) -> str:
        """The command: while it fails, all notices wait."""
        return "command"

    def deliver(self, notice: Notice, folder: str | None) -> str:
        """Run it to its end; see :class:`qm.notify.channel.Channel`."""
        token = f"notify-{secrets.token_hex(12)}"
        # Files and not pipes: what the command leaves running may keep a pipe open for good.
        with tempfile.TemporaryFile() as told, tempfile.TemporaryFile() as output:
            told.write(json.dumps(payload(notice, folder, self._host)).encode() + b"\n")
            told.seek(0)
            try:
                process = self._start(told, output, _variables(notice, folder, token))
            except (OSError, ValueError) as error:
                raise Undelivered(f"it cannot be run: {plain_fault(error)}", down=True) from error
            fault = self._wait(process, output)
            if fault is not None:
                end_carriers(token, patience=_PATIENCE)
            code = process.wait()
            said = _end_of(output)
        if fault is not None:
            raise Undelivered(f"{fault} and was ended{said}", down=True)
        if code != 0:
            raise Undelivered(f"it ended with exit code {code}{said}", down=True)
        return f"it ran{said}"

    def rest(self) -> None:
        """Nothing is kept."""

    def cut(self) -> None:
        """End the command that runs."""
        self._cut.set()

    def _start(
        self, told: IO[bytes], output: IO[bytes], variables: dict[str, str]
    ) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            self._command,
            shell=True,
            stdin=told,
            stdout=output,
            stderr=output,
            cwd=self._folder,
            env={**os.environ, **variables},
            start_new_session=True,
            creationflags=background_flags(),
        )

    def _wait(self, process: subprocess.Popen[bytes], output: IO[bytes]) -> str | None:
        """Wait for its end; what it did wrong if it has to be ended."""
        until = time.monotonic() + self._longest
        while True:
            try:
                process.wait(_LOOK)
                return None
            except subprocess.TimeoutExpired:
                if self._cut.is_set():
                    return "it was still at it when QM stopped"
                if time.monotonic() > until:
                    return f"it took longer than {self._longest:g} s"
                if os.fstat(output.fileno()).st_size > _LARGEST_OUTPUT:
                    return "it printed more than 1 MiB"


def _variables(notice: Notice, folder: str | None, token: str) -> dict[str, str]:
    return {
        "QM_EVENT": str(notice.event),
        "QM_JOB_ID": str(notice.id),
        "QM_JOB_NAME": notice.name,
        "QM_JOB_STATE": str(notice.state),
        "QM_JOB_DIR": folder or "",
        # By which all that it starts is found, should it have to be ended.
        TOKEN_VARIABLE: token,
    }


def _end_of(output: IO[bytes]) -> str:
    size = os.fstat(output.fileno()).st_size
    output.seek(max(0, size - 4 * _SHOWN))
    lines, _ = last_lines(output.read(4 * _SHOWN), whole=size <= 4 * _SHOWN)
    text = " / ".join(line.strip() for line in lines if line.strip())
    return f"; it said: {text[-_SHOWN:]}" if text else ""

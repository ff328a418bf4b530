"""What a supervisor on Linux and macOS waits for: lines of the manager, ends of children."""

from __future__ import annotations

import sys

assert sys.platform != "win32"

import os
import select
import signal


class Orders:
    """Lines that the manager sends on standard input, and a wake when a child ends."""

    def __init__(self) -> None:
        self.closed = False
        self._buffer = b""
        self._child_read, child_write = os.pipe()
        os.set_blocking(self._child_read, False)
        os.set_blocking(child_write, False)
        # With a handler set, the wakeup descriptor gets a byte for each SIGCHLD.
        signal.signal(signal.SIGCHLD, _ignore_signal)
        signal.set_wakeup_fd(child_write, warn_on_full_buffer=False)
        self._poll = select.poll()
        self._poll.register(0, select.POLLIN)
        self._poll.register(self._child_read, select.POLLIN)

    def wait(self, timeout: float | None) -> list[bytes]:
        """Complete lines that came, none after ``timeout`` seconds or when a child ended."""
        wait_ms = None if timeout is None else max(0, int(timeout * 1000 + 0.999))
        lines: list[bytes] = []
        for fd, _ in self._poll.poll(wait_ms):
            if fd == self._child_read:
                os.read(fd, 512)
                continue
            data = os.read(0, 65536)
            if not data:
                self.closed = True
                self._poll.unregister(0)
                continue
            *lines, self._buffer = (self._buffer + data).split(b"\n")
        return lines


def _ignore_signal(number: int, frame: object) -> None:
    pass

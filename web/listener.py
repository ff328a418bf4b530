"""A socket that listens, and waits a moment where this machine cannot take one more connection."""

from __future__ import annotations

import errno
import logging
import socket
import time
from typing import Any

from qm.osops.shortage import is_passing

log = logging.getLogger("qm.web")

_PAUSE = 0.1
"""Seconds until it is tried again; those who are connected wait as long."""


class Listener(socket.socket):
    """As any socket, but for a want of files or memory.

    Whoever wants to connect is still there then, and waitress would try again at once, with all
    of a processor, and write a traceback into the log each time: 17 MB a second were measured.
    """

    def accept(self) -> tuple[socket.socket, Any]:
        """The next connection; BlockingIOError where there is none, or none can be taken now."""
        try:
            return super().accept()
        except BlockingIOError:
            raise
        except OSError as error:
            if not is_passing(error):
                raise
            log.warning("the page takes no more connections for now: %s", error.strerror)
            time.sleep(_PAUSE)
            raise BlockingIOError(errno.EAGAIN, "not now") from error

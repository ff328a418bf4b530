"""waitress before the application, with bounds that a few bad clients cannot fill.

A waiting thread costs some 40 KiB, and an event stream holds one: hence many
threads, and many more connections than threads. A body is spooled before
anybody can refuse it: hence a small one. (waitress, adjustments.py.)
"""

from __future__ import annotations

import select
import socket
from typing import Any

import waitress

from web.guard import Application

THREADS = 64
CONNECTIONS = 400
LARGEST_BODY = 32 << 20
LARGEST_HEAD = 16 << 10
_BUFFER = 256 << 10


def make_server(app: Application, sockets: list[socket.socket]) -> Any:
    """A server for these listening sockets; ``run()`` serves until SystemExit."""
    return waitress.create_server(
        app,
        sockets=sockets,
        threads=THREADS,
        ident=None,
        connection_limit=CONNECTIONS,
        channel_timeout=60,
        cleanup_interval=10,
        # Lets an event stream notice that its reader has gone.
        channel_request_lookahead=1,
        max_request_body_size=LARGEST_BODY,
        max_request_header_size=LARGEST_HEAD,
        # What a client does not read waits in memory up to here, and then its thread waits.
        outbuf_high_watermark=_BUFFER,
        outbuf_overflow=_BUFFER,
        asyncore_use_poll=hasattr(select, "poll"),
        # They tell that somebody comes by a proxy (web.access); nothing else is taken from them.
        clear_untrusted_proxy_headers=False,
    )

"""``python -m web``: serve the page of one QM_FOLDER until SIGINT or SIGTERM.

Exit code 2: the configuration is wrong; 3: the port is taken.
"""

from __future__ import annotations

import argparse
import contextlib
import logging
import os
import select
import signal
import socket
import sys
import threading
import webbrowser
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import waitress

from qm.config import Config, load_config
from qm.errors import QMError
from web.app import make_app
from web.guard import Application
from web.listening import listen
from web.site import make_site

log = logging.getLogger("qm.web")

THREADS = 8


def main() -> NoReturn:
    """Run the page of this process's command line, and end with the exit code."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Serve the page; returns the exit code. What there is to say goes to stderr, line by line."""
    options = _parser().parse_args(arguments)
    # First of all: whoever finds the port open may end the page already.
    _end_when_told()
    logging.basicConfig(format="%(message)s", stream=sys.stderr)
    log.setLevel(logging.INFO)
    # One line for each request that has to wait a moment would say nothing.
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)
    try:
        config = load_config(options.config, options.folder)
        source = "QMserv.cfg" if config.source is None else str(config.source)
        sockets = listen(config.web.host, config.web.port, source)
    except QMError as error:
        log.error("%s", f"{error.message}. {error.hint}".rstrip())
        return error.exit_code
    except OSError as error:
        log.error("the web page cannot be opened: %s", error.strerror)
        return 1
    if options.attached:
        threading.Thread(target=_end_with_stdin, name="attached", daemon=True).start()
    _serve(config, sockets, browser=config.web.open_browser and not options.no_browser)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m web", description="Serve QM's web page; qm serve does so as well."
    )
    parser.add_argument("--folder", type=Path, metavar="DIR", help="the QM_FOLDER to show")
    parser.add_argument("--config", type=Path, metavar="FILE", help="the configuration file")
    parser.add_argument("--attached", action="store_true", help="end when standard input is closed")
    parser.add_argument("--no-browser", action="store_true", help="open no browser")
    return parser


def _end_when_told() -> None:
    for name in ("SIGTERM", "SIGHUP", "SIGBREAK"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), lambda *_: sys.exit(0))


def _serve(config: Config, sockets: list[socket.socket], *, browser: bool) -> None:
    server = _server(make_app(make_site(config)), sockets)
    address = address_of(config.web.host, config.web.port)
    log.info("%s shows %s", address, config.folder)
    if browser:
        threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()
    # Its loop takes SystemExit and KeyboardInterrupt for the wish to end.
    server.run()


def address_of(host: str, port: int) -> str:
    """What to type into a browser: an IPv6 address needs brackets there."""
    bare = host.strip("[]")
    return f"http://[{bare}]:{port}/" if ":" in bare else f"http://{bare}:{port}/"


def _server(app: Application, sockets: list[socket.socket]) -> waitress.server.BaseWSGIServer:
    return waitress.create_server(
        app,
        sockets=sockets,
        threads=THREADS,
        ident=None,
        connection_limit=200,
        channel_timeout=60,
        cleanup_interval=10,
        max_request_body_size=65536,
        max_request_header_size=16384,
        outbuf_high_watermark=262144,
        outbuf_overflow=262144,
        asyncore_use_poll=hasattr(select, "poll"),
    )


def _end_with_stdin() -> None:
    """The manager holds the other end of our standard input: when it is gone, so are we."""
    with contextlib.suppress(OSError, ValueError):
        while os.read(0, 4096):
            pass
    os._exit(0)


if __name__ == "__main__":
    main()

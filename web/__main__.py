"""``python -m web``: serve the page of one QM_FOLDER until SIGINT or SIGTERM.

Exit code 2: the configuration is wrong; 3: the port is taken.
"""

from __future__ import annotations

import argparse
import contextlib
import logging
import os
import signal
import sys
import threading
import time
import webbrowser
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from qm.config import Config, load_config
from qm.errors import QMError
from web.app import make_app
from web.codes import issue_code
from web.hosts import is_for_this_machine
from web.listening import listen
from web.logs import start_logging
from web.server import make_server
from web.site import make_site
from web.tokens import existing_or_new, token_path

log = logging.getLogger("qm.web")


def main() -> NoReturn:
    """Run the page of this process's command line, and end with the exit code."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Serve the page; returns the exit code. What there is to say goes to stderr, line by line."""
    options = _parser().parse_args(arguments)
    # First of all: whoever finds the port open may end the page already.
    end_when_told()
    start_logging()
    try:
        config = load_config(options.config, options.folder)
        browser = config.web.open_browser and not options.no_browser
        return serve(config, browser=browser, attached=options.attached)
    except QMError as error:
        log.error("%s", f"{error.message}. {error.hint}".rstrip())
        return error.exit_code
    except OSError as error:
        log.error("the web page cannot be opened: %s", error.strerror)
        return 1


def serve(config: Config, *, browser: bool = False, attached: bool = False) -> int:
    """Serve the page of this configuration until SIGTERM or Ctrl-C.

    ``browser``: open it there, logged in. ``attached``: end when standard
    input is closed. Raises ConfigError, PortTaken and OSError.
    """
    web = config.web
    source = "QMserv.cfg" if config.source is None else str(config.source)
    site = make_site(config)
    app = make_app(site)
    # Last: whoever finds the port open finds a page.
    sockets = listen(web, source, has_token=site.access.has_token)
    server = make_server(app, sockets)
    if attached:
        threading.Thread(target=_end_with_stdin, name="attached", daemon=True).start()
    log.info("%s shows %s", web.address, config.folder)
    if not is_for_this_machine(web):
        log.info(
            "others can reach the page, and what travels is not encrypted: where that matters,"
            " put a proxy with TLS before it, or use localhost and ssh -L"
        )
    if browser:
        threading.Thread(target=_open_browser, args=(config,), daemon=True).start()
    # Its loop takes SystemExit and KeyboardInterrupt for the wish to end.
    server.run()
    return 0


def login_link(config: Config) -> str:
    """An address that logs in once, within a minute. Makes the token where there is none.

    Raises ConfigError and OSError.
    """
    token = existing_or_new(token_path(config))
    return f"{config.web.address}login?code={issue_code(token, config.web.port, time.time())}"


def _open_browser(config: Config) -> None:
    try:
        webbrowser.open(login_link(config))
    except (QMError, OSError) as error:
        log.warning("the browser is opened without a login: %s", error)
        webbrowser.open(config.web.address)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m web", description="Serve QM's web page; qm serve does so as well."
    )
    parser.add_argument("--folder", type=Path, metavar="DIR", help="the QM_FOLDER to show")
    parser.add_argument("--config", type=Path, metavar="FILE", help="the configuration file")
    parser.add_argument("--attached", action="store_true", help="end when standard input is closed")
    parser.add_argument("--no-browser", action="store_true", help="open no browser")
    return parser


def end_when_told() -> None:
    """Have this process end by SystemExit where the system tells it to."""
    for name in ("SIGTERM", "SIGHUP", "SIGBREAK"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), lambda *_: sys.exit(0))


def _end_with_stdin() -> None:
    """The manager holds the other end of our standard input: when it is gone, so are we."""
    with contextlib.suppress(OSError, ValueError):
        while os.read(0, 4096):
            pass
    os._exit(0)


if __name__ == "__main__":
    main()

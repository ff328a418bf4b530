"""The bottle application: one page that looks at the queue, and its style sheet."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import bottle

from qm.config import WebConfig
from qm.folders.layout import Layout
from qm.times import utc_text
from qm.view import View, load
from web.guard import Application, Guard
from web.page import page_of

_HERE = Path(__file__).resolve().parent
_RECENT = 24 * 3600.0
_KEEP = 1.0


class Looker:
    """The view of the queue, read at most once a second however many browsers ask."""

    def __init__(self, read: Callable[[], View], clock: Callable[[], float]) -> None:
        self._read = read
        self._clock = clock
        self._lock = threading.Lock()
        self._view: View | None = None
        self._at = 0.0

    def view(self) -> View:
        """The view, at most a second old."""
        with self._lock:
            if self._view is None or self._clock() - self._at >= _KEEP:
                self._view = self._read()
                self._at = self._clock()
            return self._view


def make_app(layout: Layout, config: WebConfig) -> Application:
    """The application for waitress, behind its guard."""
    looker = Looker(lambda: load(layout, utc_text(time.time() - _RECENT)), time.monotonic)
    template = bottle.SimpleTemplate((_HERE / "views" / "page.tpl").read_text(encoding="utf-8"))

    def page() -> str:
        shown = page_of(
            looker.view(),
            layout.root,
            exists=os.path.isdir(layout.root),
            now=time.time(),
            refresh=config.refresh_rate,
        )
        bottle.response.set_header("Cache-Control", "no-store")
        rendered: str = template.render(page=shown)
        return rendered

    def style() -> Any:
        headers = {"Cache-Control": "no-cache"}
        return bottle.static_file("qm.css", root=str(_HERE / "static"), headers=headers)

    app = bottle.Bottle(autojson=False)
    app.route("/", "GET", page)
    app.route("/static/qm.css", "GET", style)
    app.default_error_handler = _error_text(config)
    return Guard(app, config.host)


def _error_text(config: WebConfig) -> Callable[[Any], str]:
    def text(error: Any) -> str:
        bottle.response.content_type = "text/plain; charset=utf-8"
        if error.status_code == 404:
            return "There is no such page; the queue is at /\n"
        details = f": {error.exception!r}" if config.debug and error.exception else ""
        return f"QM's page could not be made{details}. QM itself and the jobs go on.\n"

    return text

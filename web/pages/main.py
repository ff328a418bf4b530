"""The main page at ``/`` and ``/QM``, and its moving part at ``/parts/main``."""

from __future__ import annotations

import hashlib
import os
import time

import bottle

from qm.names import shown
from web.earlier import EarlierRuns
from web.hosts import is_loopback_host
from web.pages.board import Board, Facts, board_of
from web.pages.ended import EndedReader
from web.pages.filters import SINCE, Filters, read_filters
from web.pages.standing import Meters, StandingReader
from web.pages.verbs import NAMES, VERBS, why_not
from web.problem import Problem
from web.roles import caller
from web.routing import Role, Routes
from web.site import Site

SCRIPTS = ("upload.js",)
"""Beside those of all pages, where they are there."""


class MainPage:
    """Reads and shows the queue. For any thread."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._standing = StandingReader(site.layout)
        self._ended = EndedReader(site.layout)
        self._meters = Meters(site.layout)
        self._earlier = EarlierRuns(site.layout)
        # Only of somebody at this machine the name is known.
        self._me = site.who() if is_loopback_host(site.config.web.host) else ""

    def whole(self) -> str:
        """The page."""
        filters = _filters()
        board = self._board(filters)
        site = self._site
        return site.render(
            "main",
            title=board.title,
            scripts=tuple(name for name in SCRIPTS if name in site.static),
            refresh=site.config.web.refresh_rate,
            every=site.config.web.refresh_rate,
            said=_said(),
            waiting_folder=shown(os.path.join(site.layout.root, "QM_qJobs")),
            **_values(board),
        )

    def part(self) -> bottle.HTTPResponse:
        """What changes of it, as HTML; 304 where the browser has just that."""
        board = self._board(_filters())
        text = self._site.templates.part("board", **_values(board)).encode("utf-8")
        tag = f'"{hashlib.sha256(text).hexdigest()[:16]}"'
        headers = {"Content-Type": "text/html; charset=utf-8", "ETag": tag}
        if tag in bottle.request.get_header("If-None-Match", ""):
            return bottle.HTTPResponse(b"", 304, headers)
        return bottle.HTTPResponse(text, 200, headers)

    def _board(self, filters: Filters) -> Board:
        if not filters.text:
            return self._read(filters)
        with self._site.searches:
            return self._read(filters)

    def _read(self, filters: Filters) -> Board:
        now = time.time()
        layout = self._site.layout
        standing = self._standing.read(whole=filters.narrow)
        facts = Facts(
            standing=standing,
            activity=self._meters.activity(standing.running),
            machine=self._meters.machine(),
            ended=self._ended.read(standing, filters, now),
            folder=layout.root,
            folder_exists=os.path.isdir(layout.root),
            me=self._me,
            now=now,
            earlier=self._earlier.durations(entry.name for entry in standing.running),
        )
        may = why_not(self._site.rights, caller().role, manager_runs=standing.manager_runs)
        return board_of(facts, filters, may)


def add_routes(routes: Routes, site: Site) -> None:
    """``/``, and ``/QM`` as the original has it; ``/parts/main`` for scripts."""
    page = MainPage(site)
    for path in ("/", "/QM", "/QM/"):
        routes.get(path, Role.VIEWER, page.whole)
    routes.get("/parts/main", Role.VIEWER, page.part)


def _filters() -> Filters:
    try:
        query = bottle.request.query.decode()
    except UnicodeError:
        raise Problem(400, "The address has bytes that are no text.") from None
    return read_filters(query)


def _values(board: Board) -> dict[str, object]:
    return {"board": board, "filters": board.filters, "since_words": SINCE}


def _said() -> tuple[str, str] | None:
    """What has just been done, as the address tells: a verb and the id of a job."""
    name, job = bottle.request.query.get("done", ""), bottle.request.query.get("job", "")
    if name not in NAMES or not (job.isascii() and job.isdigit() and len(job) < 19):
        return None
    verb = next((verb.done for verb in VERBS if verb.name == name), "Restored")
    return f"{verb} job {job}.", job if name == "rm" else ""

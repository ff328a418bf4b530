"""The main page at ``/`` and ``/QM``, and its moving part at ``/parts/main``."""

from __future__ import annotations

import os
import secrets
import time

import bottle

from qm.names import shown
from web.compression import pack
from web.earlier import EarlierRuns
from web.hosts import is_loopback_host
from web.pages.board import Board, Facts, board_of
from web.pages.ended import EndedReader
from web.pages.filters import SINCE, Filters, read_filters
from web.pages.kept import KeptParts, Part
from web.pages.standing import Meters, StandingReader
from web.pages.tag import is_known, tag_of
from web.pages.verbs import NAMES, VERBS, why_not
from web.problem import Problem
from web.roles import caller
from web.routing import Role, Routes
from web.site import Site
from web.templates import theme

_HTML = "text/html; charset=utf-8"


class MainPage:
    """Reads and shows the queue. For any thread."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._standing = StandingReader(site.layout)
        self._ended = EndedReader(site.layout)
        self._meters = Meters(site.layout)
        self._earlier = EarlierRuns(site.layout)
        self._kept = KeptParts(site.layout)
        self._process = secrets.token_hex(4)
        # Only of somebody at this machine the name is known.
        self._me = site.who() if is_loopback_host(site.config.web.host) else ""

    def whole(self) -> bottle.HTTPResponse:
        """The page; 304 where the browser has just that.

        What is shown to somebody who has logged in is not kept by any browser.
        """
        board, said, site = self._board(_filters()), _said(), self._site
        tag = self._tag(board)
        headers = {"Content-Type": _HTML}
        if not caller().logged_in:
            whole_tag = tag_of(board, time.time(), tag, said, bottle.request.path, theme())
            headers |= {"ETag": whole_tag, "Cache-Control": "private, no-cache"}
            if is_known(whole_tag, bottle.request.get_header("If-None-Match", "")):
                return bottle.HTTPResponse(b"", 304, headers)
        text = site.render(
            "main",
            title=board.title,
            refresh=site.config.web.refresh_rate,
            every=site.config.web.refresh_rate,
            said=said,
            tag=tag,
            waiting_folder=shown(os.path.join(site.layout.root, "QM_qJobs")),
            **_values(board),
        )
        return bottle.HTTPResponse(text, 200, headers)

    def part(self) -> bottle.HTTPResponse:
        """What changes of it, as HTML; 304 where the browser has just that."""
        filters = _filters()
        if filters.text:
            part = self._part(filters)
        else:
            part = self._kept.get((filters, caller().word), lambda: self._part(filters))
        headers = {"Content-Type": _HTML, "ETag": part.tag}
        if is_known(part.tag, bottle.request.get_header("If-None-Match", "")):
            return bottle.HTTPResponse(b"", 304, headers)
        if "gzip" in bottle.request.get_header("Accept-Encoding", ""):
            headers |= {"Content-Encoding": "gzip", "Vary": "Accept-Encoding"}
            return bottle.HTTPResponse(part.packed, 200, headers)
        return bottle.HTTPResponse(part.plain, 200, headers)

    def _part(self, filters: Filters) -> Part:
        board = self._board(filters)
        text = self._site.templates.part("board", **_values(board)).encode("utf-8")
        return Part(self._tag(board), text, pack(text), board.newer_in)

    def _tag(self, board: Board) -> str:
        """Of the part that changes, as it is shown to who asks."""
        # Another process may have other templates, and times of today become those of yesterday.
        now = time.time()
        return tag_of(board, now, self._process, time.localtime(now)[:3], caller().word)

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

"""``GET /api/v1/jobs/<id>/log``: a piece of a log; ``…/log/search``: where something is in it."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import bottle

from web.content import TEXT_TYPE
from web.jobfolder import problem_of_file
from web.joblog import JobLog, open_log
from web.logpiece import Piece, backward, onward, tail
from web.logsearch import BUDGET, search
from web.problem import Problem
from web.routing import Routes
from web.site import Site

USUAL = 64 * 1024
"""Bytes of a piece, where the request does not say."""
LEAST, MOST = 256, 1024 * 1024
_HITS, _MOST_HITS = 100, 1000
_LONGEST_VALUE = 1000
_LARGEST = (1 << 63) - 1
_PLACES = ("tail", "from", "before")


class Logs:
    """Reads logs for programs, and for the page's own script."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def piece(self, id: int) -> bottle.HTTPResponse:
        """Whole lines as they are in the log; the headers tell which bytes they are."""
        given = _given("tail", "from", "before", "max", "run")
        asked = [name for name in _PLACES if name in given]
        if len(asked) > 1:
            raise Problem(422, f"{asked[0]} and {asked[1]} exclude each other.")
        most = _number(given, "max", LEAST, MOST) or USUAL
        run = _number(given, "run", 0, _LARGEST)
        with self._opened(id, run) as log:
            size = log.file.size
            piece = _piece(log, given, most)
        headers = {
            "Content-Type": TEXT_TYPE,
            "X-Log-Start": str(piece.start),
            "X-Log-End": str(piece.end),
            "X-Log-Size": str(size),
            "X-Log-Complete": "yes" if log.complete and piece.end >= size else "no",
        }
        return bottle.HTTPResponse(piece.data, 200, headers)

    def search(self, id: int) -> dict[str, Any]:
        """Places of ``q`` from byte ``from`` on; ``more``: the time was over before the end."""
        given = _given("q", "from", "limit", "run")
        wanted = given.get("q", "").encode("utf-8", "replace")
        if not wanted or b"\n" in wanted:
            raise Problem(422, "q is what to look for: at least one character, in one line.")
        start = _number(given, "from", 0, _LARGEST) or 0
        limit = _number(given, "limit", 1, _MOST_HITS) or _HITS
        run = _number(given, "run", 0, _LARGEST)
        with self._site.searches, self._opened(id, run) as log:
            size = log.file.size
            found = search(log.file, size, wanted, start, limit, time.monotonic)
        return {
            "items": [{"byte": h.byte, "line": h.line, "text": h.text} for h in found.hits],
            "count": found.count,
            "from": min(start, size),
            "to": found.end,
            "size": size,
            "more": found.end < size,
            "budget": BUDGET,
        }

    @contextmanager
    def _opened(self, job_id: int, run: int | None) -> Iterator[JobLog]:
        log = open_log(self._site.layout, job_id, run)
        with log.file:
            try:
                yield log
            except OSError as error:
                raise problem_of_file(error) from error


def add_routes(routes: Routes, site: Site) -> None:
    """Both are for whoever may see details (Display_details)."""
    logs = Logs(site)
    routes.get("/api/v1/jobs/<id:int>/log", site.rights.details, logs.piece)
    routes.get("/api/v1/jobs/<id:int>/log/search", site.rights.details, logs.search)


def _piece(log: JobLog, given: Mapping[str, str], most: int) -> Piece:
    read, size = log.file.read_at, log.file.size
    start = _number(given, "from", 0, _LARGEST)
    if start is not None:
        return onward(read, size, start, most, ended=log.complete)
    end = _number(given, "before", 0, _LARGEST)
    if end is not None:
        return backward(read, size, end, most)
    last = _number(given, "tail", 1, MOST) or most
    return tail(read, size, last, ended=log.complete)


def _given(*known: str) -> Mapping[str, str]:
    """The parameters of the request at hand, each once; Problem 422 for any other."""
    try:
        query = bottle.request.query.decode()
    except UnicodeError:
        raise Problem(422, "There are bytes in the request that are no text.") from None
    for name in query:
        if name not in known:
            raise Problem(422, f"There is no parameter {name!r}; known: {', '.join(known)}.")
        if len(query.getall(name)) > 1 or len(query[name]) > _LONGEST_VALUE:
            raise Problem(422, f"{name} is given more than once, or is too long.")
    return {name: query[name] for name in query}


def _number(given: Mapping[str, str], name: str, least: int, most: int) -> int | None:
    text = given.get(name)
    if text is None:
        return None
    is_number = text.isascii() and text.isdigit() and len(text) < 20
    if not (is_number and least <= int(text) <= most):
        raise Problem(422, f"{name} is {text!r}; expected a number from {least} to {most}.")
    return int(text)

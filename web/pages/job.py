"""The page of a job at ``/job/<id>``, and its moving part at ``/parts/job/<id>``."""

from __future__ import annotations

import hashlib
import time
from typing import Any

import bottle

from qm.errors import NoSuchJob
from qm.model import State
from qm.times import known_seconds
from qm.view import find
from qm.view.usage import usage_of
from web.errorline import error_line
from web.jobfacts import JobFacts, JobReader, LogTail
from web.pages.cells import address_of
from web.pages.jobview import JobView, job_view
from web.pages.usageview import UsageView, usage_view
from web.pages.verbs import why_not
from web.problem import Problem
from web.roles import caller
from web.routing import Role, Routes
from web.site import Site

_ONLY_OPERATORS = "Display_details is off: only an operator may see logs and files. Log in first."
_TELL_ERROR = frozenset({State.FAILED.value, State.KILLED.value, State.LOST.value})


class JobPage:
    """Reads and shows jobs. For any thread."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._reader = JobReader(site.layout)

    def whole(self, id: int) -> str:
        """The page."""
        run = _run()
        values = self._values(id, run, whole=True)
        view: JobView = values["job"]
        rate = self._site.config.web.refresh_rate
        return self._site.render(
            "job",
            title=view.title,
            refresh=None if view.ended else rate,
            every=rate,
            **values,
        )

    def part(self, id: int) -> bottle.HTTPResponse:
        """What changes of it, as HTML; 304 where the browser has just that."""
        try:
            values = self._values(id, _run(), whole=False)
            text = self._site.templates.part("job_part", **values)
        except NoSuchJob:
            # It was deleted while somebody looked at it: the page says so, and how to undo it.
            text = self._site.templates.part("job_gone", id=id)
        data = text.encode("utf-8")
        tag = f'"{hashlib.sha256(data).hexdigest()[:16]}"'
        headers = {"Content-Type": "text/html; charset=utf-8", "ETag": tag}
        if tag in bottle.request.get_header("If-None-Match", ""):
            return bottle.HTTPResponse(b"", 304, headers)
        return bottle.HTTPResponse(data, 200, headers)

    def by_name(self, name: str) -> bottle.HTTPResponse:
        """To the newest job of this name; to the folder of what is no job yet."""
        entry = find(self._site.layout, name)
        return bottle.HTTPResponse("", 303, {"Location": address_of(entry)})

    def _values(self, job_id: int, run: int | None, *, whole: bool) -> dict[str, Any]:
        facts = self._reader.facts(job_id, time.time())
        who = caller().role
        may = why_not(self._site.rights, who, manager_runs=facts.manager_runs)
        view = job_view(facts, may)
        sees = who >= self._site.rights.details
        log, no_log = None, "" if sees else _ONLY_OPERATORS
        if sees and (whole or view.state.upper() in _TELL_ERROR):
            log, no_log = self._log(job_id, run)
        tells_error = log is not None and view.state.upper() in _TELL_ERROR and run is None
        return {
            "job": view,
            "run": run,
            "usage": _usage(facts, run),
            "sees": sees,
            "log": log,
            "no_log": no_log,
            "error": error_line(log.lines()) if log is not None and tells_error else "",
            "info_file": self._reader.info_file(facts) if sees else "",
            "info_name": facts.details.get("info_file") or "",
        }

    def _log(self, job_id: int, run: int | None) -> tuple[LogTail | None, str]:
        try:
            return self._reader.log(job_id, run), ""
        except Problem as problem:
            return None, problem.detail


def _usage(facts: JobFacts, run: int | None) -> UsageView | None:
    """What its last attempt used over time, or attempt ``run`` of it."""
    entry = facts.entry
    is_last = run is None or run == entry.attempt
    if is_last and entry.started is None:
        return None
    started = known_seconds(entry.started)
    runs = is_last and entry.ended is None and started is not None
    return usage_view(
        usage_of(facts.details.get("folder"), None if is_last else run),
        cores_asked=entry.nb_proc,
        memory_asked=entry.mem,
        elapsed=facts.now - started if runs and started is not None else None,
    )


def add_routes(routes: Routes, site: Site) -> None:
    """``/job/<id>``, also by name; ``/parts/job/<id>`` for scripts."""
    page = JobPage(site)
    routes.get("/job/<id:int>", Role.VIEWER, page.whole)
    routes.get("/parts/job/<id:int>", Role.VIEWER, page.part)
    routes.get("/job/<name>", Role.VIEWER, page.by_name)


def _run() -> int | None:
    """The attempt that the address names; Problem 404 for what is no number."""
    text = bottle.request.query.get("run")
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise Problem(404, "There is no such attempt.")
    return int(text)

"""``/api/v1/jobs``: lists of jobs, and one job."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import bottle

from qm.view import Entry
from qm.view.details import details
from qm.view.entries import plain
from web.api.parameters import Parameters
from web.api.queries import KNOWN, brief_of, cursor_text, wanted_of
from web.api.reading import JobReader
from web.problem import Problem
from web.routing import Role, Routes
from web.site import Site


def add_routes(routes: Routes, site: Site) -> None:
    """What can be read; changes are in ``web.api.changes``."""
    reader = JobReader(site.layout)

    def jobs() -> dict[str, Any]:
        given = Parameters.read(KNOWN)
        brief = brief_of(given)
        wanted = wanted_of(given)
        if brief is not None:
            view = reader.short(wanted.since, brief)
            return {
                "items": [_item(reader, entry) for entry in view.entries],
                "next": None,
                "total_estimate": len(view.entries) + view.more_waiting + view.more_ended,
                "more_waiting": view.more_waiting,
                "more_ended": view.more_ended,
                "manager_runs": view.manager_runs,
            }
        listed = reader.page(wanted)
        after = listed.page.next
        return {
            "items": [_item(reader, entry) for entry in listed.page.entries],
            "next": None if after is None else cursor_text(after),
            "total_estimate": listed.total,
            "more_waiting": 0,
            "more_ended": 0,
            "manager_runs": listed.manager_runs,
        }

    def job(job_id: int) -> bottle.HTTPResponse:
        found = job_object(site, reader, job_id)
        tag = etag_of(found)
        headers = {"Content-Type": "application/json", "ETag": tag}
        if is_known(tag, bottle.request.get_header("If-None-Match")):
            return bottle.HTTPResponse("", 304, {"ETag": tag})
        return bottle.HTTPResponse(json.dumps(found), 200, headers)

    routes.get("/api/v1/jobs", Role.VIEWER, jobs)
    routes.get("/api/v1/jobs/<job_id:int>", Role.VIEWER, job)


def job_object(site: Site, reader: JobReader, job_id: int) -> dict[str, Any]:
    """All that is known of a job; NoSuchJob."""
    entry = reader.job(job_id)
    found = details(site.layout, entry)
    for name in ("folder", "log"):
        found[name] = None if found[name] is None else plain(found[name])
    return {**found, "progress": reader.progress(entry)}


def etag_of(found: dict[str, Any]) -> str:
    """What tells two states of a job apart; how far it is, and what it uses, does not count."""
    still = {name: value for name, value in found.items() if name not in ("progress", "usage")}
    text = json.dumps(still, sort_keys=True)
    return f'"{hashlib.sha256(text.encode()).hexdigest()[:24]}"'


def is_known(tag: str, header: str | None) -> bool:
    """True if the header If-None-Match or If-Match names this tag (RFC 9110, section 13.1)."""
    if header is None:
        return False
    tags = [one.strip().removeprefix("W/") for one in header.split(",")]
    return tag in tags or "*" in tags


def check_match(tag: str, header: str | None) -> None:
    """Problem 412 where If-Match is given and names another state of the job."""
    if header is not None and not is_known(tag, header):
        raise Problem(412, "The job has changed since you looked at it.", "Look again.")


def _item(reader: JobReader, entry: Entry) -> dict[str, Any]:
    return {**entry.as_json(), "progress": reader.progress(entry)}

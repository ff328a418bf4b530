"""``GET /api/v1/summary``: how the queue stands; another ETag means that something has changed."""

from __future__ import annotations

import hashlib
import json
import time
from functools import cache
from typing import Any

import bottle

from qm import __version__
from qm.jobinfo.limits import Limits
from qm.model import END_STATES, State
from qm.resources import limits_of
from qm.times import utc_text
from web.api.jobs import is_known
from web.api.parameters import Parameters
from web.api.reading import JobReader
from web.pages.stamp import stamp_of
from web.roles import caller
from web.routing import Role, Routes
from web.site import Site

_OPEN = tuple(state.value for state in State if state not in END_STATES)


def add_routes(routes: Routes, site: Site) -> None:
    """For programs, and for browsers that cannot follow the events."""
    reader = JobReader(site.layout)

    @cache
    def limits() -> Limits:
        return limits_of(site.config)

    def summary() -> bottle.HTTPResponse:
        Parameters.read(())
        found = summary_of(reader, limits(), time.time()) | {"role": caller().word}
        text = json.dumps(found)
        # A reason or a description may have changed, which no number tells.
        seen = f"{text} {stamp_of(site.layout.index_file)}"
        tag = f'"{hashlib.sha256(seen.encode()).hexdigest()[:24]}"'
        if is_known(tag, bottle.request.get_header("If-None-Match")):
            return bottle.HTTPResponse("", 304, {"ETag": tag})
        return bottle.HTTPResponse(text, 200, {"Content-Type": "application/json", "ETag": tag})

    routes.get("/api/v1/summary", Role.VIEWER, summary)


def summary_of(reader: JobReader, limits: Limits, now: float) -> dict[str, Any]:
    """The object; ``now`` is in seconds since the epoch."""
    standing = reader.standing(utc_text(midnight(now)))
    ended = standing.ended
    return {
        "version": __version__,
        "manager_runs": standing.manager_runs,
        "obstacle": standing.obstacle,
        "counts": {state: standing.counts.get(state, 0) for state in _OPEN},
        "ended_today": {state.value: ended.get(state, 0) for state in State if state in END_STATES},
        "processors": {
            "total": standing.processors,
            "used": sum(entry.nb_proc or 0 for entry in standing.running),
        },
        "running": [
            {"id": entry.id, "name": entry.name, "progress": reader.progress(entry)}
            for entry in standing.running
        ],
        "limits": {
            "processors": limits.max_processors,
            "memory": limits.max_memory,
            "gpus": limits.gpus,
            "job_files": list(limits.names),
        },
    }


def midnight(now: float) -> float:
    """When this day began at this desk; both in seconds since the epoch."""
    day = time.localtime(now)[:3]
    return time.mktime((*day, 0, 0, 0, 0, 0, -1))

"""``GET /api/v1/jobs/<id>/usage``: what a job used over time."""

from __future__ import annotations

from typing import Any

from qm.view import locate
from qm.view.joblog import earlier_attempts
from qm.view.usage import totals_json, usage_of
from web.api.parameters import Parameters
from web.api.reading import JobReader
from web.problem import Problem
from web.routing import Role, Routes
from web.site import Site

_LARGEST = (1 << 63) - 1


def add_routes(routes: Routes, site: Site) -> None:
    """Numbers only, as the lists of jobs have them: for whoever may see those."""
    reader = JobReader(site.layout)

    def usage(id: int) -> dict[str, Any]:
        run = Parameters.read(("run",)).number("run", 0, _LARGEST)
        entry = reader.job(id)
        folder = locate(site.layout, entry)
        attempt = entry.attempt if run is None else run
        if attempt != entry.attempt:
            if attempt not in earlier_attempts(folder):
                raise Problem(404, "There is no such attempt.")
            samples = usage_of(folder, attempt)
        else:
            samples = usage_of(folder) if entry.started else ()
        return {
            "attempt": attempt,
            "samples": [sample._asdict() for sample in samples],
            "totals": totals_json(samples),
        }

    routes.get("/api/v1/jobs/<id:int>/usage", Role.VIEWER, usage)

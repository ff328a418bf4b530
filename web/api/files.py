"""``GET /api/v1/jobs/<id>/files`` and ``…/archive``: what lies in a job, for programs."""

from __future__ import annotations

from typing import Any

from web.api.parameters import Parameters
from web.filelist import list_of
from web.files import Files
from web.joblog import LARGEST_ID
from web.jobpath import parts_of
from web.problem import Problem
from web.routing import Routes
from web.site import Site
from web.target import job_target


def add_routes(routes: Routes, site: Site) -> None:
    """For whoever may see details (Display_details). A file itself is at its ``address``."""
    files = Files(site)

    def listing(job_id: int) -> dict[str, Any]:
        path = Parameters.read(("path",)).one("path") or ""
        target, parts = job_target(site.layout, _known(job_id)), parts_of(path)
        with target.open() as folder:
            found = list_of(target, folder, parts, "name")
        items = [
            {
                "name": line.name,
                "folder": line.is_folder,
                "size": line.size,
                "changed": line.changed,
                "address": line.address or None,
                "note": line.note or None,
            }
            for line in found.lines
        ]
        return {"items": items, "total": found.total}

    def archive(job_id: int) -> Any:
        Parameters.read(())
        return files.archive_of_job(_known(job_id))

    routes.get("/api/v1/jobs/<job_id:int>/files", site.rights.details, listing)
    routes.get("/api/v1/jobs/<job_id:int>/archive", site.rights.details, archive)


def _known(job_id: int) -> int:
    if not 0 <= job_id <= LARGEST_ID:
        raise Problem(404, f"There is no job {job_id}.")
    return job_id

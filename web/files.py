"""What lies in a job: lists of files, the files, reports, and all of it as a zip."""

from __future__ import annotations

from typing import Any

import bottle

from qm.osops.browsing import Kind
from web.archive import Archive, Sent
from web.content import (
    ANY_TYPE,
    FILE_HEADERS,
    REPORT_HEADERS,
    SNIFFED,
    Manner,
    manner_of,
    report_type,
    saved_as,
    type_of,
)
from web.filelist import list_of
from web.headers import use_headers
from web.jobfolder import JobFolder, problem_of_file
from web.jobpath import Parts, parts_of
from web.problem import Problem
from web.routing import Role, Routes
from web.sending import send
from web.site import Site
from web.target import Target, job_target, target_of_key
from web.templates import href

ANY_PATH = "<path:re:[\\s\\S]+>"
"""A rule for the rest of an address. Bottle's own would not take a line feed in a name."""

_INDEX = "index.html"
_EXPIRED = "The address of a report holds for an hour, and until QM's page is started again."


class Files:
    """Answers with what lies in jobs."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def of_job(self, id: int, path: str = "") -> Any:
        """A folder of a job as a list, or a file of it."""
        return self.show(job_target(self._site.layout, id), path)

    def show(self, target: Target, path: str) -> Any:
        """The same for any folder that an address names."""
        parts = parts_of(path)
        with target.open() as folder:
            if folder.kind_of(parts) is Kind.FILE:
                return self._file(target, folder, parts)
            sort = bottle.request.query.get("sort", "")
            shown = list_of(target, folder, parts, sort)
        return self._site.render("files", title=f"Files of {target.label}", files=shown)

    def _file(self, target: Target, folder: JobFolder, parts: Parts) -> bottle.HTTPResponse:
        name = parts[-1]
        file = folder.file(parts)
        try:
            manner = manner_of(name, file.read_at(0, SNIFFED))
        except OSError as error:
            file.close()
            raise problem_of_file(error) from error
        if "download" in bottle.request.query:
            manner = Manner.SAVED
        if manner is Manner.REPORT:
            file.close()
            return self._to_report(target, parts)
        use_headers(bottle.request.environ, FILE_HEADERS)
        if manner is Manner.SAVED:
            return send(file, ANY_TYPE, {"Content-Disposition": saved_as(name)})
        return send(file, type_of(name, manner))

    def _to_report(self, target: Target, parts: Parts) -> bottle.HTTPResponse:
        token = self._site.reports.issue(self._sealed(target.key))
        return bottle.HTTPResponse("", 303, {"Location": href("s", token, target.key, *parts)})

    def _sealed(self, key: str) -> str:
        """What the address of a report is the key to: a new token ends those of the old one."""
        return f"{self._site.access.mark} {key}"

    def report(self, token: str, key: str, path: str) -> bottle.HTTPResponse:
        """A report, or what it loads from its job; the address is the key to it."""
        if not self._site.reports.allows(token, self._sealed(key)):
            raise Problem(404, _EXPIRED, "Open the report from the page of its job again.")
        parts = parts_of(path)
        with target_of_key(self._site.layout, key).open() as folder:
            if path.endswith("/") and folder.kind_of(parts) is Kind.FOLDER:
                parts = (*parts, _INDEX)
            return send(folder.file(parts), report_type(parts[-1]))

    def archive_of_job(self, id: int) -> bottle.HTTPResponse:
        """All files of a job as one zip."""
        return self.archive(job_target(self._site.layout, id))

    def archive(self, target: Target) -> bottle.HTTPResponse:
        """The same for any folder that an address names."""
        turns = self._site.archives
        turns.take()
        try:
            archive = Archive(target.open(), target.name, ended=target.ended)
        except BaseException:
            turns.give_back()
            raise
        headers = {
            "Content-Type": "application/zip",
            "Content-Disposition": saved_as(f"{target.name}.zip"),
        }
        if archive.length is not None:
            headers["Content-Length"] = str(archive.length)
        return bottle.HTTPResponse(Sent(archive, turns), 200, headers)


def add_routes(routes: Routes, site: Site) -> None:
    """``/job/<id>/files``, ``/job/<id>/archive.zip``, and ``/s/`` for reports.

    Display_details decides who may see files. A report is for whoever has its address.
    """
    files, role = Files(site), site.rights.details
    for rule in ("/job/<id:int>/files", "/job/<id:int>/files/", f"/job/<id:int>/files/{ANY_PATH}"):
        routes.get(rule, role, files.of_job)
    routes.get("/job/<id:int>/archive.zip", role, files.archive_of_job)
    routes.get(f"/s/<token>/<key>/{ANY_PATH}", Role.OPEN, files.report, headers=REPORT_HEADERS)

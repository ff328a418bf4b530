"""Addresses of the original QM that bookmarks and mails still hold.

They name folders, where QM now names jobs: a job is found by its folder's name
wherever it lies by now. Nothing is changed by GET, whatever ``conf`` says.
"""

from __future__ import annotations

from typing import Any

import bottle

from qm.errors import NoSuchJob
from qm.model import Place
from qm.names import shown
from qm.view import find
from web.files import ANY_PATH, Files
from web.jobpath import parts_of
from web.pages.doing import Doing
from web.problem import Problem
from web.routing import Handler, Routes
from web.site import Site
from web.target import PLACES, Target, named_target
from web.templates import href

HOME = "/QM"


class OldUrls:
    """Finds what an old address means, and leads there."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._files = Files(site)
        self._doing = Doing(site)

    def view(self, queue: str, name: str, path: str = "") -> Any:
        """A folder or file of a job; what is no job is shown under this address itself."""
        target = self._named(queue, name)
        if target.id is None:
            return self._files.show(target, path)
        return _see(href(*target.base, *parts_of(path)))

    def download(self, name: str) -> Any:
        """All of a job as a zip."""
        target = self._named(Place.DONE, name)
        if target.id is None:
            return self._files.archive(target)
        return _see(href("job", target.id, "archive.zip"))

    def delete(self, queue: str, name: str) -> str:
        """The question whether to delete a job."""
        return self._question("rm", queue, name)

    def kill(self, name: str) -> str:
        """The question whether to stop a job."""
        return self._question("kill", Place.RUNNING, name)

    def _question(self, verb: str, queue: str, name: str) -> str:
        target = self._named(queue, name)
        if target.id is None:
            raise Problem(409, f"{target.label} is no job (yet).", "Remove the folder itself.")
        return self._doing.question_about(verb, find(self._site.layout, str(target.id)), HOME)

    def _named(self, queue: str, name: str) -> Target:
        try:
            if queue in PLACES:
                return named_target(self._site.layout, Place(queue), name)
        except NoSuchJob:
            pass
        raise self._unknown(name)

    def _unknown(self, name: str) -> bottle.HTTPResponse:
        page = self._site.render("unknown_job", title="No such job", name=shown(name))
        return bottle.HTTPResponse(page, 404, {"Content-Type": "text/html; charset=utf-8"})


def _see(address: str) -> bottle.HTTPResponse:
    return bottle.HTTPResponse("", 303, {"Location": address})


def add_routes(routes: Routes, site: Site) -> None:
    """The four folders by their names, ``/view``, ``/download``, ``/delete`` and ``/kill``."""
    old, rights = OldUrls(site), site.rights
    for place in PLACES:
        view = _in_place(old, place)
        for rule in (f"/{place}/<name>", f"/{place}/<name>/", f"/{place}/<name>/{ANY_PATH}"):
            routes.get(rule, rights.details, view)
        for rule in (f"/{place}", f"/{place}/"):
            routes.get(rule, rights.details, lambda: _see(HOME))
    for rule in (
        "/view/<queue>/<name>",
        "/view/<queue>/<name>/",
        f"/view/<queue>/<name>/{ANY_PATH}",
    ):
        routes.get(rule, rights.details, old.view)
    routes.get("/download/<name>", rights.details, old.download)
    routes.get("/delete/<queue>/<name>", rights.delete, old.delete)
    routes.get("/kill/<name>", rights.kill, old.kill)


def _in_place(old: OldUrls, place: Place) -> Handler:
    return lambda name, path="": old.view(place, name, path)

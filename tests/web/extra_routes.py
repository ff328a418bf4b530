"""Routes for tests, served beside the page's own: one that breaks, one that changes nothing."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import bottle

from qm.errors import NoSuchJob
from qm.folders.layout import Layout
from tests.web.served import Served, free_port, served, write_config
from web.problem import Problem
from web.routing import RAW, Role, Routes
from web.site import Site
from web.tokens import new_token

BOOT = (
    "import web.app; web.app.FEATURES += ('tests.web.extra_routes',);"
    " from web.__main__ import main; main()"
)
SECRET = "a secret of the exception"


def add_routes(routes: Routes, site: Site) -> None:
    """What no page of ours would do."""

    def boom(name: str = "") -> str:
        raise RuntimeError(f"{SECRET}: \x1b[31m{name}")

    def later() -> Iterator[bytes]:
        raise RuntimeError(SECRET)
        yield b""  # Makes it a generator, which breaks when the body is asked for.

    def too_late() -> Iterator[bytes]:
        raise Problem(409, "It has ended.")
        yield b""

    def exact(name: str) -> dict[str, str]:
        return {"name": name.encode("utf-8", "surrogateescape").hex()}

    def change() -> dict[str, object]:
        return {"got": bottle.request.json}

    def piece() -> dict[str, int]:
        return {"length": len(bottle.request.body.read())}

    def gone() -> str:
        raise NoSuchJob("there is no job <7>", "Look at the list.")

    def look() -> str:
        values = {"heading": "Look", "detail": "x" * 4096, "hint": "", "status": 200}
        return site.render("problem", title="Look", request_id="1", **values)

    routes.get("/look", Role.VIEWER, look)
    for path in ("/boom", "/boom/<name>", "/api/v1/boom"):
        routes.get(path, Role.VIEWER, boom)
    routes.get("/later", Role.VIEWER, later)
    routes.get("/too-late", Role.VIEWER, too_late)
    routes.get("/exact/<name>", Role.VIEWER, exact)
    routes.get("/secret", Role.OPERATOR, lambda: "for operators")
    routes.get("/gone", Role.VIEWER, gone)
    routes.get("/api/v1/gone", Role.VIEWER, gone)
    routes.post("/api/v1/change", Role.OPERATOR, change)
    routes.put("/api/v1/piece", Role.OPERATOR, piece, accepts=RAW, limit=4096, counted=False)


@contextmanager
def page_with_extra_routes(base: Path, **web: object) -> Iterator[Served]:
    """The page of an empty queue, with the routes above."""
    folder = base / "QM"
    Layout(str(folder)).create()
    port = free_port()
    config = write_config(base / "QMserv.cfg", folder, port, **web)
    if web.get("Host", "localhost") != "localhost":
        new_token(config.with_name("web-token"))
    command = [sys.executable, "-c", BOOT, "--config", str(config)]
    with served(folder, config, port, command) as page:
        yield page

"""``/api/v1/openapi.json``: what the interface is, in OpenAPI 3.1, written by hand."""

from __future__ import annotations

from pathlib import Path

import bottle

from web.routing import Role, Routes
from web.site import Site

FILE = Path(__file__).with_name("openapi.json")


def add_routes(routes: Routes, site: Site) -> None:
    """The file as it is, for whoever may use what it describes."""
    data = FILE.read_bytes()

    def openapi() -> bottle.HTTPResponse:
        return bottle.HTTPResponse(data, 200, {"Content-Type": "application/json"})

    routes.get("/api/v1/openapi.json", Role.VIEWER, openapi)

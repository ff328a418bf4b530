"""``/healthz``: whether the page answers. It says nothing else, to anybody."""

from __future__ import annotations

import bottle

from web.routing import Role, Routes
from web.site import Site


def add_routes(routes: Routes, site: Site) -> None:
    """For programs that watch over the page."""

    def health() -> bottle.HTTPResponse:
        return bottle.HTTPResponse("ok\n", 200, {"Content-Type": "text/plain; charset=utf-8"})

    routes.get("/healthz", Role.OPEN, health)

"""The help page: the job file, keys, and the command line."""

from __future__ import annotations

from web.routing import Role, Routes
from web.site import Site


def add_routes(routes: Routes, site: Site) -> None:
    """``/help``."""
    routes.get("/help", Role.VIEWER, lambda: site.render("help", title="Help"))

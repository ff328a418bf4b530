"""The main page: the queue, at ``/`` and ``/QM``."""

from __future__ import annotations

import os
import time

from web.pages.queue import page_of
from web.routing import Role, Routes
from web.site import Site


def add_routes(routes: Routes, site: Site) -> None:
    """``/``, and ``/QM`` as the original has it."""

    def main() -> str:
        shown = page_of(
            site.look.view(),
            site.layout.root,
            exists=os.path.isdir(site.layout.root),
            now=time.time(),
            refresh=site.config.web.refresh_rate,
        )
        return site.render("main", title=shown.title, page=shown, refresh=shown.refresh)

    for path in ("/", "/QM", "/QM/"):
        routes.get(path, Role.VIEWER, main)

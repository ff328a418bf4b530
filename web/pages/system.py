"""``/system``: versions, paths, what is in use, the configuration, and the last complaints."""

from __future__ import annotations

import os

from qm.names import shown
from web.configured import rows_of
from web.roles import caller
from web.routing import Role, Routes
from web.site import Site
from web.system import SystemReader, versions


def add_routes(routes: Routes, site: Site) -> None:
    """``/system``; configuration and log only for who may see details."""
    reader = SystemReader(site.layout, site.config)
    source = site.config.source

    def system() -> str:
        found = reader.read()
        return site.render(
            "system",
            title="System - QM",
            root=shown(site.layout.root),
            found=found,
            manager=found.standing,
            usage=found.machine.usage,
            versions=versions(),
            page_process=os.getpid(),
            streams=site.streams,
            details=caller().role >= site.rights.details,
            source=None if source is None else shown(str(source)),
            options=[(row, shown(row.value)) for row in rows_of(site.config)],
        )

    routes.get("/system", Role.VIEWER, system)

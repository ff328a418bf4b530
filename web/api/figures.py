"""``GET /api/v1/stats`` and ``/api/v1/system``: what the pages of these names show."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from web.api.parameters import Parameters
from web.pages.stats import FIGURES, StatisticsReader, by_of
from web.problem import Problem
from web.routing import Role, Routes
from web.site import Site
from web.system import SystemReader, versions


def add_routes(routes: Routes, site: Site) -> None:
    """Numbers only; the configuration and the log are for people, on their page."""
    statistics = StatisticsReader(site.layout.history_file)
    systems = SystemReader(site.layout, site.config)

    def stats() -> dict[str, Any]:
        text = Parameters.read(("by",)).one("by")
        if text == "":
            raise Problem(422, "by is empty.")
        try:
            by = by_of(text or "")
        except Problem as problem:
            raise Problem(422, problem.detail) from None
        found = statistics.read(by).statistics
        return {
            "by": list(by),
            "groups": [
                {**dict(zip(by, group.key, strict=True)), **_members(group)}
                for group in found.groups
            ],
            "total": _members(found.total),
        }

    def system() -> dict[str, Any]:
        Parameters.read(())
        found = systems.read()
        machine = found.machine
        return {
            "versions": dict(versions()),
            "manager": found.standing,
            "usage": asdict(machine.usage),
            "disk": {"free": machine.disk_free, "total": machine.disk_total},
            "folders": [{"name": one.name, "entries": one.entries} for one in found.folders],
            "trash": {"entries": found.trash.entries, "size": found.trash.size},
            "warnings": len(found.warnings),
            "streams": {"taken": site.streams.taken, "total": site.streams.total},
        }

    routes.get("/api/v1/stats", Role.VIEWER, stats)
    routes.get("/api/v1/system", Role.VIEWER, system)


def _members(figures: Any) -> dict[str, Any]:
    return {name: getattr(figures, name) for name in FIGURES}

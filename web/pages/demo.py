"""``POST /do/demo``: a copy of a sample job, for who is here for the first time."""

from __future__ import annotations

import bottle

from qm.samples import sample_job
from qm.submit import Caller, Source, submit
from web.routing import Role, Routes
from web.site import Site

SAMPLE = "progress"


def add_routes(routes: Routes, site: Site) -> None:
    """``/do/demo``."""

    def demo() -> bottle.HTTPResponse:
        path = str(sample_job(SAMPLE).resolve())
        # In its own folder and with the manager's environment: nobody's shell is behind it.
        submit(site.layout, Source(path, SAMPLE), Caller(site.who(), None, {}), sync=False)
        return bottle.HTTPResponse("", 303, {"Location": "/QM"})

    routes.post("/do/demo", Role.OPERATOR, demo)

"""The bottle application: all features' routes, each behind the gate, all behind the guard."""

from __future__ import annotations

import importlib
import time
from typing import Any, NoReturn

import bottle

from web.access import Access
from web.gate import Gate, check_role
from web.guard import Application, Guard
from web.hosts import OwnNames
from web.problem import Problem, Problems
from web.ratelimit import RateLimit
from web.roles import Role, set_caller
from web.routing import Routes, check_roles
from web.site import Site

FEATURES = (
    "web.pages.main",
    "web.pages.doing",
    "web.pages.demo",
    "web.pages.job",
    "web.pages.timeline",
    "web.pages.stats",
    "web.pages.system",
    "web.pages.help",
    "web.login",
    "web.health",
    "web.api.summary",
    "web.api.jobs",
    "web.api.changes",
    "web.api.openapi",
    "web.api.events",
    "web.api.logs",
    "web.api.usage",
    "web.api.files",
    "web.api.figures",
    "web.api.uploads",
    "web.files",
    "web.old_urls",
    "web.static_files",
)
"""Modules with ``add_routes(routes: Routes, site: Site) -> None``, in the order of matching."""

CHANGES_A_MINUTE = 60


def make_app(site: Site) -> Application:
    """The application for waitress."""
    return Guard(build(site), OwnNames.of(site.config.web))


def build(site: Site) -> bottle.Bottle:
    """The application without the guard; AssertionError for a route without a role."""
    app = bottle.Bottle()
    # The gate does it, for dictionaries and lists.
    app.config["json.enable"] = False
    problems = Problems(site.templates, debug=site.config.web.debug)
    gate = Gate(problems, RateLimit(CHANGES_A_MINUTE, 60.0, time.monotonic))
    app.install(gate)
    _identify_first(app, gate, site.access)
    app.default_error_handler = _error_handler(gate, problems)
    routes = Routes(app)
    for name in FEATURES:
        importlib.import_module(name).add_routes(routes, site)
    check_roles(app)
    return app


def _identify_first(app: bottle.Bottle, gate: Gate, access: Access) -> None:
    def identify() -> None:
        environ = bottle.request.environ

        def look() -> None:
            set_caller(environ, access.caller_of(environ))

        refused = gate.answered(look)
        if refused is not None:
            raise refused

    app.add_hook("before_request", identify)


def _error_handler(gate: Gate, problems: Problems) -> Any:
    """What bottle itself refuses: an unknown address, a wrong method, a mistake of ours."""

    def answer(error: bottle.HTTPError) -> Any:
        if error.exception is not None:
            return _sent(gate.answered(lambda: _raise(error.exception)))
        allowed = {"Allow": _methods(error)} if error.status_code == 405 else {}

        def refuse() -> Any:
            # Whoever may see nothing is not told either what there is.
            check_role(bottle.request.environ, Role.VIEWER)
            raise Problem(error.status_code, headers=allowed)

        return _sent(gate.answered(refuse))

    return answer


def _raise(error: Exception) -> NoReturn:
    raise error


def _methods(error: bottle.HTTPError) -> str:
    """The methods that an address does take; bottle answers HEAD where there is a GET."""
    given = {method.strip() for method in error.get_header("Allow", "").split(",")}
    return ", ".join(sorted(given | ({"HEAD"} if "GET" in given else set())))


def _sent(response: bottle.HTTPResponse) -> Any:
    response.apply(bottle.response)
    return response.body

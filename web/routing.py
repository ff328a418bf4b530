"""Routes that say who may use them.

Every route declares a role, and what it takes; the gate in front of each
handler keeps to that. ``check_roles`` refuses an application with a route that
says nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import bottle

from web.roles import Role

__all__ = ["FORM", "JSON", "RAW", "Handler", "Role", "Routes", "Rules", "check_roles", "rules_of"]

Handler = Callable[..., Any]
"""Gets the variable parts of the path; gives str, bytes, dict (JSON), an iterable of bytes
or a bottle.HTTPResponse, or raises web.problem.Problem or a QMError."""

JSON = ("application/json",)
FORM = ("application/x-www-form-urlencoded",)
RAW = ("application/octet-stream", "application/zip", "")

KIB = 1024
_FORM_LIMIT = 64 * KIB
_JSON_LIMIT = 1024 * KIB
_ROLE = "role"
_RULES = "rules"


@dataclass(frozen=True, slots=True)
class Rules:
    """What a route takes beside its role.

    ``accepts`` are content types ("" stands for none), ``limit`` is in bytes.
    ``counted``: it counts as a change in the limit of changes a minute.
    ``headers`` stand in place of the usual security headers of the answer.
    """

    accepts: tuple[str, ...] = ()
    limit: int = 0
    counted: bool = False
    headers: Mapping[str, str] | None = None


class Routes:
    """Registers handlers on a bottle application; each with the role that it needs."""

    def __init__(self, app: bottle.Bottle) -> None:
        self._app = app

    def get(
        self,
        path: str,
        role: Role,
        handler: Handler,
        *,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """A page or data; GET changes nothing. HEAD is answered by it as well."""
        self._add("GET", path, role, handler, Rules(headers=headers))

    def post(
        self,
        path: str,
        role: Role,
        handler: Handler,
        *,
        accepts: tuple[str, ...] | None = None,
        limit: int | None = None,
        counted: bool = True,
    ) -> None:
        """A change. Below /api/ it takes JSON, elsewhere a form, unless ``accepts`` says else."""
        self._change("POST", path, role, handler, accepts, limit, counted)

    def put(
        self,
        path: str,
        role: Role,
        handler: Handler,
        *,
        accepts: tuple[str, ...] | None = None,
        limit: int | None = None,
        counted: bool = True,
    ) -> None:
        """As :meth:`post`, for PUT."""
        self._change("PUT", path, role, handler, accepts, limit, counted)

    def patch(
        self,
        path: str,
        role: Role,
        handler: Handler,
        *,
        accepts: tuple[str, ...] | None = None,
        limit: int | None = None,
        counted: bool = True,
    ) -> None:
        """As :meth:`post`, for PATCH."""
        self._change("PATCH", path, role, handler, accepts, limit, counted)

    def delete(self, path: str, role: Role, handler: Handler, *, counted: bool = True) -> None:
        """A change without a body, for DELETE."""
        self._change("DELETE", path, role, handler, None, None, counted)

    def _change(
        self,
        method: str,
        path: str,
        role: Role,
        handler: Handler,
        accepts: tuple[str, ...] | None,
        limit: int | None,
        counted: bool,
    ) -> None:
        types = (JSON if path.startswith("/api/") else FORM) if accepts is None else accepts
        usual = _FORM_LIMIT if types == FORM else _JSON_LIMIT
        rules = Rules(types, usual if limit is None else limit, counted)
        self._add(method, path, role, handler, rules)

    def _add(self, method: str, path: str, role: Role, handler: Handler, rules: Rules) -> None:
        self._app.route(path, method, handler, **{_ROLE: role, _RULES: rules})


def role_of(route: bottle.Route) -> Role | None:
    """The role that a route declares; None where it says nothing."""
    found = route.config.get(_ROLE)
    return found if isinstance(found, Role) else None


def rules_of(route: bottle.Route) -> Rules:
    """What a route takes beside its role."""
    found = route.config.get(_RULES)
    return found if isinstance(found, Rules) else Rules()


def check_roles(app: bottle.Bottle) -> None:
    """Raises AssertionError for a route without a role: such an application must not start."""
    silent = [f"{route.method} {route.rule}" for route in app.routes if role_of(route) is None]
    if silent:
        raise AssertionError(f"routes without a role: {', '.join(silent)}")

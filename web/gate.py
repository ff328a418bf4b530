"""Around every handler: who may come in, with what; and what goes wrong becomes an answer."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import bottle

from qm.errors import QMError
from web.compression import packed
from web.headers import use_headers
from web.origin import SAFE_METHODS, origin_is_ours
from web.problem import Problem, Problems, is_api, problem_of, request_id
from web.ratelimit import RateLimit
from web.roles import NOBODY, Role, caller
from web.routing import Rules, role_of, rules_of

log = logging.getLogger("qm.web")

LOGIN = "/login"


class Gate:
    """A bottle plugin. It refuses a route that declares no role."""

    name = "gate"
    api = 2

    def __init__(self, problems: Problems, changes: RateLimit) -> None:
        """``changes`` is how many changes a caller may make in what time."""
        self._problems = problems
        self._changes = changes

    def apply(self, handler: Callable[..., Any], route: bottle.Route) -> Callable[..., Any]:
        """The handler of ``route`` behind its checks; AssertionError without a role."""
        role, rules = role_of(route), rules_of(route)
        assert role is not None, f"{route.method} {route.rule} declares no role"

        def guarded(**parts: Any) -> Any:
            return self.answered(lambda: self._answer(handler, route, role, rules, parts))

        return guarded

    def answered(self, act: Callable[[], Any]) -> Any:
        """What ``act`` gives, or an answer that says what went wrong."""
        try:
            return act()
        except Problem as problem:
            return self._told(problem)
        except QMError as error:
            return self._told(problem_of(error))
        except bottle.HTTPResponse as response:
            return response
        except Exception as error:
            return self.mistake(error)

    def _told(self, problem: Problem, error: BaseException | None = None) -> bottle.HTTPResponse:
        try:
            return self._problems.answer(problem, error)
        except Exception:
            # The frame of all pages is broken: then it has to go without.
            log.exception("the page for a problem cannot be made:")
            return self._problems.in_plain_text(problem)

    def mistake(self, error: BaseException) -> bottle.HTTPResponse:
        """The answer where we are wrong ourselves; the log has the traceback."""
        environ = bottle.request.environ
        method, path = bottle.request.method, environ.get("PATH_INFO", "")
        log.error("request %s, %s %s:", request_id(environ), method, path, exc_info=error)
        return self._told(Problem(500), error)

    def _answer(
        self,
        handler: Callable[..., Any],
        route: bottle.Route,
        role: Role,
        rules: Rules,
        parts: dict[str, Any],
    ) -> Any:
        environ = bottle.request.environ
        check_role(environ, role)
        if bottle.request.method not in SAFE_METHODS:
            _check_origin(environ)
            _check_body(environ, rules)
            if rules.counted:
                self._count()
        answer = handler(**_exact_parts(environ, route, parts))
        if rules.headers is not None:
            use_headers(environ, rules.headers)
        if isinstance(answer, dict | list):
            answer = _as_json(answer)
        return packed(answer, environ.get("HTTP_ACCEPT_ENCODING", ""))

    def _count(self) -> None:
        wait = self._changes.take(caller().key)
        if wait:
            seconds = str(int(wait) + 1)
            raise Problem(
                429,
                "These are too many changes in a minute.",
                f"Go on in {seconds} s.",
                {"Retry-After": seconds},
            )


def check_role(environ: dict[str, Any], needed: Role) -> None:
    """Raises what the caller gets who may not: a problem, or for a person the way to the login."""
    who = caller()
    if who.role >= needed:
        return
    if who.role is not NOBODY.role:
        raise Problem(403)
    if _wants_a_page(environ):
        here = quote(environ.get("PATH_INFO", ""), safe="")
        raise bottle.HTTPResponse("", 303, {"Location": f"{LOGIN}?next={here}"})
    raise Problem(401, headers={"WWW-Authenticate": 'Bearer realm="QM"'})


def _wants_a_page(environ: dict[str, Any]) -> bool:
    html = "text/html" in environ.get("HTTP_ACCEPT", "")
    return html and environ["REQUEST_METHOD"] in SAFE_METHODS and not is_api(environ)


def _check_origin(environ: dict[str, Any]) -> None:
    who = caller()
    ours = origin_is_ours(
        f"{environ['wsgi.url_scheme']}://{environ['HTTP_HOST']}",
        environ.get("HTTP_ORIGIN"),
        environ.get("HTTP_SEC_FETCH_SITE"),
        token_alone=who.by_token and "HTTP_COOKIE" not in environ,
    )
    if not ours:
        raise Problem(403, "This request comes from another page, or from nowhere.")


def _check_body(environ: dict[str, Any], rules: Rules) -> None:
    length = int(environ.get("CONTENT_LENGTH") or 0)
    kind = environ.get("CONTENT_TYPE", "").partition(";")[0].strip().lower()
    wrong = kind not in rules.accepts and not (length == 0 and kind == "")
    if wrong and rules.accepts:
        raise Problem(415, f"This takes {rules.accepts[0]}.")
    if length > rules.limit:
        raise Problem(413, f"This takes at most {rules.limit} bytes.")


def _exact_parts(
    environ: dict[str, Any], route: bottle.Route, parts: dict[str, Any]
) -> dict[str, Any]:
    """The parts of the path, with bytes that are no UTF-8 as os.fsdecode has them.

    Bottle drops such bytes; a job's name may have them.
    """
    raw = environ["bottle.raw_path"].encode("latin-1")
    path = raw.decode("utf-8", "surrogateescape")
    if path == environ["PATH_INFO"]:
        return parts
    found, exact = bottle.request.app.router.match({**environ, "PATH_INFO": path})
    if found is not route:
        raise Problem(404)
    kept: dict[str, Any] = exact
    return kept


def _as_json(answer: object) -> bottle.HTTPResponse:
    status = bottle.response.status_code
    return bottle.HTTPResponse(json.dumps(answer), status, {"Content-Type": "application/json"})

"""Logging in, by a code of the command line or by the token; logging out."""

from __future__ import annotations

import logging
import threading
import time

import bottle

from qm.names import shown
from web.ratelimit import Guesses
from web.roles import Role, caller
from web.routing import FORM, Routes
from web.site import Site
from web.templates import NAVIGATION

log = logging.getLogger("qm.web")

HOME = "/QM"
AFTERWARDS = frozenset({HOME, *(address for _, address in NAVIGATION)})
"""Where a login may lead. A list: whatever else a link names may be somebody else's page."""

TRIES_A_MINUTE = 5
_FIRST_DELAY = 0.1
_DELAYED_AT_ONCE = 8
"""Each one holds a thread meanwhile."""
_LONGEST_FORM = 2048
_WRONG_CODE = "This link was used already, or it is older than a minute."
_WRONG_TOKEN = "This is not the token of this page."


class Login:
    """The pages ``/login`` and ``/logout``."""

    def __init__(self, site: Site, tries: Guesses) -> None:
        self._site = site
        self._tries = tries
        self._delays = threading.BoundedSemaphore(_DELAYED_AT_ONCE)

    def show(self) -> object:
        """The form; with a code that counts, straight on to the queue."""
        code = bottle.request.query.get("code")
        if code is None or bottle.request.method == "HEAD":
            return self._form("", 200)
        role = self._site.access.role_by_code(code)
        if role is None:
            return self._form(_WRONG_CODE, 401)
        return self._enter(role, HOME)

    def try_token(self) -> object:
        """What the form sends."""
        shown = bottle.request.forms.get("token", "").strip()
        access = self._site.access
        role = self._tries.attempt(caller().address, lambda: access.role_by_token(shown))
        if role is None:
            return self._refuse()
        return self._enter(role, bottle.request.forms.get("next", HOME))

    def leave(self) -> object:
        """Log out."""
        cookie = self._site.access.end(caller())
        return _go(HOME, cookie)

    def _refuse(self) -> object:
        address = caller().address
        wrong = self._tries.wrong(address)
        log.warning("a wrong token from %s (%d within a minute)", shown(address), wrong)
        if self._delays.acquire(blocking=False):
            try:
                time.sleep(_FIRST_DELAY * 2 ** max(0, min(wrong, TRIES_A_MINUTE) - 1))
            finally:
                self._delays.release()
        return self._form(_WRONG_TOKEN, 401)

    def _enter(self, role: Role, address: str) -> object:
        secure = bottle.request.get_header("Origin", "").startswith("https://")
        cookie = self._site.access.begin(role, secure=secure)
        log.info("%s has logged in as %s", shown(caller().address), role.name.lower())
        return _go(address if address in AFTERWARDS else HOME, cookie)

    def _form(self, wrong: str, status: int) -> bottle.HTTPResponse:
        wanted = bottle.request.params.get("next", HOME)
        page = self._site.render(
            "login",
            title="Log in - QM",
            wrong=wrong,
            afterwards=wanted if wanted in AFTERWARDS else HOME,
            has_token=self._site.access.has_token,
            who=caller(),
        )
        return bottle.HTTPResponse(page, status)


def _go(address: str, cookie: str | None) -> bottle.HTTPResponse:
    answer = bottle.HTTPResponse("", 303, {"Location": address})
    if cookie is not None:
        answer.add_header("Set-Cookie", cookie)
    return answer


def add_routes(routes: Routes, site: Site) -> None:
    """``/login`` and ``/logout``, for everybody."""
    login = Login(site, Guesses(TRIES_A_MINUTE, 60.0, time.monotonic))
    routes.get("/login", Role.OPEN, login.show)
    routes.post(
        "/login", Role.OPEN, login.try_token, accepts=FORM, limit=_LONGEST_FORM, counted=False
    )
    routes.post("/logout", Role.OPEN, login.leave, accepts=FORM, limit=64, counted=False)

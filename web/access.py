"""Who is behind a request: a session, a token, or nobody known."""

from __future__ import annotations

import time
from typing import Any

from qm.config import Config, WebConfig
from web.codes import Codes
from web.cookies import cookie_values
from web.hosts import is_for_this_machine
from web.problem import Problem
from web.ratelimit import Guesses
from web.roles import Caller, Role
from web.sessions import LIFETIME, Sessions
from web.tokens import Token, TokenFile, token_path

_BEARER = "bearer "
_CHALLENGE = {"WWW-Authenticate": 'Bearer realm="QM"'}

_FORWARDED = (
    *("HTTP_FORWARDED", "HTTP_VIA", "HTTP_X_REAL_IP"),
    *("HTTP_X_FORWARDED_FOR", "HTTP_X_FORWARDED_HOST", "HTTP_X_FORWARDED_PROTO"),
)
"""What proxies add: who comes by one is not at this machine, whatever the page listens on."""

WRONG_TOKENS_A_MINUTE = 60
"""Of one network. More than by the form: a program that was left with an old token shall not
keep the others out."""


def anonymous_role(config: WebConfig) -> Role:
    """What somebody may do who has not logged in."""
    if config.anonymous == "auto":
        return Role.VIEWER if is_for_this_machine(config) else Role.OPEN
    return Role.VIEWER if config.anonymous == "viewer" else Role.OPEN


class Access:
    """Tells who is behind a request, and begins and ends sessions."""

    def __init__(self, config: Config) -> None:
        """Raises ConfigError where the token lies in QM_FOLDER."""
        self._anonymous = anonymous_role(config.web)
        self._anonymous_afar = Role.OPEN if config.web.anonymous == "auto" else self._anonymous
        self._port = config.web.port
        self._token_file = TokenFile(token_path(config))
        sessions = self._token_file.path.with_name(f"web-sessions-{self._port}.json")
        self._sessions = Sessions(sessions, time.time)
        self._codes = Codes(self._port, time.time())
        self._guesses = Guesses(WRONG_TOKENS_A_MINUTE, 60.0, time.monotonic)

    def caller_of(self, environ: dict[str, Any]) -> Caller:
        """Who has sent this request; Problem 401 for a token that is wrong."""
        address = str(environ.get("REMOTE_ADDR", ""))
        token = self._token_file.token()
        shown = environ.get("HTTP_AUTHORIZATION")
        if shown is not None:
            role = self._guesses.attempt(address, lambda: _role_of(token, shown))
            if role is None or token is None:
                raise Problem(401, "The token is not the one of this page.", headers=_CHALLENGE)
            return Caller(role, _token_key(token, role), address, by_token=True)
        if token is not None:
            for value in cookie_values(environ.get("HTTP_COOKIE", ""), self._cookie(token)):
                session = self._sessions.find(value, token)
                if session is not None:
                    key = f"session {session.digest}"
                    return Caller(session.role, key, address, session=session.digest)
        afar = any(name in environ for name in _FORWARDED)
        role = self._anonymous_afar if afar else self._anonymous
        return Caller(role, f"address {address}", address)

    def still_holds(self, who: Caller) -> bool:
        """False once the session has ended or the token was replaced: for long answers."""
        token = self._token_file.token()
        if who.session is not None:
            return token is not None and self._sessions.get(who.session, token) is not None
        return not who.by_token or (token is not None and who.key == _token_key(token, who.role))

    def role_by_token(self, shown: str) -> Role | None:
        """The role of somebody who shows this token in the login form."""
        token = self._token_file.token()
        return None if token is None else token.role_of(shown)

    def role_by_code(self, code: str) -> Role | None:
        """The role of somebody who brings a code of ``qm web login``. It is used up by that."""
        token = self._token_file.token()
        if token is not None and self._codes.redeem(token, code, time.time()):
            return Role.OPERATOR
        return None

    def begin(self, role: Role, *, secure: bool) -> str:
        """Begin a session; returns the header Set-Cookie. ``secure``: the browser uses https."""
        token = self._token_file.token()
        if token is None:
            raise Problem(401, headers=_CHALLENGE)
        value = self._sessions.begin(role, token)
        cookie = f"{self._cookie(token)}={value}; Max-Age={int(LIFETIME)}"
        return f"{cookie}; Path=/; HttpOnly; SameSite=Strict{'; Secure' if secure else ''}"

    def end(self, who: Caller) -> str | None:
        """End the caller's session; returns the header Set-Cookie that forgets it."""
        token = self._token_file.token()
        if who.session is None or token is None:
            return None
        self._sessions.end(who.session)
        return f"{self._cookie(token)}=; Max-Age=0; Path=/; HttpOnly; SameSite=Strict"

    @property
    def mark(self) -> str:
        """What tells the token from others, and nothing about it; empty where there is none."""
        token = self._token_file.token()
        return "" if token is None else token.mark

    @property
    def has_token(self) -> bool:
        """True if there is a token to log in with."""
        return self._token_file.token() is not None

    def _cookie(self, token: Token) -> str:
        # Browsers send a cookie to every port of a host; the mark keeps two machines apart that
        # are reached as localhost by tunnels.
        return f"qm_{self._port}_{token.mark}"


def _role_of(token: Token | None, authorization: str) -> Role | None:
    if token is None or not authorization.lower().startswith(_BEARER):
        return None
    return token.role_of(authorization[len(_BEARER) :].strip())


def _token_key(token: Token, role: Role) -> str:
    # Who may only look shares no limit and no remembered answer with an operator.
    return f"{role.name.lower()} by token {token.mark}"

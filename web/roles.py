"""Who asks, and what they may do."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import bottle

_KEY = "qm.caller"


class Role(IntEnum):
    """What a route needs and a caller has; each one may do what those before it may."""

    OPEN = 0
    """Nobody in particular: the login, style sheets."""
    VIEWER = 1
    """Looks at everything and changes nothing."""
    OPERATOR = 2
    """Submits, stops, deletes, reorders."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Where a request comes from.

    ``key`` is who counts as one where something is limited: a session, or an
    address. ``session`` is None for who has not logged in, or shows a token
    with each request.
    """

    role: Role
    key: str
    address: str
    session: str | None = None
    by_token: bool = False

    @property
    def logged_in(self) -> bool:
        """True for a session; programs that show a token have none to leave."""
        return self.session is not None

    @property
    def word(self) -> str:
        """The role in a word for people."""
        return self.role.name.lower()


NOBODY = Caller(Role.OPEN, "nobody", "")


def caller() -> Caller:
    """Who has sent the request that this thread is answering."""
    return caller_in(bottle.request.environ)


def caller_in(environ: dict[str, Any]) -> Caller:
    """Who has sent the request of this WSGI environment; NOBODY before the guard has looked."""
    found: Caller = environ.get(_KEY, NOBODY)
    return found


def set_caller(environ: dict[str, Any], who: Caller) -> None:
    """Note who has sent the request; only the guard does so."""
    environ[_KEY] = who

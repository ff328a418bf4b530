"""Who is behind a request: a session, a token, or nobody known."""

from __future__ import annotations

from typing import Any

from qm.config import WebConfig
from web.hosts import is_loopback_host
from web.roles import Caller, Role


def anonymous_role(config: WebConfig) -> Role:
    """What somebody may do who has not logged in."""
    return Role.VIEWER if is_loopback_host(config.host) else Role.OPEN


class Access:
    """Tells who is behind a request."""

    def __init__(self, config: WebConfig) -> None:
        self._anonymous = anonymous_role(config)

    def caller_of(self, environ: dict[str, Any]) -> Caller:
        """Who has sent this request."""
        address = str(environ.get("REMOTE_ADDR", ""))
        return Caller(self._anonymous, f"address {address}", address)

"""Addresses that are keys: each opens the files of one job, for an hour, without a login.

A report is shown in a sandbox, so what it loads from its folder comes without
our cookie. The address itself says that whoever opened the report might.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Callable

HOUR = 3600
_DIGITS = 32
_TOKEN = re.compile(r"([0-9]{1,12})\.([0-9a-f]{32})")


class Capabilities:
    """Makes and checks such keys; they end with this process."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """``clock`` gives seconds since the epoch."""
        self._clock = clock
        self._secret = secrets.token_bytes(32)

    def issue(self, key: str) -> str:
        """``<expiry>.<mac>`` for the folder that ``key`` names (``web.target``)."""
        expiry = int(self._clock()) + HOUR
        return f"{expiry}.{self._mac(expiry, key)}"

    def allows(self, token: str, key: str) -> bool:
        """True if ``token`` was issued for this folder, within the hour."""
        match = _TOKEN.fullmatch(token)
        if match is None:
            return False
        expiry, mac = int(match[1]), match[2]
        genuine = hmac.compare_digest(mac, self._mac(expiry, key))
        return genuine and self._clock() < expiry

    def _mac(self, expiry: int, key: str) -> str:
        text = f"{expiry} {key}".encode("utf-8", "surrogateescape")
        return hmac.new(self._secret, text, hashlib.sha256).hexdigest()[:_DIGITS]

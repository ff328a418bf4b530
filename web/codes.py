"""Codes that log in once, within a minute: from the command line to the browser.

``qm web login`` and the page's process share the token's file and no more. A
code names its moment, and proves by the token's key that who made it may read
the token; the page remembers those that were used.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import threading

from web.tokens import Token

LIFETIME = 60.0
"""Seconds."""

_FORM = re.compile(r"([0-9a-f]{1,16})-([0-9a-f]{16})-([0-9a-f]{64})")


def issue_code(token: Token, port: int, now: float) -> str:
    """A code for the page on ``port``; ``now`` is the epoch time in seconds."""
    moment, nonce = f"{int(now * 1000):x}", secrets.token_hex(8)
    return f"{moment}-{nonce}-{_proof(token, port, moment, nonce)}"


def _proof(token: Token, port: int, moment: str, nonce: str) -> str:
    said = f"{port} {moment} {nonce}".encode()
    return hmac.new(token.key("code"), said, hashlib.sha256).hexdigest()


class Codes:
    """The codes of one page's process: which were used."""

    def __init__(self, port: int, began: float) -> None:
        """Codes from before ``began``, this process's start, may have been used already."""
        self._port = port
        self._began = began
        self._lock = threading.Lock()
        self._used: dict[str, float] = {}

    def redeem(self, token: Token, code: str, now: float) -> bool:
        """True for a code that was never used before and is not older than LIFETIME."""
        parts = _FORM.fullmatch(code)
        if parts is None:
            return False
        moment, nonce, proof = parts.groups()
        if not hmac.compare_digest(proof, _proof(token, self._port, moment, nonce)):
            return False
        issued = int(moment, 16) / 1000
        if not max(self._began, now - LIFETIME) <= issued <= now + LIFETIME:
            return False
        with self._lock:
            # Twice the lifetime: clocks of two processes may differ by that.
            self._used = {n: t for n, t in self._used.items() if t > now - 2 * LIFETIME}
            fresh = nonce not in self._used
            self._used[nonce] = issued
        return fresh

"""Who has logged in. Ids are random; the page keeps only what they hash to.

Sessions outlive a restart of the page, in a file beside the token: otherwise
each change of the configuration would log out everybody.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import secrets
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from qm.osops.secret import is_ours_alone
from web.private_files import write_private
from web.roles import Role
from web.tokens import Token

log = logging.getLogger("qm.web")

LIFETIME = 30 * 86400.0
"""Seconds."""
MOST = 100
"""The oldest one is ended for a new one beyond that."""

_FORMAT = 1
_LARGEST = 1 << 20


@dataclass(frozen=True, slots=True)
class Session:
    """One login. ``digest`` is what its id hashes to, ``mark`` that of the token it came by."""

    digest: str
    role: Role
    mark: str
    expires: float


class Sessions:
    """All sessions of one page."""

    def __init__(self, file: Path, clock: Callable[[], float]) -> None:
        """``clock`` gives the epoch time; ``file`` holds the sessions of an earlier process."""
        self._file = file
        self._clock = clock
        self._lock = threading.Lock()
        self._sessions = {session.digest: session for session in _read(file)}

    def begin(self, role: Role, token: Token) -> str:
        """A new session by this token; returns its id, for a cookie and nothing else."""
        secret = secrets.token_urlsafe(24)
        session = Session(_digest(secret), role, token.mark, self._clock() + LIFETIME)
        with self._lock:
            kept = [s for s in self._sessions.values() if self._holds(s, token)]
            kept.sort(key=lambda s: s.expires)
            self._sessions = {s.digest: s for s in [*kept[-(MOST - 1) :], session]}
            self._write()
        return secret

    def find(self, secret: str, token: Token) -> Session | None:
        """The session of this id; None where there is none, or it is over."""
        return self.get(_digest(secret), token)

    def get(self, digest: str, token: Token) -> Session | None:
        """The session whose id has this digest."""
        with self._lock:
            session = self._sessions.get(digest)
        return session if session is not None and self._holds(session, token) else None

    def end(self, digest: str) -> None:
        """End a session; harmless when repeated."""
        with self._lock:
            if self._sessions.pop(digest, None) is not None:
                self._write()

    def _holds(self, session: Session, token: Token) -> bool:
        return session.mark == token.mark and session.expires > self._clock()

    def _write(self) -> None:
        sessions = [asdict(session) for session in self._sessions.values()]
        text = json.dumps({"format": _FORMAT, "sessions": sessions})
        try:
            write_private(self._file, text.encode())
        except OSError as error:
            # A session that was ended must not come back with the next start.
            log.warning("%s cannot be written: %s", self._file, error.strerror)


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).hexdigest()


def _read(file: Path) -> list[Session]:
    """The sessions in ``file``; none where it is missing or damaged: people log in again.

    Nor where somebody else may have written it, into a folder that others share.
    """
    try:
        with file.open("rb") as opened:
            if not is_ours_alone(os.fstat(opened.fileno())):
                log.warning("%s is not ours alone: everybody has to log in again", file)
                return []
            found = json.loads(opened.read(_LARGEST))
        if found["format"] != _FORMAT:
            return []
        return [
            Session(str(s["digest"]), Role(s["role"]), str(s["mark"]), float(s["expires"]))
            for s in found["sessions"]
        ]
    except (OSError, ValueError, KeyError, TypeError):
        return []

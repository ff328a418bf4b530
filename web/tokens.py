"""The token that makes an operator: one line in a file of the person whom QM belongs to.

All keys of the page are made from it, so a new token ends whatever the old one
had opened: sessions, codes, the viewer's token.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import logging
import os
import secrets
import stat
import threading
from dataclasses import dataclass
from pathlib import Path

from qm.config import Config
from qm.errors import ConfigError
from qm.osops.secret import others_may_read
from web.private_files import write_private
from web.roles import Role

log = logging.getLogger("qm.web")

FILE_NAME = "web-token"
SHORTEST = 16
"""Characters; a token that a person makes up shall not be guessed."""

_BYTES = 32
_LARGEST = 4096
_VIEWER_PREFIX = "view-"


@dataclass(frozen=True, slots=True)
class Token:
    """The secret, and what is made from it."""

    secret: str

    def __repr__(self) -> str:
        return "Token(...)"  # It must not reach a log by accident.

    def key(self, purpose: str) -> bytes:
        """A key for one purpose (HMAC-SHA256 of the purpose's name)."""
        return hmac.digest(self.secret.encode(), purpose.encode(), hashlib.sha256)

    @property
    def mark(self) -> str:
        """Eight digits that tell this token from others, and nothing about it."""
        return self.key("mark").hex()[:8]

    @property
    def viewer(self) -> str:
        """The token for those who may look and no more."""
        raw = base64.urlsafe_b64encode(self.key("viewer")).decode().rstrip("=")
        return f"{_VIEWER_PREFIX}{raw}"

    def role_of(self, shown: str) -> Role | None:
        """The role that somebody has who shows this; None for what is no token of ours."""
        given = shown.encode("utf-8", "surrogateescape")
        operator = hmac.compare_digest(given, self.secret.encode())
        viewer = hmac.compare_digest(given, self.viewer.encode())
        return Role.OPERATOR if operator else Role.VIEWER if viewer else None


def token_path(config: Config) -> Path:
    """Where the token lies; ConfigError for a place that the page itself could show."""
    path = config.web.token_file
    if path is None:
        import platformdirs  # Not needed where the file is named.

        path = platformdirs.user_config_path("QM", appauthor=False) / FILE_NAME
    if _real(path).is_relative_to(_real(config.folder)):
        raise ConfigError(
            _source(config),
            None,
            f"Token_file {path} lies in QM_FOLDER, where pages and jobs can read it",
            "a file elsewhere",
        )
    return path


def _source(config: Config) -> str:
    return "QMserv.cfg" if config.source is None else str(config.source)


def _real(path: Path) -> Path:
    return Path(os.path.realpath(path))


def read_token(path: Path) -> Token | None:
    """The token in this file; None without the file.

    Raises ConfigError where others may read it, where it cannot be read, and
    where there is no usable token in it.
    """
    try:
        status = os.stat(path)
        if not stat.S_ISREG(status.st_mode):
            raise ConfigError(str(path), None, "this is no file", "a file with the token")
        data = path.read_bytes()[:_LARGEST]
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise ConfigError(str(path), None, f"it cannot be read: {error.strerror}") from error
    if others_may_read(status):
        raise ConfigError(
            str(path),
            None,
            "others may read the token",
            hint=f'chmod 600 "{path}"; if others are there, also `qm web token --new`.',
        )
    secret = data.decode("utf-8", "replace").strip()
    if len(secret) < SHORTEST or not secret.isascii() or not secret.isprintable() or " " in secret:
        raise ConfigError(
            str(path),
            1,
            "this is no token",
            f"one word of at least {SHORTEST} ASCII characters",
            "`qm web token --new` makes one.",
        )
    return Token(secret)


def new_token(path: Path) -> Token:
    """Make a token and write it for its owner only, in place of an older one; OSError."""
    token = Token(secrets.token_urlsafe(_BYTES))
    write_private(path, f"{token.secret}\n".encode())
    return token


def existing_or_new(path: Path) -> Token:
    """The token in this file, made where there is none. Raises ConfigError and OSError."""
    return read_token(path) or new_token(path)


class TokenFile:
    """The token as the file has it now: a new one counts from the next request on."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._seen: tuple[int, ...] | None = None
        self._token: Token | None = None

    def token(self) -> Token | None:
        """The token, or None where there is none that can be used."""
        with self._lock:
            seen = _signature(self.path)
            if seen != self._seen:
                self._token = self._read()
                self._seen = seen
            return self._token

    def _read(self) -> Token | None:
        try:
            return read_token(self.path)
        except ConfigError as error:
            log.warning("nobody can log in to the web page: %s. %s", error.message, error.hint)
            return None


def _signature(path: Path) -> tuple[int, ...]:
    try:
        found = os.stat(path)
    except OSError:
        return ()
    # The change time too: chmod makes a token usable or not.
    return (found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)

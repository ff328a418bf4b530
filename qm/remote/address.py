"""Where the other QM is, and the token that it wants."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from qm.errors import QMError
from qm.osops.secret import others_may_read

_LARGEST = 4096
_EXAMPLE = "Write it as http://lab:8000 or https://lab.example.org."


@dataclass(frozen=True, slots=True)
class Server:
    """The page of a QM. ``prefix`` is put before each path; ``token`` None: as nobody."""

    host: str
    port: int
    secure: bool
    prefix: str = ""
    token: str | None = field(default=None, repr=False)

    @property
    def name(self) -> str:
        """``http://lab:8000``."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self.secure else 'http'}://{host}:{self.port}{self.prefix}"


def server_of(url: str, token_file: Path | None) -> Server:
    """The server at ``url``, with the token in a file. QMError for what cannot be meant."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port, parts = None, None, urlsplit("")
    if parts.username is not None or parts.password is not None:
        raise QMError(
            "--url holds a name or a password, which others can see on a command line",
            "Put the token into a file, and name it: --token-file FILE.",
        )
    if parts.scheme not in ("http", "https") or not host or parts.query or parts.fragment:
        raise QMError(f"--url {url}: this is no address of a QM", _EXAMPLE)
    secure = parts.scheme == "https"
    return Server(
        host,
        port or (443 if secure else 80),
        secure,
        parts.path.rstrip("/"),
        None if token_file is None else read_token(token_file),
    )


def read_token(path: Path) -> str:
    """The token in a file: one word on its first line. QMError where there is none."""
    try:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            data = file.read(_LARGEST)
    except OSError as error:
        raise QMError(f"the token file {path} cannot be read: {error.strerror}") from error
    if stat.S_ISREG(status.st_mode) and others_may_read(status):
        raise QMError(f"others may read the token in {path}", f'chmod 600 "{path}"')
    lines = data.decode("utf-8", "replace").splitlines() or [""]
    token = lines[0].strip()
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        raise QMError(
            f"{path} line 1: this is no token; expected one word",
            "`qm web token` shows it on the machine that QM runs on.",
        )
    return token

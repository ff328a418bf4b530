"""The password for the mail server, from a file that is its owner's alone."""

from __future__ import annotations

import os
from pathlib import Path

from qm.errors import QMError
from qm.osops.secret import others_may_read

_LONGEST = 4096


def read_password(path: Path) -> str:
    """The text of the file, without white space around it.

    Raises QMError: it cannot be read, is empty or no text, or others may read it.
    """
    try:
        with open(path, "rb") as file:
            shared = others_may_read(os.fstat(file.fileno()))
            data = b"" if shared else file.read(_LONGEST)
    except OSError as error:
        raise QMError(
            f"the password file {path} cannot be read: {error.strerror}",
            "It is named by Password_file in the section [Mail] of QMserv.cfg.",
        ) from error
    if shared:
        raise QMError(
            f"others may read the password file {path}, so QM does not use it",
            f"chmod 600 {path}",
        )
    try:
        password = data.decode("utf-8").strip()
    except UnicodeDecodeError:
        raise QMError(f"the password file {path} is not text in UTF-8") from None
    if not password or not password.isprintable():
        raise QMError(f"the password file {path} holds no password in one line")
    return password

"""The caller's environment as a job may have it: recorded beside the job, so without secrets."""

from __future__ import annotations

import re
from collections.abc import Mapping

_SECRET = re.compile(
    r"TOKEN|SECRET|PASSWORD|PASSWD|PASSPHRASE|_PWD$|CREDENTIAL|API_?KEY|ACCESS_?KEY|PRIVATE"
    r"|SESSION|_AUTH",
    re.IGNORECASE,
)
_NOISE = frozenset({"_", "SHLVL", "OLDPWD", "PWD", "WINDOWID", "COLUMNS", "LINES", "PS1", "PS2"})


def caller_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """``environ`` without what looks like a secret by its name, and what only a terminal needs.

    A variable that a job needs all the same is given by ``env`` in its info file.
    """
    return {
        name: value
        for name, value in environ.items()
        if name not in _NOISE and not _SECRET.search(name)
    }

"""The environment of a script: the manager's or the submitter's, and what QM adds."""

from __future__ import annotations

import json
import os
from typing import Any

from qm.jobfiles import OWN
from qm.osops import FolderHandle

_LIMIT = 1 << 20


def script_environment(folder: FolderHandle, order: dict[str, Any]) -> dict[str, str]:
    """Every variable that the script sees, its token left out.

    ``order["submit"]`` says that the job came by ``qm submit``: then the
    caller's environment, recorded beside the job, takes the place of ours.
    """
    env = dict(os.environ)
    if order["submit"]:
        env = _submitted(folder) or env
    env.update(order["env"])
    # Last on the path: `python` is there even where only `python3` is installed.
    env["PATH"] = os.pathsep.join([env.get("PATH") or os.defpath, order["shims"]])
    env["PWD"] = order["cwd"] or folder.path
    return env


def _submitted(folder: FolderHandle) -> dict[str, str] | None:
    try:
        with folder.sub(OWN) as records:
            data = records.read("submit.json", _LIMIT)
        env = json.loads(data or b"{}").get("env")
    except (OSError, ValueError):
        return None
    if not isinstance(env, dict):
        return None
    return {str(k): str(v) for k, v in env.items() if "=" not in k and "\0" not in f"{k}{v}"}

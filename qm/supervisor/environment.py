"""The environment of a script: the manager's or the submitter's, and what QM adds."""

from __future__ import annotations

import json
import os
from typing import Any

from qm.jobfiles import OWN
from qm.osops import FolderHandle

_LIMIT = 1 << 20
_OUTPUT = "utf-8:surrogateescape"
"""As Python's UTF-8 mode has it (PEP 540): names that are no UTF-8 are printed as they are."""


def script_environment(folder: FolderHandle, order: dict[str, Any]) -> dict[str, str]:
    """Every variable that the script sees, its token left out.

    ``order["submit"]`` says that the job came by ``qm submit``: then the
    caller's environment, recorded beside the job, takes the place of ours.
    """
    env, submitted_from = dict(os.environ), None
    if order["submit"]:
        caller, submitted_from = _submitted(folder)
        env = caller or env
    env.update(order["env"])
    if submitted_from is not None:
        env["QM_SUBMIT_DIR"] = submitted_from
        for name in ("SLURM_SUBMIT_DIR", "PBS_O_WORKDIR"):
            if name in order["env"]:
                env[name] = submitted_from
    # Last on the path: `python` is there even where only `python3` is installed.
    env["PATH"] = os.pathsep.join([env.get("PATH") or os.defpath, order["shims"]])
    # Where output is no terminal, Python on Windows writes the code page of old programs.
    env.setdefault("PYTHONIOENCODING", _OUTPUT)
    env["PWD"] = os.path.join(folder.path, order["cwd"]) if order["cwd"] else folder.path
    return env


def _submitted(folder: FolderHandle) -> tuple[dict[str, str] | None, str | None]:
    """The caller's environment and folder as ``qm submit`` recorded them."""
    try:
        with folder.sub(OWN) as records:
            data = records.read("submit.json", _LIMIT)
        record = json.loads(data or b"{}")
        env, cwd = record.get("env"), record.get("cwd")
    except (OSError, ValueError, AttributeError):
        return None, None
    known = None
    if isinstance(env, dict):
        pairs = ((str(name), str(value)) for name, value in env.items())
        known = {n: v for n, v in pairs if n and "=" not in n and "\0" not in n + v}
    return known, cwd if isinstance(cwd, str) else None

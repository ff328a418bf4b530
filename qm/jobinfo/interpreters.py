"""Which program runs a script: by its first line or by the suffix of its name."""

from __future__ import annotations

import shlex
from pathlib import PurePosixPath

_BY_SUFFIX = {
    ".py": "python",
    ".sh": "sh",
    ".bash": "bash",
    ".zsh": "zsh",
    ".ksh": "ksh",
    ".pl": "perl",
    ".rb": "ruby",
    ".r": "Rscript",
    ".jl": "julia",
    ".js": "node",
    ".mjs": "node",
    ".m": "octave",
    ".lua": "lua",
    ".php": "php",
    ".bat": "cmd /d /c",
    ".cmd": "cmd /d /c",
    ".ps1": "powershell -NoProfile -ExecutionPolicy Bypass -File",
}

_BLANKS = " \t"


def from_first_line(line: str) -> str | None:
    """The command in ``#!/bin/bash -l``, its words quoted for a shell; None without ``#!``.

    Every blank divides, as on macOS; Linux would divide at the first one only.
    """
    if not line.startswith("#!"):
        return None
    words = line[2:].strip(_BLANKS + "\r\n").replace("\t", " ").split(" ")
    return " ".join(shlex.quote(word) for word in words if word) or None


def from_suffix(name: str) -> str | None:
    """The command that by custom runs files with the suffix of ``name``, or None."""
    return _BY_SUFFIX.get(PurePosixPath(name).suffix.lower())

"""What a person submits: a folder, or one script with directives."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath

from qm.errors import QMError, Refused
from qm.jobinfo.interpreters import from_first_line, from_suffix
from qm.names import shown
from qm.osops.scanning import is_junk

_NO_SCRIPTS = frozenset({".cfg", ".ini", ".xml"})


@dataclass(frozen=True, slots=True)
class Source:
    """A folder or a script file, by its absolute path, links resolved.

    ``name`` is what its job folder is to be called. ``stored_as`` is the name
    that a script gets in there; None for a folder.
    """

    path: str
    name: str
    stored_as: str | None = None


def source_of(path: str, job_files: Sequence[str], name: str | None = None) -> Source:
    """What lies at ``path``, to be submitted under ``name`` (by default its own).

    Raises Refused where that cannot be a job, QMError where nothing is there.
    """
    real = os.path.realpath(path)
    try:
        mode = os.stat(real).st_mode
    except OSError as error:
        raise QMError(f"{shown(path)}: {error.strerror}") from error
    own_name = os.path.basename(real)
    if stat.S_ISDIR(mode):
        return Source(real, _job_name(name or own_name))
    if not stat.S_ISREG(mode):
        raise Refused(f"{shown(path)} is neither a folder nor a file")
    stored_as = _script_name(real, own_name, job_files)
    return Source(real, _job_name(name or PurePath(own_name).stem), stored_as)


def _job_name(name: str) -> str:
    if name != os.path.basename(name) or "\0" in name:
        raise Refused(f"{shown(name)} cannot be the name of a job", "Leave out / and \\.")
    # A name with a dot in front is never a job, for programs copy under such names.
    visible = name.lstrip(".")
    if not visible or is_junk(visible):
        raise Refused(
            f"QM does not take {shown(name) or 'this'} for the name of a job",
            "Choose another one with --name.",
        )
    return visible


def _script_name(path: str, name: str, job_files: Sequence[str]) -> str:
    """The script's name in the job folder: its own where that is one of ``job_files``."""
    if PurePath(name).suffix.lower() in _NO_SCRIPTS:
        raise Refused(
            f"{shown(name)} is the info file of a job, and the job is its folder",
            f"Submit the folder: qm submit {shown(os.path.dirname(path))}",
        )
    if name in job_files:
        return name
    script_names = [n for n in job_files if PurePath(n).suffix.lower() not in _NO_SCRIPTS]
    if not script_names:
        raise Refused(
            f"{shown(name)} cannot be submitted alone: job_file in QMserv.cfg names no script",
            "Add job.sh to job_file, or submit a folder with an info file.",
        )
    _require_interpreter(path, name, script_names[0])
    return script_names[0]


def _require_interpreter(path: str, name: str, stored_as: str) -> None:
    """Under another suffix only its first line tells what runs it."""
    wanted = from_suffix(name)
    if wanted is None or wanted == from_suffix(stored_as):
        return
    with open(path, "rb") as file:
        first_line = file.readline(256).decode("utf-8", "replace")
    if from_first_line(first_line) is None:
        raise Refused(
            f"{shown(name)} would be run by the shell, as it goes in as {stored_as}",
            f"Begin it with a line such as #!/usr/bin/env {wanted.split()[0]}, or submit a folder.",
        )

"""What a person submits: a folder, one script with directives, or what is made of a command."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath

from qm.errors import QMError, Refused
from qm.jobinfo.interpreters import from_first_line, from_suffix
from qm.names import shown
from qm.osops.scanning import is_junk

NO_SCRIPTS = frozenset({".cfg", ".ini", ".xml"})
"""Suffixes of info files that are not run themselves."""


@dataclass(frozen=True, slots=True)
class Source:
    """A folder or a script file, by its absolute path, links resolved.

    ``name`` is what its job folder is to be called. ``stored_as`` is the name
    that a script gets in there; None for a folder.
    """

    path: str
    name: str
    stored_as: str | None = None


@dataclass(frozen=True, slots=True)
class Made:
    """A job folder that lies nowhere yet: its ``files`` by name, ``info_file`` among them.

    ``command`` is what it was made of; empty for a script that was read from a pipe.
    """

    name: str
    info_file: str
    files: Mapping[str, bytes]
    command: str = ""


@dataclass(frozen=True, slots=True)
class Filled:
    """A copy of the folder ``template``, with ``files`` (paths with ``/``) in place of its own."""

    template: Source
    name: str
    files: Mapping[str, bytes]


Work = Source | Made | Filled
"""Everything that can be staged as a job."""


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
        return Source(real, job_name(name or own_name))
    if not stat.S_ISREG(mode):
        raise Refused(f"{shown(path)} is neither a folder nor a file")
    stored_as = _script_name(real, own_name, job_files)
    return Source(real, job_name(name or PurePath(own_name).stem), stored_as)


def piped_script(data: bytes, job_files: Sequence[str], name: str | None = None) -> Made:
    """A script that came through a pipe, to be submitted under ``name`` or as ``stdin``."""
    stored_as = _name_for_scripts("the script", job_files)
    return Made(job_name(name or "stdin"), stored_as, {stored_as: data})


def job_name(name: str) -> str:
    """``name`` without dots in front; Refused where QM would not see such a folder."""
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
    if PurePath(name).suffix.lower() in NO_SCRIPTS:
        raise Refused(
            f"{shown(name)} is the info file of a job, and the job is its folder",
            f"Submit the folder: qm submit {shown(os.path.dirname(path))}",
        )
    if name in job_files:
        return name
    stored_as = _name_for_scripts(shown(name), job_files)
    _require_script(path, name, stored_as)
    return stored_as


def _name_for_scripts(what: str, job_files: Sequence[str]) -> str:
    for name in job_files:
        if PurePath(name).suffix.lower() not in NO_SCRIPTS:
            return name
    raise Refused(
        f"{what} cannot be submitted alone: job_file in QMserv.cfg names no script",
        "Add job.sh to job_file, or submit a folder with an info file.",
    )


def _require_script(path: str, name: str, stored_as: str) -> None:
    """A program is no script; and under another suffix only its first line tells what runs it."""
    with open(path, "rb") as file:
        head = file.read(1024)
    if b"\0" in head and not head.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise Refused(
            f"{shown(name)} is a program or data, not a script",
            f"Submit a program as a command: qm submit -- {shown(os.path.abspath(path))}",
        )
    wanted = from_suffix(name)
    if wanted is None or wanted == from_suffix(stored_as):
        return
    if from_first_line(head.split(b"\n", 1)[0].decode("utf-8", "replace")) is None:
        interpreter = wanted.split()[0]
        raise Refused(
            f"{shown(name)} would be run by the shell, as it goes in as {stored_as}",
            f'Submit a command: qm submit "{interpreter} {shown(name)}". Or begin the script '
            f"with a line such as #!/usr/bin/env {interpreter}.",
        )

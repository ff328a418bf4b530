"""A command as a job: the files of a folder that runs it in the caller's folder."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from pathlib import PurePath

from qm.errors import Refused
from qm.osops.shell import (
    COMMAND_FILE,
    COMMAND_FILE_RUNNER,
    command_file_text,
    in_job_folder,
    posix_script,
)
from qm.submit.naming import name_of_command
from qm.submit.source import Made, job_name

_LONGEST_LINE = 8000
"""Characters of a value in an info file; a longer command goes into a file of its own."""

Writer = Callable[[Mapping[str, str]], str]


def command_job(
    command: str,
    cwd: str,
    options: Mapping[str, str],
    job_files: Sequence[str],
    name: str | None = None,
) -> Made:
    """A job that runs ``command`` in the folder ``cwd`` (absolute; ``.``: in its own).

    ``options`` are keys and values for its info file, the preferred cfg or xml
    of ``job_files``. What no line of that can hold goes into a script beside
    it, and where ``job_files`` names scripts only, all of it does.
    Raises Refused for no command at all.
    """
    if not command.strip():
        raise Refused("there is no command to submit", 'Write one: qm submit "python train.py"')
    wanted = job_name(name or name_of_command(command))
    info_file = _info_file(job_files)
    writer = _WRITERS.get(PurePath(info_file).suffix.lower())
    if writer is None:
        text = posix_script(command, cwd, _script_head(options))
        return Made(wanted, info_file, {info_file: os.fsencode(text)}, command)
    inside = _fits(command) and _fits(cwd)
    keys = {"script": command} if cwd == os.curdir else {"script": command, "cwd": cwd}
    if not inside:
        keys = {"script": f"{COMMAND_FILE_RUNNER} {in_job_folder(COMMAND_FILE)}"}
    files = {info_file: writer({**keys, **options}).encode("utf-8", "surrogateescape")}
    if not inside:
        files[COMMAND_FILE] = os.fsencode(command_file_text(command, cwd))
    return Made(wanted, info_file, files, command)


def _info_file(job_files: Sequence[str]) -> str:
    """The first cfg among ``job_files``, else the first xml, else the first of all."""
    for kinds in ({".cfg", ".ini"}, {".xml"}):
        for name in job_files:
            if PurePath(name).suffix.lower() in kinds and name != COMMAND_FILE:
                return name
    return job_files[0]


def _fits(text: str) -> bool:
    """True if one line of an info file holds ``text`` exactly."""
    if text != text.strip() or len(text) > _LONGEST_LINE:
        return False
    return not any(
        (unicodedata.category(letter) in {"Cc", "Cs"} and letter != "\t")
        or letter in "\ufffe\uffff"
        for letter in text
    )


def _cfg(options: Mapping[str, str]) -> str:
    return "\n".join(["[QMOptions]", *(f"{k} : {v}" for k, v in options.items()), ""])


def _xml(options: Mapping[str, str]) -> str:
    lines = [f'    <{k} value="{_attribute(v)}"/>' for k, v in options.items()]
    return "\n".join(["<PARAMETER>", *lines, "</PARAMETER>", ""])


def _attribute(text: str) -> str:
    import html

    # A reader turns a tab in an attribute into a blank, unless it is written as a number.
    return html.escape(text, quote=True).replace("\t", "&#9;")


def _script_head(options: Mapping[str, str]) -> str:
    """Directives that stand before the first command."""
    return "".join(f"#QM {key} : {value}\n" for key, value in options.items())


_WRITERS: Mapping[str, Writer] = {".cfg": _cfg, ".ini": _cfg, ".xml": _xml}

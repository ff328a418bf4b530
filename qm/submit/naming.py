"""Names that QM makes for jobs: of a command, and by a pattern. All systems accept them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import PurePosixPath

from qm.jobinfo.command import script_files
from qm.jobinfo.interpreters import from_suffix
from qm.jobinfo.words import split_words
from qm.osops.scanning import is_junk
from qm.osops.windows_names import is_misread

_LONGEST = 60
_ODD = re.compile(r"[^\w.+,=@-]+")
"""What some system's names may not hold, and what people would have to quote in a shell."""
_ASSIGNMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*=")
_ALSO_SCRIPTS = frozenset({".jar", ".ipynb", ".exe"})
_OPERATORS = re.compile(r"[|&;<>()]")


def usable_name(wanted: str, otherwise: str = "job") -> str:
    """``wanted`` as a folder's name that every system and shell takes as it is, shortened.

    Other characters become ``_``; where nothing is left, it is ``otherwise``.
    """
    name = _ODD.sub("_", wanted).strip("_.")[:_LONGEST].rstrip("_.")
    if not name or is_junk(name):
        return otherwise
    return f"{name}_" if is_misread(name) else name


def name_of_command(command: str) -> str:
    """The script that a command runs, without its suffix; else its module or program."""
    words = _first_words(command)
    found = (
        _stem(next(iter(script_files(command)), ""))
        or next((_stem(word) for word in words if _is_script(word)), "")
        or _module(words)
        or (_stem(words[0]) if words else "")
    )
    return usable_name(found, "command")


def _first_words(command: str) -> list[str]:
    """The words of the first program, without variables that are set in front of it."""
    first = _OPERATORS.split(command.strip())[0] or command
    try:
        words = split_words(first)
    except ValueError:
        words = first.split()
    while words and _ASSIGNMENT.match(words[0]):
        del words[0]
    return words


def _is_script(word: str) -> bool:
    suffix = PurePosixPath(_slashes(word)).suffix.lower()
    return not word.startswith("-") and (
        suffix in _ALSO_SCRIPTS or from_suffix(_slashes(word)) is not None
    )


def _module(words: Sequence[str]) -> str:
    """``package.tool`` of ``python -m package.tool``."""
    is_python = len(words) > 2 and _stem(words[0]).startswith("python")
    return words[2] if is_python and words[1] == "-m" else ""


def _stem(word: str) -> str:
    path = PurePosixPath(_slashes(word))
    return path.stem if _has_suffix(path) else path.name


def _has_suffix(path: PurePosixPath) -> bool:
    return path.suffix.lower() in _ALSO_SCRIPTS or from_suffix(path.name) is not None


def _slashes(word: str) -> str:
    return word.replace("\\", "/")

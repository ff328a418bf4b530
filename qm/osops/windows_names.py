"""Paths that Windows would read as another file, or as a device; pure text, runs anywhere."""

from __future__ import annotations

import ntpath

_DEVICES = frozenset(
    {"CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$"}
    | {f"{port}{number}" for port in ("COM", "LPT") for number in "0123456789¹²³"}
)
_LONGEST_PLAIN = 240
"""Windows takes 259 characters for a file, and 247 for a folder that is made."""
_VERBATIM = "\\\\?\\"


def is_misread(name: str) -> bool:
    """True for a single name that the Win32 calls would read as another one.

    They drop dots and blanks at the end, and take ``NUL``, ``aux.txt`` and the
    like for devices ("Naming Files, Paths, and Namespaces", Microsoft).
    """
    if name in {"", ".", ".."}:
        return False
    if name[-1] in ". ":
        return True
    stem = name.split(".", 1)[0].rstrip(" ").upper()
    return stem in _DEVICES


def is_verbatim(path: str) -> bool:
    """True for a path that Windows takes to the letter."""
    return path.startswith(_VERBATIM)


def verbatim(path: str, here: str) -> str:
    r"""The same path in the ``\\?\`` form, which Windows takes to the letter.

    ``here`` is the current folder, for a path that is not absolute.
    """
    if is_verbatim(path):
        return path
    full = ntpath.normpath(ntpath.join(here, path))
    if full.startswith("\\\\"):
        return f"{_VERBATIM}UNC\\{full[2:]}"
    return _VERBATIM + full


def native(path: str, here: str) -> str:
    """What to hand to the system for ``path``: the path itself wherever that is safe."""
    if is_verbatim(path):
        return path
    full = ntpath.normpath(ntpath.join(here, path))
    if len(full) < _LONGEST_PLAIN and not any(map(is_misread, full.split("\\"))):
        return path
    return verbatim(full, here)

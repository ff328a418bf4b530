"""Which paths an upload may have: those that mean the same file on every system.

What the rules refuse is never mapped to something else. They follow "Naming
Files, Paths, and Namespaces" (Microsoft), and the folders of a job as QM has
them. Text only: the disk is not asked for anything.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Collection
from dataclasses import dataclass, field

from qm.jobfiles import LOG, OWN
from qm.names import shown
from qm.osops.scanning import is_junk, is_own
from qm.osops.windows_names import is_misread

DEEPEST = 20
LONGEST_PART = 255
"""Bytes of UTF-8, as most file systems have it."""
LONGEST_PATH = 1024
"""Bytes of a path inside the job; macOS opens no longer ones."""

_FORBIDDEN = frozenset('\\:*?"<>|')
_BIDI = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_UNSEEN = frozenset("\u200b\u2060\ufeff")
_CONTROL = frozenset({"Cc", "Cs", "Zl", "Zp"})
_SHOWN = 80


def fault_of_path(path: str) -> str | None:
    """What is wrong with the path of a file inside a job, divided by ``/``; None where it is fine.

    The answer goes on after the path: ``is an absolute path``.
    """
    if path.startswith(("/", "\\")) or path[1:2] == ":":
        return "is an absolute path; paths begin in the job's folder"
    if len(_bytes(path)) > LONGEST_PATH:
        return f"is longer than {LONGEST_PATH} bytes"
    parts = path.split("/")
    if len(parts) > DEEPEST:
        return f"lies {len(parts)} levels deep; at most {DEEPEST} are taken"
    for part in parts:
        fault = fault_of_part(part)
        if fault is not None:
            return fault if len(parts) == 1 else f"has the part {quoted(part)}, which {fault}"
    if is_own(parts[0].casefold()):
        return f"has a name that QM writes itself ({OWN}, {LOG}); leave it out"
    return None


def fault_of_part(part: str) -> str | None:
    """What is wrong with one name of a path; None where it is fine on every system."""
    if not part:
        return "is empty"
    if part in (".", ".."):
        return "leads elsewhere"
    return _fault_of_letters(part) or _fault_of_ends(part) or _fault_of_form(part)


def fault_of_job_name(name: str) -> str | None:
    """What is wrong with the name of a job; None where it is fine."""
    fault = fault_of_part(name) if "/" not in name else "has a /"
    if fault is None and name.startswith("."):
        # Copy programs work under such names, so QM takes none of them for a job.
        return "begins with a dot"
    if fault is None and is_junk(name):
        return "is a name that systems and programs use for their own folders"
    return fault


def quoted(text: str) -> str:
    """A name that anybody may have made up, for a sentence: escaped, and not too long."""
    safe = shown(text.encode("utf-8", "backslashreplace").decode("utf-8"))
    return f'"{safe}"' if len(safe) <= _SHOWN else f'"{safe[: _SHOWN - 1]}…"'


def folded(path: str) -> str:
    """The same text for all spellings that some file system takes for one name."""
    once = unicodedata.normalize("NFC", path).casefold()
    return unicodedata.normalize("NFC", once)


@dataclass(slots=True)
class Tree:
    """The paths of one job, added one by one; tells of two that would be one somewhere."""

    _known: dict[str, tuple[str, bool]] = field(default_factory=dict)
    """Spelling, and whether it is a file, by the folded path."""
    _folders: set[str] = field(default_factory=set)

    def add(self, path: str, *, is_file: bool) -> str | None:
        """Add a path without faults of its own; returns what is wrong with it beside the others."""
        end = path.find("/")
        while end >= 0:
            folder = path[:end]
            if folder not in self._folders:
                fault = self._clash(folder, is_file=False)
                if fault is not None:
                    return fault
                self._folders.add(folder)
            end = path.find("/", end + 1)
        if is_file and self._known.get(folded(path)) == (path, True):
            return "is named twice"
        return self._clash(path, is_file=is_file)

    def _clash(self, path: str, *, is_file: bool) -> str | None:
        spelling, was_file = self._known.setdefault(folded(path), (path, is_file))
        if spelling != path:
            return f"is one with {quoted(spelling)} where upper and lower case are the same"
        if was_file != is_file:
            return f"wants {quoted(path)} to be a file and a folder"
        return None


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _fault_of_letters(part: str) -> str | None:
    for letter in part:
        if letter in _FORBIDDEN or letter == "/":
            return f"has a {letter}, which not every system allows in names"
        if letter in _BIDI or letter in _UNSEEN or unicodedata.category(letter) in _CONTROL:
            return f"has the character U+{ord(letter):04X}, which nobody can see"
    return None


def _fault_of_ends(part: str) -> str | None:
    if part != part.strip():
        return "begins or ends with a blank"
    if part.endswith("."):
        return "ends with a dot, which Windows leaves out"
    if is_misread(part):
        return "is the name of a device on Windows"
    return None


def _fault_of_form(part: str) -> str | None:
    if len(_bytes(part)) > LONGEST_PART:
        return f"is longer than {LONGEST_PART} bytes"
    if unicodedata.normalize("NFC", part) != part:
        return "is not in the usual form of Unicode (NFC)"
    return None


def one_top_folder(paths: Collection[str]) -> str | None:
    """The one folder in which all of ``paths`` lie; None where there is no such."""
    tops = {path.partition("/")[0] for path in paths}
    alone = len(tops) == 1 and all("/" in path for path in paths)
    return tops.pop() if alone else None

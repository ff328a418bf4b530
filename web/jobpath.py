"""The path of a file in a job, as an address has it: which ones are refused unseen."""

from __future__ import annotations

import os
import re

from web.problem import Problem

Parts = tuple[str, ...]

MOST_PARTS = 64
_LONGEST_PART = 255
_LONGEST = 4096
_DRIVE = re.compile(r"[A-Za-z]:(?:\\|$)")
_OWN = re.compile(r"\.qm(?:\.\d+)?", re.IGNORECASE)


def parts_of(path: str) -> Parts:
    r"""The single names of a path inside a job; () for the job folder itself.

    Raises Problem 400 for what could lead elsewhere on any system: an absolute
    path, a drive, a share (``\\host``), ``..``; nothing on the disk is asked
    for it. The address was decoded once, by the server; it is not decoded again.
    """
    if not path:
        return ()
    parts = tuple(path.removesuffix("/").split("/"))
    if len(os.fsencode(path)) > _LONGEST or len(parts) > MOST_PARTS:
        raise Problem(400, "This path is too long.")
    for part in parts:
        check_name(part)
    return parts


def check_name(name: str) -> None:
    """Raises Problem 400 for a name that is none of a single entry of a folder."""
    if not _is_name(name):
        raise Problem(400, "This is not a path inside a job.")


def is_own(name: str) -> bool:
    """True for the folder with QM's records, and earlier ones that were set aside."""
    return _OWN.fullmatch(name) is not None


def _is_name(name: str) -> bool:
    if name in ("", ".", "..") or "\0" in name or "/" in name or len(name) > _LONGEST_PART:
        return False
    if os.sep == "\\" and set(name) & {"\\", ":"}:
        return False
    # On other systems a backslash may stand in a name, but it must not look like a way out.
    return not (name.startswith("\\") or ".." in name.split("\\") or _DRIVE.match(name))

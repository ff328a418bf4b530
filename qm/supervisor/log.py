"""``process.log``: what the script prints, between a header and a footer by QM."""

from __future__ import annotations

import os
from collections.abc import Iterable

from qm.jobfiles import LOG, set_aside
from qm.osops import FolderHandle, write_all
from qm.times import local_text


def open_log(folder: FolderHandle) -> int:
    """A new, empty process.log; one that lies there is kept as process.log.1, .2, …"""
    while True:
        try:
            return folder.create(LOG)
        except FileExistsError:
            set_aside(folder, LOG)


def write_header(fd: int, started: float, notes: Iterable[str]) -> None:
    """The first line, and what the person should know about this run."""
    lines = [f"Job started by QM at: {local_text(started)}", *(f"QM: {note}" for note in notes)]
    write_all(fd, ("\n".join(lines) + "\n").encode("utf-8", "replace"))


def write_footer(fd: int, ended: float, how: str, remark: str | None) -> None:
    """The last line; begins on a new one where the script's last had no end."""
    text = f"Job finished at: {local_text(ended)} with {how}"
    if remark:
        text += f" ({remark})"
    start = "" if _ends_with_newline(fd) else "\n"
    write_all(fd, f"{start}{text}\n".encode("utf-8", "replace"))


def _ends_with_newline(fd: int) -> bool:
    if os.fstat(fd).st_size == 0:
        return True
    os.lseek(fd, -1, os.SEEK_END)
    return os.read(fd, 1) == b"\n"

"""The names that QM writes in a job folder. Thin: a supervisor imports it."""

from __future__ import annotations

from qm.osops import FolderHandle

OWN = ".qm"
"""The hidden folder with the records."""
LOG = "process.log"
"""What the script prints, between a header and a footer by QM."""


def set_aside(folder: FolderHandle, name: str) -> None:
    """Rename what lies under a name that QM writes to the first free ``name.1``, ``name.2``, …

    It may be a link or a pipe: it is renamed, never opened.
    """
    if not folder.exists(name):
        return
    number = 1
    while folder.exists(f"{name}.{number}"):
        number += 1
    folder.rename(name, f"{name}.{number}")

"""Files that only their owner may read, replaced as a whole."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from qm.osops import FolderHandle, sync_file, write_all


def write_private(path: Path, data: bytes) -> None:
    """Write ``path`` for its owner only: readers see the old file or the new one; OSError.

    Folders that are missing are made, for their owner only as well.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with FolderHandle.open(os.path.realpath(path.parent)) as folder:
        staged = f".{path.name}.{secrets.token_hex(4)}.new"
        fd = folder.create(staged, 0o600)
        try:
            try:
                write_all(fd, data)
                sync_file(fd)
            finally:
                os.close(fd)
            folder.rename(staged, path.name)
        except OSError:
            folder.remove(staged)
            raise
        folder.sync()

"""The look over a folder, as this system does it."""

from __future__ import annotations

import sys

from qm.osops.scan import HOLD_FILE, READY_FILE, Scan, is_junk, is_own

if sys.platform == "win32":
    from qm.osops import FolderHandle
    from qm.osops.windows_scan import FsClock, scan_folder

    def scan_open(folder: FolderHandle, clock: FsClock | None, *, look_for_writers: bool) -> Scan:
        """Look over a folder; a handle here is a path, since an open one would hinder renames."""
        return scan_folder(folder.path, clock, look_for_writers=look_for_writers)

else:
    from qm.osops.posix_scan import FsClock, scan_folder, scan_open

__all__ = [
    "HOLD_FILE",
    "READY_FILE",
    "FsClock",
    "Scan",
    "is_junk",
    "is_own",
    "scan_folder",
    "scan_open",
]

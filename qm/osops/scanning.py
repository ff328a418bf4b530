"""The look over a folder, as this system does it."""

from __future__ import annotations

import sys

from qm.osops.scan import HOLD_FILE, READY_FILE, Scan, is_junk, is_own

if sys.platform == "win32":
    from qm.osops.windows_scan import FsClock, scan_folder
else:
    from qm.osops.posix_scan import FsClock, scan_folder

__all__ = [
    "HOLD_FILE",
    "READY_FILE",
    "FsClock",
    "Scan",
    "is_junk",
    "is_own",
    "scan_folder",
]

"""What differs between systems: files, locks, processes; looks over folders in `scanning`.

The only package that asks which system this is; the rest calls these names.
A supervisor imports this module and nothing more of QM, so it imports little.
"""

from __future__ import annotations

import sys

from qm.osops.tree import (
    TOKEN_VARIABLE,
    TreeUse,
    carriers,
    descendants,
    end_carriers,
    started_at,
)

if sys.platform == "win32":
    from qm.osops.windows_files import (
        FolderHandle,
        Lock,
        NotAPlainFile,
        file_system_type,
        identity_of,
        rename_folder,
        sync_file,
        sync_folder,
        write_all,
    )
    from qm.osops.windows_host import boot_id, signal_name, wait_for_end
    from qm.osops.windows_orders import Orders
    from qm.osops.windows_process import ScriptProcess, stand_alone
else:
    from qm.osops.posix_files import (
        FolderHandle,
        Lock,
        NotAPlainFile,
        file_system_type,
        identity_of,
        rename_folder,
        sync_file,
        sync_folder,
        write_all,
    )
    from qm.osops.posix_host import boot_id, signal_name, wait_for_end
    from qm.osops.posix_orders import Orders
    from qm.osops.posix_process import ScriptProcess, stand_alone

__all__ = [
    "TOKEN_VARIABLE",
    "FolderHandle",
    "Lock",
    "NotAPlainFile",
    "Orders",
    "ScriptProcess",
    "TreeUse",
    "boot_id",
    "carriers",
    "descendants",
    "end_carriers",
    "file_system_type",
    "identity_of",
    "rename_folder",
    "signal_name",
    "stand_alone",
    "started_at",
    "sync_file",
    "sync_folder",
    "wait_for_end",
    "write_all",
]

"""What a folder is, whatever its name. Apart from the model: a supervisor imports it, thinly."""

from __future__ import annotations

from typing import NamedTuple


class Identity(NamedTuple):
    """Device, inode, and birth in ns since the epoch (0: unknown) of a folder."""

    device: int
    inode: int
    birth: int = 0

    def same_folder(self, other: Identity) -> bool:
        """True if both name one folder.

        The device does not count: a reboot may number devices anew. An inode
        is given to the next folder once its own is gone: hence the birth.
        """
        if self.inode != other.inode:
            return False
        return self.birth == other.birth or not (self.birth and other.birth)

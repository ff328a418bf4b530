"""Pure: (state, event, now) -> actions. No clock, no disk, no thread in here."""

from qm.core.core import Core
from qm.core.settings import Now, Settings

__all__ = ["Core", "Now", "Settings"]

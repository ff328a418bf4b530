"""What the options before the command say, and what follows from them when it is needed."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from qm.config import Config
    from qm.folders.layout import Layout


@dataclass(frozen=True)
class Session:
    """One call of ``qm``: the configuration file and the folder that a person named."""

    config_file: Path | None
    folder: Path | None

    @cached_property
    def config(self) -> Config:
        """The configuration; ConfigError where it is wrong."""
        from qm.config import load_config

        return load_config(self.config_file, self.folder)

    def reread(self) -> Config:
        """The configuration as the file has it now; ConfigError where it is wrong."""
        from qm.config import load_config

        return load_config(self.config_file, self.folder)

    @cached_property
    def layout(self) -> Layout:
        """The four folders of the configured QM_FOLDER."""
        from qm.folders.layout import Layout

        return Layout(str(self.config.folder))

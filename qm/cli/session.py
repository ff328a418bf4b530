"""What the options before the command say, and what follows from them when it is needed."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from qm.cli.queue import Queue
    from qm.config import Config
    from qm.folders.layout import Layout


@dataclass(frozen=True)
class Session:
    """One call of ``qm``: the configuration file and the folder that a person named.

    Or ``url``, where the page of a QM on another machine is, and the file with
    the token that it wants: then there is no folder to work on.
    """

    config_file: Path | None
    folder: Path | None
    url: str | None = None
    token_file: Path | None = None

    @cached_property
    def queue(self) -> Queue:
        """The jobs that the commands are about; QMError for an address that is none."""
        if self.url is None:
            from qm.cli.queue import HereQueue

            return HereQueue(self)
        from qm.cli.elsewhere import ElsewhereQueue
        from qm.remote import server_of

        return ElsewhereQueue(server_of(self.url, self.token_file))

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
        """The four folders of the configured QM_FOLDER; Refused where another QM is meant."""
        if self.url is not None:
            from qm.errors import Refused

            raise Refused(
                "this needs the folder of QM, and --url names a QM that is elsewhere",
                "Do it on that machine.",
            )
        from qm.folders.layout import Layout

        return Layout(str(self.config.folder))

"""The command line by which others start this very QM: the background, and services."""

from __future__ import annotations

import site
import sys
from dataclasses import dataclass
from pathlib import Path

from qm.config import Config
from qm.osops.logon import windowless_python

_BOOT = "import sys; sys.path.append(sys.argv.pop(1)); from qm.cli import main; main()"


@dataclass(frozen=True, slots=True)
class Program:
    """QM for one QM_FOLDER. All paths are absolute."""

    python: str
    windowless: str
    """The same interpreter without a console; another one than ``python`` on Windows only."""
    boot: tuple[str, ...]
    """What the interpreter is told in order to be ``qm``."""
    folder: str
    config: str | None

    def command(self, *arguments: str) -> list[str]:
        """The words of ``qm ARGUMENTS`` for this folder."""
        return [self.python, *self._options(), *arguments]

    def windowless_command(self, *arguments: str) -> list[str]:
        """The same by the interpreter that opens no console."""
        return [self.windowless, *self._options(), *arguments]

    def _options(self) -> list[str]:
        config = [] if self.config is None else ["--config", self.config]
        return [*self.boot, "--folder", self.folder, *config]


def this_program(config: Config) -> Program:
    """The QM that runs here, for the folder and the file of ``config``."""
    return Program(
        python=sys.executable,
        windowless=windowless_python(),
        boot=_boot(),
        folder=str(config.folder),
        config=None if config.source is None else str(config.source),
    )


def _boot() -> tuple[str, ...]:
    # -P: nothing in the current folder, which may be anybody's, is taken for our modules.
    root = Path(__file__).resolve().parents[2]
    if _is_installed(root):
        return ("-P", "-m", "qm")
    return ("-P", "-c", _BOOT, str(root))


def _is_installed(root: Path) -> bool:
    """Whether Python finds QM from everywhere: not by a folder that this start has named."""
    places = [*site.getsitepackages(), site.getusersitepackages()]
    return any(Path(place).resolve() == root for place in places)

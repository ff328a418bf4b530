"""An entry among what Windows starts at the person's logon. No administrator is needed.

Source: Microsoft Learn, "Run and RunOnce Registry Keys".
"""

from __future__ import annotations

import subprocess
from dataclasses import dataclass

from qm.errors import QMError
from qm.osops.logon import RUN_KEY, run_value
from qm.service.program import Program
from qm.service.steps import DeleteRunValue, Run, SetRunValue, Step

_LONGEST = 260
"""Characters; Windows silently starts nothing that is longer."""


def logon_command(program: Program) -> str:
    """The command line of the entry: ``qm start`` without a window.

    Raises QMError where it is longer than Windows takes.
    """
    command = subprocess.list2cmdline(program.windowless_command("start"))
    if len(command) > _LONGEST:
        raise QMError(
            f"the command line has {len(command)} characters, and a logon starts only what has"
            f" {_LONGEST}: {command}",
            "Shorten the paths of QM, of its QM_FOLDER or of its configuration.",
        )
    return command


@dataclass(frozen=True, slots=True)
class LogonEntry:
    """The entry of one service of one person."""

    program: Program
    name: str

    kind = "logon entry"

    @property
    def where(self) -> str:
        """The entry's place in the registry."""
        return f"HKEY_CURRENT_USER\\{RUN_KEY}\\{self.name}"

    def installed(self) -> str | None:
        """The command line of the entry that is there; None where there is none."""
        return run_value(self.name)

    def is_ours(self, text: str) -> bool:
        """Whether an entry with this command line is for this QM_FOLDER."""
        return f" {subprocess.list2cmdline(['--folder', self.program.folder])} " in text

    def check(self) -> None:
        """Nothing can be missing."""

    def install(self, *, start: bool) -> list[Step]:
        """Set the entry; start QM now as well if ``start``, as a logon will."""
        command = logon_command(self.program)
        now = [Run(tuple(self.program.windowless_command("start")))] if start else []
        return [SetRunValue(self.name, command), *now]

    def start(self) -> list[Step]:
        """Nothing: a logon is over in a moment, and what it started is no service."""
        return []

    def remove(self) -> list[Step]:
        """Delete the entry; QM that runs runs on."""
        return [DeleteRunValue(self.name)]

    def enabled(self) -> bool | None:
        """Whether logons start it."""
        return self.installed() is not None

    def active(self) -> bool | None:
        """Not known: Windows does not follow what a logon has started."""
        return None

    def advice(self) -> str:
        """What else there is to know after the installation."""
        return "QM starts when you log on, and Windows ends it, and its jobs, when you log off."

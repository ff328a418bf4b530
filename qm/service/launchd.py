"""A launchd agent of macOS. Source: launchd.plist(5), launchctl(1)."""

from __future__ import annotations

import os
import plistlib
import re
import shutil
from dataclasses import dataclass
from xml.parsers.expat import ExpatError

from qm.errors import QMError
from qm.service.program import Program
from qm.service.steps import MakeFolder, RemoveFile, Run, Step, WriteFile, read_text, run

_PATIENCE = 15.0
_PID = re.compile(r"^\s*pid = (\d+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class LaunchdAgent:
    """The agent of one service of one person."""

    program: Program
    name: str
    path: str
    """The PATH of the jobs."""
    home: str
    user: int

    kind = "launchd agent"

    @property
    def label(self) -> str:
        """What launchd calls it."""
        return f"org.qm-queue.{self.name}"

    @property
    def where(self) -> str:
        """Its property list."""
        return os.path.join(self.home, "Library", "LaunchAgents", f"{self.label}.plist")

    @property
    def _logs(self) -> str:
        return os.path.join(self.home, "Library", "Logs", "QM")

    @property
    def _domain(self) -> str:
        return f"gui/{self.user}"

    @property
    def _target(self) -> str:
        return f"{self._domain}/{self.label}"

    def text(self) -> str:
        """The property list that runs QM for its QM_FOLDER."""
        output = os.path.join(self._logs, f"{self.name}-console.log")
        content = {
            "Label": self.label,
            "ProgramArguments": self.program.command("serve", "--log-to-file"),
            "EnvironmentVariables": {"PATH": self.path},
            "WorkingDirectory": self.home,
            # What is said before QM's own log is open.
            "StandardOutPath": output,
            "StandardErrorPath": output,
            "RunAtLoad": True,
            # QM that was told to stop stays so; QM that died comes back.
            "KeepAlive": {"SuccessfulExit": False},
            "ThrottleInterval": 30,
            # Jobs outlive QM: without this their processes are ended with it.
            "AbandonProcessGroup": True,
            # Without it macOS slows down jobs that nobody looks at.
            "ProcessType": "Interactive",
        }
        return plistlib.dumps(content, sort_keys=False).decode("utf-8")

    def installed(self) -> str | None:
        """The text of the file that is there; None where there is none."""
        return read_text(self.where)

    def is_ours(self, text: str) -> bool:
        """Whether the property list with this text is for this QM_FOLDER."""
        try:
            words = list(plistlib.loads(text.encode("utf-8"))["ProgramArguments"])
            return bool(words[words.index("--folder") + 1] == self.program.folder)
        except (ValueError, KeyError, IndexError, TypeError, ExpatError):
            return False

    def check(self) -> None:
        """Raise QMError where there is no launchd."""
        if shutil.which("launchctl") is None:
            raise QMError("this system has no launchctl", "Nothing was written.")

    def install(self, *, start: bool) -> list[Step]:
        """Write the agent; logins start it from then on. Start it now as well if ``start``."""
        written: list[Step] = [MakeFolder(self._logs), WriteFile(self.where, self.text())]
        return [*written, *self.start()] if start else written

    def start(self) -> list[Step]:
        """Load the agent as its file has it now: that starts QM."""
        return [
            # One that is loaded already cannot be loaded again, and goes only after a moment.
            Run(("launchctl", "bootout", self._target), may_fail=True),
            Run(("launchctl", "enable", self._target), may_fail=True),
            Run(("launchctl", "bootstrap", self._domain, self.where), patience=_PATIENCE),
        ]

    def remove(self) -> list[Step]:
        """End QM if the agent has started it, and forget the agent."""
        return [
            Run(("launchctl", "bootout", self._target), may_fail=True),
            RemoveFile(self.where),
        ]

    def enabled(self) -> bool | None:
        """Whether logins start it; None where launchd cannot be asked."""
        found = self._found()
        return None if found is None else bool(found)

    def active(self) -> bool | None:
        """Whether the agent's QM runs now; None where launchd cannot be asked."""
        found = self._found()
        return None if found is None else _PID.search(found) is not None

    def _found(self) -> str | None:
        """What launchd knows of the agent, '' where it is not loaded."""
        if shutil.which("launchctl") is None:
            return None
        done = run(("launchctl", "print", self._target))
        return "" if done.code else done.said

    def advice(self) -> str:
        """What else the person may want to do after the installation."""
        return (
            "A QM_FOLDER on the desktop, in Documents or Downloads, or on another disk needs Full"
            " Disk Access for Python, in System Settings under Privacy & Security."
        )

"""A systemd user unit. Source: systemd.unit(5), systemd.service(5), systemd.kill(5)."""

from __future__ import annotations

import os
import shlex
import shutil
from dataclasses import dataclass

from qm.errors import QMError
from qm.osops.logon import user_number
from qm.service.program import Program
from qm.service.steps import RemoveFile, Run, Step, WriteFile, read_text, run

_ESCAPED = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t", "\r": "\\r", "%": "%%"}
_SYSTEMCTL = ("systemctl", "--user")


def unit_text(program: Program, path: str) -> str:
    """The unit that runs QM for one QM_FOLDER; ``path`` is the PATH of its jobs."""
    return f"""\
[Unit]
Description=QM batch queue on {_specifiers(program.folder)}
StartLimitIntervalSec=300
StartLimitBurst=5

[Service]
Type=exec
ExecStart={_command(program.command("serve", "--log-to-file"))}
ExecReload={_command(program.command("reload"))}
WorkingDirectory=~
Environment={quoted(f"PATH={path}")}
# Jobs outlive QM: only QM itself is told to end, never their processes.
KillMode=process
# A job that takes all memory does not end QM.
OOMPolicy=continue
TimeoutStopSec=60
Restart=on-failure
RestartSec=5

[Install]
WantedBy=default.target
"""


def _command(words: list[str]) -> str:
    # The dollar sign names a variable in every word but the program's.
    program, *arguments = words
    return " ".join([quoted(program), *map(_argument, arguments)])


def _argument(word: str) -> str:
    return quoted(word).replace("$", "$$")


def quoted(word: str) -> str:
    """A word as a unit file has it: in quotes where it needs them, percent signs doubled."""
    text = "".join(_ESCAPED.get(char, char) for char in word)
    plain = text == word.replace("%", "%%") and not set(word) & set(" ';")
    return text if plain and word else f'"{text}"'


def _specifiers(text: str) -> str:
    return " ".join(text.split()).replace("%", "%%")


@dataclass(frozen=True, slots=True)
class SystemdUnit:
    """The unit of one service of one person."""

    program: Program
    name: str
    path: str
    """The PATH of the jobs."""
    units: str
    """The person's folder for units."""

    kind = "systemd user unit"

    @property
    def unit(self) -> str:
        """``qm.service`` for the service ``qm``."""
        return f"{self.name}.service"

    @property
    def where(self) -> str:
        """The unit's file."""
        return os.path.join(self.units, self.unit)

    def installed(self) -> str | None:
        """The text of the file that is there; None where there is none."""
        return read_text(self.where)

    def is_ours(self, text: str) -> bool:
        """Whether the unit with this text is for this QM_FOLDER."""
        option = f" --folder {_argument(self.program.folder)} "
        return any(option in line for line in text.splitlines() if line.startswith("ExecStart="))

    def check(self) -> None:
        """Raise QMError where no systemd serves this person, with what to do instead."""
        if shutil.which(_SYSTEMCTL[0]) is None:
            raise QMError("this system has no systemctl", self._instead())
        done = run((*_SYSTEMCTL, "show-environment"))
        if done.code:
            raise QMError(f"systemd does not serve you here: {done.said}", self._instead())

    def _instead(self) -> str:
        # cron takes a percent sign for the end of the line.
        line = shlex.join(self.program.command("start")).replace("%", "\\%")
        return f"Nothing was written. Instead, add this line with `crontab -e`:\n  @reboot {line}"

    def install(self, *, start: bool) -> list[Step]:
        """Write the unit, let each login start it, and start it now if ``start``."""
        enable = Run((*_SYSTEMCTL, "enable", *(("--now",) if start else ()), self.unit))
        text = unit_text(self.program, self.path)
        return [WriteFile(self.where, text), Run((*_SYSTEMCTL, "daemon-reload")), enable]

    def remove(self) -> list[Step]:
        """End QM if the unit has started it, and forget the unit."""
        return [
            Run((*_SYSTEMCTL, "disable", "--now", self.unit), may_fail=True),
            RemoveFile(self.where),
            Run((*_SYSTEMCTL, "daemon-reload"), may_fail=True),
        ]

    def start(self) -> list[Step]:
        """Start QM by its unit; one that has failed too often before may start again."""
        return [
            Run((*_SYSTEMCTL, "reset-failed", self.unit), may_fail=True),
            Run((*_SYSTEMCTL, "start", self.unit)),
        ]

    def enabled(self) -> bool | None:
        """Whether logins start it; None where systemd cannot be asked."""
        return self._says("is-enabled")

    def active(self) -> bool | None:
        """Whether it runs now; None where systemd cannot be asked."""
        return self._says("is-active")

    def _says(self, question: str) -> bool | None:
        if shutil.which(_SYSTEMCTL[0]) is None or run((*_SYSTEMCTL, "show-environment")).code:
            return None
        return run((*_SYSTEMCTL, question, "--quiet", self.unit)).code == 0

    def advice(self) -> str:
        """What else the person may want to do after the installation; '' for nothing."""
        if shutil.which("loginctl") is not None:
            done = run(
                ("loginctl", "show-user", str(user_number()), "--property=Linger", "--value")
            )
            if done.code == 0 and done.said == "yes":
                return ""
        return (
            "QM starts when you log in, and ends when you log out everywhere; jobs may be ended"
            " with it. `loginctl enable-linger` lets it start with the machine, and stay."
        )

"""Which kind of service a system has, and the one for this QM."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Protocol

from qm.osops.logon import system_name, user_number
from qm.service.launchd import LaunchdAgent
from qm.service.program import Program
from qm.service.steps import Step
from qm.service.systemd import SystemdUnit
from qm.service.windows import LogonEntry

SYSTEMS = ("linux", "macos", "windows")
USUAL_NAME = "qm"


class Service(Protocol):
    """What starts QM by itself, on any of the systems. What it does are steps."""

    @property
    def kind(self) -> str:
        """What the system calls it."""

    @property
    def name(self) -> str:
        """What the person calls it; different QM_FOLDERs have different names."""

    @property
    def where(self) -> str:
        """The file, or the place in the registry, that makes it."""

    def check(self) -> None:
        """Raise QMError where the system cannot have it, with what to do instead."""

    def installed(self) -> str | None:
        """What lies in that place now; None for nothing."""

    def is_ours(self, text: str) -> bool:
        """Whether what lies there is for this QM_FOLDER."""

    def install(self, *, start: bool) -> list[Step]:
        """Make it, and start QM now as well if ``start``."""

    def start(self) -> list[Step]:
        """Start QM by it; no steps where the system cannot."""

    def remove(self) -> list[Step]:
        """Undo the installation."""

    def enabled(self) -> bool | None:
        """Whether it starts QM at the next login; None where that is not known."""

    def active(self) -> bool | None:
        """Whether the QM that it started runs; None where that is not known."""

    def advice(self) -> str:
        """What else to know after the installation; '' for nothing."""


def service_on(
    system: str, program: Program, name: str, environ: Mapping[str, str] = os.environ
) -> Service:
    """The service ``name`` for ``program`` on one of :data:`SYSTEMS`."""
    path, home = environ.get("PATH", os.defpath), os.path.expanduser("~")
    if system == "windows":
        return LogonEntry(program, name)
    if system == "macos":
        return LaunchdAgent(program, name, path, home, user_number())
    config = environ.get("XDG_CONFIG_HOME") or os.path.join(home, ".config")
    return SystemdUnit(program, name, path, os.path.join(config, "systemd", "user"))


def installed_for(program: Program, system: str | None = None) -> Service | None:
    """The service, whatever its name, that starts QM for this QM_FOLDER; None for none.

    Not on Windows, where a service cannot be told to start QM now.
    """
    system = system_name() if system is None else system
    for name in _names(system, program):
        service = service_on(system, program, name)
        text = service.installed()
        if text is not None and service.is_ours(text):
            return service
    return None


def _names(system: str, program: Program) -> list[str]:
    if system == "windows":
        return []
    folder, file = os.path.split(service_on(system, program, "*").where)
    before, after = file.split("*")
    try:
        files = sorted(os.listdir(folder))
    except OSError:
        return []
    ours = [name for name in files if name.startswith(before) and name.endswith(after)]
    return [name[len(before) : len(name) - len(after)] for name in ours]


def service_here(program: Program, name: str) -> Service:
    """The service ``name`` for ``program`` on this system."""
    return service_on(system_name(), program, name)

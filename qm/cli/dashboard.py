"""The command that shows everything in the terminal, live: dashboard."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import Any

import click

from qm.cli.session import Session

_PATIENCE = 30.0
"""Seconds for what the manager does at once."""


@click.command()
@click.pass_obj
def dashboard(session: Session) -> None:
    """Watch the queue live in the terminal, and act on its jobs.

    It shows what runs with its progress, what waits and why, what has ended, and
    the log of the selected job; keys kill, hold, release, suspend and rerun it.
    Press ? there for all keys, q to leave; jobs go on without it.
    """
    if not _is_terminal():
        raise click.UsageError("the dashboard needs a terminal; `qm list` works without one")
    from qm.dashboard.app import Dashboard
    from qm.dashboard.look import Meters
    from qm.osops.usage import machine_usage, tree_usage

    meters = Meters(machine_usage, tree_usage)
    Dashboard(session.layout, Verbs(session).carry_out, meters).run()


def _is_terminal() -> bool:
    return sys.stdin.isatty() and sys.stdout.isatty() and os.environ.get("TERM") != "dumb"


class Verbs:
    """Carries out what a key asks for."""

    def __init__(self, session: Session) -> None:
        self._layout = session.layout
        self._kill_grace = session.config.kill_grace

    def carry_out(self, verb: str, target: str) -> Mapping[str, Any]:
        """The manager's answer; a kill works without one as well. QMError where it is no."""
        from qm.cli.stopping import stop
        from qm.control.client import ask

        if verb == "kill":
            return stop(self._layout, target, None, self._kill_grace)
        return ask(self._layout, verb, (target,), timeout=_PATIENCE)

"""``qm task``: the commands for jobs as a family of their own."""

from __future__ import annotations

import click

from qm.cli.commands import LazyGroup

TASKS = {
    "submit": "qm.cli.submitting:submit",
    "queue": "qm.cli.looking:qstat",
    "list": "qm.cli.looking:list_jobs",
    "kill": "qm.cli.acting:kill",
    "logs": "qm.cli.looking:logs",
    "rm": "qm.cli.acting:rm",
    "purge": "qm.cli.purging:purge",
    "clean": "qm.cli.cleaning:clean",
}


@click.group(cls=LazyGroup, table=TASKS)
def task() -> None:
    """The commands for jobs in a group of their own.

    `qm task kill 7` is `qm kill 7`, and so on.
    """

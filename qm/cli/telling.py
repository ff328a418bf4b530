"""``qm notify``: whether mail, web address and command would be told of a job's end."""

from __future__ import annotations

import click

from qm.cli.output import print_json, say
from qm.cli.session import Session


@click.command()
@click.option("--json", "as_json", is_flag=True, help="A JSON list, for programs.")
@click.pass_obj
def notify(session: Session, as_json: bool) -> int:
    """Try mail, Notify_url and Notify_command with a test.

    Each way that is configured is used now, and what came of it is told. Exit
    code 1: one of them did not work.
    """
    from qm.notify.trial import send_test

    trials = send_test(session.config)
    if as_json:
        print_json([trial._asdict() for trial in trials])
    else:
        for trial in trials:
            say(trial.text)
    return 0 if all(trial.ok for trial in trials) else 1

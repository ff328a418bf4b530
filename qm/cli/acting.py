"""The commands for the way of a job: kill, hold, release, rerun, rm."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from qm.cli.asking import PATIENCE, ask_each, for_each, who
from qm.cli.selecting import ENDED, OPEN, Selection, chosen, selection_options
from qm.cli.session import Session
from qm.model import State

_REASON = click.option("--reason", metavar="TEXT", help="Why, for whoever asks `qm why`.")


@click.command()
@click.argument("jobs", metavar="JOB...", nargs=-1)
@click.option(
    "--grace",
    type=click.FloatRange(0, 86400),
    metavar="SECONDS",
    help="How long they may take to end by themselves; by default Kill_grace, 10 s.",
)
@selection_options
@click.option("--json", "as_json", is_flag=True, help="A JSON list, for programs.")
@click.pass_obj
def kill(
    session: Session,
    jobs: Sequence[str],
    grace: float | None,
    selection: Selection,
    as_json: bool,
) -> int:
    """Stop running jobs, and cancel waiting ones.

    Each JOB is an id or a folder's name. The answer means that it has happened:
    the job and all of its processes are gone. A suspended job is killed as well.
    """
    meant = chosen(session, jobs, selection, "kill", OPEN)
    queue = session.queue
    return for_each(meant, lambda job: queue.stop(job, grace), _killed, as_json=as_json)


def _killed(answer: dict[str, Any]) -> str:
    job = who(answer)
    if answer["state"] == "KILLED":
        return f"Killed {job}"
    if answer["state"] == "CANCELLED":
        return f"Cancelled {job}"
    from qm.errors import QMError

    raise QMError(f"{job} had ended already: {answer['state']}")


@click.command()
@click.argument("jobs", metavar="JOB...", nargs=-1)
@_REASON
@selection_options
@click.option("--json", "as_json", is_flag=True, help="A JSON list, for programs.")
@click.pass_obj
def hold(
    session: Session,
    jobs: Sequence[str],
    reason: str | None,
    selection: Selection,
    as_json: bool,
) -> int:
    """Keep waiting jobs from starting.

    They wait until `qm release`. What runs is suspended instead: `qm suspend`.
    """
    meant = chosen(session, jobs, selection, "hold", frozenset({State.QUEUED}))
    return _ask_with_reason(session, "hold", meant, "Held", reason, as_json)


@click.command()
@click.argument("jobs", metavar="JOB...", nargs=-1)
@_REASON
@selection_options
@click.option("--json", "as_json", is_flag=True, help="A JSON list, for programs.")
@click.pass_obj
def release(
    session: Session,
    jobs: Sequence[str],
    reason: str | None,
    selection: Selection,
    as_json: bool,
) -> int:
    """Let held jobs start again."""
    meant = chosen(session, jobs, selection, "release", frozenset({State.HELD}))
    return _ask_with_reason(session, "release", meant, "Released", reason, as_json)


def _ask_with_reason(
    session: Session, verb: str, jobs: Sequence[str], done: str, reason: str | None, as_json: bool
) -> int:
    data = {} if reason is None else {"reason": reason}
    return ask_each(
        session, verb, jobs, lambda answer: f"{done} {who(answer)}", as_json=as_json, data=data
    )


@click.command()
@click.argument("jobs", metavar="JOB...", nargs=-1)
@click.option("--hold", "held", is_flag=True, help="Let them wait until `qm release`.")
@selection_options
@click.option("--json", "as_json", is_flag=True, help="A JSON list, for programs.")
@click.pass_obj
def rerun(
    session: Session,
    jobs: Sequence[str],
    held: bool,
    selection: Selection,
    as_json: bool,
) -> int:
    """Queue ended jobs again.

    Each keeps its id and its folder; the records and the log of the attempt that
    has ended are kept in .qm/attempt-N of its folder. One that QM refused is read
    again, as a new job.
    """
    meant = chosen(session, jobs, selection, "rerun", ENDED)
    queue = session.queue

    def again(job: str) -> dict[str, Any]:
        answer = queue.ask("rerun", job, timeout=PATIENCE, data={"hold": held})
        if held and answer["state"] != State.HELD:
            who_is_meant = str(answer["name"] if answer["id"] is None else answer["id"])
            return queue.ask("hold", who_is_meant, timeout=PATIENCE)
        return answer

    return for_each(meant, again, _queued_again, as_json=as_json)


def _queued_again(answer: dict[str, Any]) -> str:
    if answer["state"] == State.ARRIVING:
        return f"Put {who(answer)} into QM_qJobs again; it is read as a new job"
    if answer["state"] == State.HELD:
        return f"Queued {who(answer)} again, held; `qm release {answer['id']}` lets it start"
    return f"Queued {who(answer)} again"


@click.command()
@click.argument("jobs", metavar="JOB...", nargs=-1)
@selection_options
@click.option("--json", "as_json", is_flag=True, help="A JSON list, for programs.")
@click.pass_obj
def rm(session: Session, jobs: Sequence[str], selection: Selection, as_json: bool) -> int:
    """Move ended jobs to the trash.

    It is QM_FOLDER/.qm/trash. `qm restore` takes them out again, and only
    `qm purge --trash` empties it.
    """
    meant = chosen(session, jobs, selection, "remove", ENDED)
    queue = session.queue

    def remove(job: str) -> dict[str, Any]:
        answer = queue.ask("rm", job, timeout=PATIENCE)
        removed: dict[str, Any] = answer["removed"][0]
        return removed

    return for_each(meant, remove, lambda answer: f"Removed {who(answer)}", as_json=as_json)

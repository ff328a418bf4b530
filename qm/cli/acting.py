"""The commands that change what jobs do: kill, hold, release, rm."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

import click

from qm.cli.output import print_json, say, tell
from qm.cli.session import Session

_TIMEOUT = 30.0
"""Seconds for what the manager does at once."""


@click.command()
@click.argument("jobs", metavar="JOB...", nargs=-1, required=True)
@click.option(
    "--grace",
    type=click.FloatRange(0, 86400),
    metavar="SECONDS",
    help="How long they may take to end by themselves; by default Kill_grace, 10 s.",
)
@click.option("--json", "as_json", is_flag=True, help="A JSON list, for programs.")
@click.pass_obj
def kill(session: Session, jobs: Sequence[str], grace: float | None, as_json: bool) -> int:
    """Stop running jobs, and cancel waiting ones.

    Each JOB is an id or a folder's name. The answer means that it has happened:
    the job and all of its processes are gone.
    """
    from qm.cli.stopping import stop
    from qm.view import target_of

    layout, usual = session.layout, session.config.kill_grace
    return _for_each(
        jobs, lambda job: stop(layout, target_of(job), grace, usual), _killed, as_json=as_json
    )


def _killed(answer: dict[str, Any]) -> str:
    who = _who(answer)
    if answer["state"] == "KILLED":
        return f"Killed {who}"
    if answer["state"] == "CANCELLED":
        return f"Cancelled {who}"
    from qm.errors import QMError

    raise QMError(f"{who} had ended already: {answer['state']}")


@click.command()
@click.argument("jobs", metavar="JOB...", nargs=-1, required=True)
@click.option("--json", "as_json", is_flag=True, help="A JSON list, for programs.")
@click.pass_obj
def hold(session: Session, jobs: Sequence[str], as_json: bool) -> int:
    """Keep waiting jobs from starting, until they are released."""
    return _ask_each(session, "hold", jobs, "Held", as_json)


@click.command()
@click.argument("jobs", metavar="JOB...", nargs=-1, required=True)
@click.option("--json", "as_json", is_flag=True, help="A JSON list, for programs.")
@click.pass_obj
def release(session: Session, jobs: Sequence[str], as_json: bool) -> int:
    """Let held jobs start again."""
    return _ask_each(session, "release", jobs, "Released", as_json)


@click.command()
@click.argument("jobs", metavar="JOB...", nargs=-1, required=True)
@click.option("--json", "as_json", is_flag=True, help="A JSON list, for programs.")
@click.pass_obj
def rm(session: Session, jobs: Sequence[str], as_json: bool) -> int:
    """Move ended jobs to the trash.

    It is QM_FOLDER/.qm/trash, and only you empty it.
    """
    from qm.control.client import ask
    from qm.view import target_of

    def remove(job: str) -> dict[str, Any]:
        answer = ask(session.layout, "rm", (target_of(job),), timeout=_TIMEOUT)
        removed: dict[str, Any] = answer["removed"][0]
        return removed

    return _for_each(jobs, remove, lambda answer: f"Removed {_who(answer)}", as_json=as_json)


def _ask_each(session: Session, verb: str, jobs: Sequence[str], done: str, as_json: bool) -> int:
    from qm.control.client import ask
    from qm.view import target_of

    return _for_each(
        jobs,
        lambda job: ask(session.layout, verb, (target_of(job),), timeout=_TIMEOUT),
        lambda answer: f"{done} {_who(answer)}",
        as_json=as_json,
    )


def _who(answer: dict[str, Any]) -> str:
    from qm.cli.sentences import job_text
    from qm.names import shown

    if answer.get("id") is None:
        return shown(str(answer["name"]))
    return job_text(int(answer["id"]), str(answer["name"]))


def _for_each(
    jobs: Sequence[str],
    request: Callable[[str], dict[str, Any]],
    sentence: Callable[[dict[str, Any]], str],
    *,
    as_json: bool,
) -> int:
    """Ask for all of them at once, and tell in their order; the exit code is the worst one."""
    from qm.errors import QMError

    code, answers = 0, []
    for outcome in _at_once(jobs, request):
        try:
            answer = outcome()
            text = sentence(answer)
        except QMError as error:
            tell(f"qm: {error}")
            code = max(code, error.exit_code)
            continue
        answers.append(answer)
        if not as_json:
            say(text)
    if as_json:
        print_json(answers)
    return code


def _at_once(
    jobs: Sequence[str], request: Callable[[str], dict[str, Any]]
) -> list[Callable[[], dict[str, Any]]]:
    """Start every request; each of the results waits for its own, and raises its error."""
    return [_started(request, job) for job in dict.fromkeys(jobs)]


def _started(request: Callable[[str], dict[str, Any]], job: str) -> Callable[[], dict[str, Any]]:
    answers: list[dict[str, Any]] = []
    errors: list[Exception] = []

    def work() -> None:
        try:
            answers.append(request(job))
        except Exception as error:
            errors.append(error)

    # A daemon: Ctrl-C ends the command, whatever is still being asked.
    thread = threading.Thread(target=work, daemon=True)
    thread.start()

    def outcome() -> dict[str, Any]:
        thread.join()
        if errors:
            raise errors[0]
        return answers[0]

    return outcome

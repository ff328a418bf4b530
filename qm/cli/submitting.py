"""The commands that put jobs in: submit and check."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from qm.cli.output import print_json, print_pairs, say, tell
from qm.cli.session import Session

if TYPE_CHECKING:
    from qm.submit import Checked, Source, Submission

_PATIENCE = 60.0
"""Seconds for the manager to look at what was submitted."""


@click.command()
@click.argument("paths", metavar="PATH...", nargs=-1, required=True)
@click.option("--move", is_flag=True, help="Take the source away instead of copying it.")
@click.option("--hold", is_flag=True, help="Let it wait until `qm release`.")
@click.option("--name", metavar="NAME", help="The name of the job's folder.")
@click.option("--force", is_flag=True, help="Submit it even if QM is going to refuse it.")
@click.option("--json", "as_json", is_flag=True, help="A JSON list, for programs.")
@click.pass_obj
def submit(
    session: Session,
    paths: Sequence[str],
    move: bool,
    hold: bool,
    name: str | None,
    force: bool,
    as_json: bool,
) -> int:
    """Submit folders or scripts as jobs.

    A folder is a job; a file is a script with #QM, #SBATCH or #PBS lines.
    Each is copied and takes its place in the queue at once. Its script gets your
    environment, without what looks like a secret.
    """
    if name is not None and len(paths) > 1:
        raise click.UsageError("--name is for one PATH")
    code, submitted = 0, []
    from qm.errors import QMError

    for path in paths:
        try:
            submission = _submit_one(session, path, name, move=move, hold=hold, force=force)
        except QMError as error:
            tell(f"qm: {error}")
            code = 1
            continue
        submitted.append(submission)
        if submission.remark:
            tell(f"qm: {submission.remark}")
    return max(code, _report(session, submitted, as_json) if submitted else 0)


def _submit_one(
    session: Session, path: str, name: str | None, *, move: bool, hold: bool, force: bool
) -> Submission:
    from qm import submit as submitting
    from qm.control.client import who_asks
    from qm.errors import Refused
    from qm.names import shown
    from qm.resources import limits_of

    config = session.config
    if move and os.path.islink(path):
        raise Refused(f"{shown(path)} is a link", "Leave out --move, or name the folder itself.")
    source = submitting.source_of(path, config.job_files, name)
    if not force:
        checked = submitting.check(source, limits_of(config))
        if checked.refusal is not None:
            hint = checked.hint or "`qm submit --force` submits it all the same."
            raise Refused(f"{shown(path)}: {shown(checked.refusal.text)}", hint)
    caller = submitting.Caller(who_asks(), os.getcwd(), submitting.caller_environment(os.environ))
    return submitting.submit(session.layout, source, caller, move=move, hold=hold, sync=config.sync)


def _report(session: Session, submitted: Sequence[Submission], as_json: bool) -> int:
    """Say what became of the submissions; the exit code is 1 where one was refused."""
    from qm.control.client import ask
    from qm.errors import NotRunning

    tokens = tuple(submission.token for submission in submitted)
    try:
        answer = ask(session.layout, "accepted", tokens, timeout=_PATIENCE)
    except NotRunning:
        known: dict[str, Any] = {}
    else:
        known = answer["submissions"]
    jobs = [_json_of(known.get(one.token), one) for one in submitted]
    if as_json:
        print_json(jobs)
    else:
        for job in jobs:
            _say_what_became(job)
    return 1 if any(job["state"] == "REJECTED" for job in jobs) else 0


def _json_of(job: dict[str, Any] | None, submission: Submission) -> dict[str, Any]:
    if job is not None:
        return job
    return {"id": None, "name": submission.name, "state": "ARRIVING", "reason": None}


def _say_what_became(job: dict[str, Any]) -> None:
    from qm.cli.sentences import job_text
    from qm.names import shown

    if job["id"] is None:
        say(f"Dropped {shown(job['name'])} into QM_qJobs; it starts when QM runs (qm serve)")
        return
    who = job_text(job["id"], job["name"])
    if job["state"] == "REJECTED":
        tell(f"Refused {who}: {shown(job['reason'] or '')}")
    elif job["state"] == "HELD":
        say(f"Submitted {who}, held; `qm release {job['id']}` lets it start")
    else:
        say(f"Submitted {who}")


@click.command()
@click.argument("path")
@click.option("--json", "as_json", is_flag=True, help="A JSON object, for programs.")
@click.pass_obj
def check(session: Session, path: str, as_json: bool) -> int:
    """Say what QM would say of a job.

    PATH is a folder anywhere, or a script. Nothing is started or changed.
    """
    from qm.resources import limits_of
    from qm.submit import check as look
    from qm.submit import source_of

    source = source_of(path, session.config.job_files)
    checked = look(source, limits_of(session.config))
    if as_json:
        print_json(_checked_json(checked))
    elif checked.info is None:
        _tell_refusal(path, checked)
    else:
        _say_ok(source, checked)
    return 0 if checked.info is not None else 1


def _checked_json(checked: Checked) -> dict[str, Any]:
    info = checked.info
    return {
        "ok": info is not None,
        "reason": None if checked.refusal is None else str(checked.refusal),
        "hint": checked.hint or None,
        "info_file": None if info is None else info.file,
        "nb_proc": None if info is None else info.options.nb_proc,
        "command": checked.command or None,
        "notes": list(checked.notes),
    }


def _tell_refusal(path: str, checked: Checked) -> None:
    from qm.names import shown

    assert checked.refusal is not None
    tell(f"{shown(path)}: QM would refuse it: {shown(checked.refusal.text)}")
    if checked.hint:
        tell(f"  {shown(checked.hint)}")


def _say_ok(source: Source, checked: Checked) -> None:
    from qm.names import shown
    from qm.quantities import format_duration, format_size

    assert checked.info is not None
    options = checked.info.options
    say(f"OK: QM would take {shown(source.path)} as a job named {shown(source.name)}")
    pairs = {
        "  info file": shown(checked.info.file),
        "  command": shown(checked.command),
        "  nb_proc": str(options.nb_proc),
    }
    if options.mem is not None:
        pairs["  mem"] = format_size(options.mem)
    if options.walltime is not None:
        pairs["  walltime"] = format_duration(options.walltime)
    print_pairs(pairs)
    for note in checked.notes:
        say(f"  note: {shown(note)}")

"""The commands that look: list, show, why, logs."""

from __future__ import annotations

import os
import sys
import time

import click

from qm.cli.output import print_json, print_pairs, print_table, say, tell
from qm.cli.session import Session


@click.command("list")
@click.option("-a", "--all", "everything", is_flag=True, help="Every job there ever was.")
@click.option("--json", "as_json", is_flag=True, help="A JSON list, for programs.")
@click.option("-w", "--watch", "watching", is_flag=True, help="Keep the list up to date.")
@click.pass_obj
def list_jobs(session: Session, everything: bool, as_json: bool, watching: bool) -> None:
    """List what waits, runs, or ended within 24 hours.

    With --json each job is an object: id (null while it arrives), name, state,
    reason, exit_code, signal, nb_proc, priority, owner, info, submitted,
    started, ended, folder, and what it asked for and used.
    """
    from qm.cli import listing
    from qm.times import utc_text
    from qm.view import load

    def recent() -> str | None:
        return None if everything else utc_text(time.time() - listing.RECENT)

    if as_json:
        if watching:
            raise click.UsageError("--watch is for a terminal, --json for programs")
        print_json([entry.as_json() for entry in load(session.layout, recent()).entries])
        return
    if watching:
        if not sys.stdout.isatty():
            raise click.UsageError("--watch needs a terminal")
        listing.watch(lambda: load(session.layout, recent()).entries)
        return
    view = load(session.layout, recent())
    if view.entries:
        print_table(listing.HEADS, listing.table_rows(view.entries, time.time()))
    elif view.manager_runs:
        tell("Nothing waits or runs" + ("." if everything else ", or ended within 24 hours."))
    if not view.manager_runs:
        _tell_not_running(session)


def _tell_not_running(session: Session) -> None:
    root = session.layout.root
    if os.path.isdir(root):
        tell(f"qm: no QM runs on {root}; `qm serve` starts one")
    else:
        tell(f"qm: there is no folder {root}; `qm init` makes it")


@click.command()
@click.argument("job")
@click.option("--json", "as_json", is_flag=True, help="A JSON object, for programs.")
@click.pass_obj
def show(session: Session, job: str, as_json: bool) -> None:
    """Show all that is known of JOB.

    JOB is an id or a folder's name; it may be arriving or have ended long ago.
    """
    from qm.cli.details import detail_pairs, details
    from qm.view import find

    entry = find(session.layout, job)
    found = details(session.layout, entry)
    if as_json:
        print_json(found)
    else:
        print_pairs(detail_pairs(found, entry))


@click.command()
@click.argument("job")
@click.option("--json", "as_json", is_flag=True, help="A JSON object, for programs.")
@click.pass_obj
def why(session: Session, job: str, as_json: bool) -> None:
    """Say why JOB is where it is.

    It may be still arriving: then JOB is the folder's name.
    """
    from qm.cli.sentences import why_sentence
    from qm.view import find

    entry = find(session.layout, job)
    if as_json:
        print_json({name: getattr(entry, name) for name in ("id", "name", "state", "reason")})
    else:
        say(why_sentence(entry, time.time()))


@click.command()
@click.argument("job")
@click.option("-f", "--follow", "following", is_flag=True, help="Go on until the job has ended.")
@click.option(
    "-n", "--lines", type=click.IntRange(min=0), metavar="LINES", help="Only the last LINES lines."
)
@click.pass_obj
def logs(session: Session, job: str, following: bool, lines: int | None) -> int:
    """Show what JOB has printed.

    That is its process.log, wherever its folder lies.
    """
    from qm.view import find
    from qm.view.joblog import LogReader, follow, no_log

    entry = find(session.layout, job)
    reader = LogReader(session.layout, entry)
    if lines is not None:
        reader.skip_to_last(lines)
    if following:
        follow(reader, _write, tell)
        return 0
    if not reader.read(_write):
        tell(f"qm: {no_log(entry)}")
        return 1
    return 0


def _write(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()

"""The commands that look: list, show, why, logs, qstat."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from qm.cli.output import print_json, print_pairs, print_table, say, tell
from qm.cli.session import Session
from qm.cli.span import moment_option

if TYPE_CHECKING:
    from qm.view import View

SORTS = ("id", "name", "state", "priority", "submitted", "started", "ended", "duration")
"""What a list can be sorted by; repeated here, so that `qm --help` need not import the view."""


@click.command("list")
@click.argument("jobs", metavar="[JOB]...", nargs=-1)
@click.option("-a", "--all", "everything", is_flag=True, help="Every job there ever was.")
@click.option(
    "--state",
    "states",
    metavar="STATE,...",
    multiple=True,
    help="Jobs in these states, by name or letter.",
)
@click.option(
    "--owner", "owners", metavar="NAME", multiple=True, help="Jobs of this owner; `me` is you."
)
@click.option(
    "--name", "names", metavar="PATTERN", multiple=True, help="Jobs of such names: 'run-*'."
)
@click.option(
    "--since",
    metavar="TIME",
    callback=moment_option,
    help="What ended since then: 2h, 3d, a date. [default: 24h]",
)
@click.option(
    "--until", metavar="TIME", callback=moment_option, help="What ended, or came, before then."
)
@click.option(
    "--sort",
    type=click.Choice(SORTS),
    default="id",
    show_default=True,
    help="The order; without a value a job comes last.",
)
@click.option("-r", "--reverse", is_flag=True, help="The other way round.")
@click.option("--limit", type=click.IntRange(min=0), metavar="N", help="At most N jobs.")
@click.option("--columns", metavar="NAME,...", help="Which columns; `help` names them.")
@click.option("--json", "as_json", is_flag=True, help="A JSON list, for programs.")
@click.option("-w", "--watch", "watching", is_flag=True, help="Keep the list up to date.")
@click.pass_obj
def list_jobs(
    session: Session, /, everything: bool, as_json: bool, watching: bool, **wishes: Any
) -> int:
    """List what waits, runs, or ended within 24 hours.

    With JOB, an id or a name which may have wildcards (quote them), those jobs
    however long ago they ended. On a terminal at most 200 that wait and 200 that
    have ended are shown, unless --all or anything else is asked for.

    With --json each job is an object: id (null while it arrives), name, state,
    reason, exit_code, signal, nb_proc, priority, owner, info, submitted,
    started, ended, folder, and what it asked for and used. --columns chooses
    its members.
    """
    from qm.cli import listing
    from qm.cli.wishing import columns_of, query_of
    from qm.times import utc_text

    columns = columns_of(wishes["columns"])
    if watching and as_json:
        raise click.UsageError("--watch is for a terminal, --json for programs")
    if watching and not listing.is_terminal():
        raise click.UsageError("--watch needs a terminal")
    is_short = listing.is_terminal() and not as_json and not everything
    query = query_of(wishes, brief=listing.BRIEF if is_short else None)
    since = wishes["since"]
    recent = since is None and not everything and not query.targets
    queue = session.queue

    def look() -> View:
        after = utc_text(time.time() - listing.RECENT) if recent else since
        return queue.view(after, query)

    if watching:
        listing.watch(look, queue, columns)
        return 0
    view = look()
    wish = listing.Wish(query, recent, columns)
    code = listing.print_list(queue, view, wish, as_json=as_json)
    if as_json:
        return code
    if not view.entries and view.manager_runs and not query.targets:
        tell(listing.nothing(query, recent=recent))
    if not view.manager_runs:
        tell(f"qm: {queue.not_running()}")
    return code


@click.command()
@click.argument("job")
@click.option("--json", "as_json", is_flag=True, help="A JSON object, for programs.")
@click.pass_obj
def show(session: Session, job: str, as_json: bool) -> None:
    """Show all that is known of JOB.

    JOB is an id or a folder's name; it may be arriving or have ended long ago.
    """
    from qm.cli.details import detail_pairs

    queue = session.queue
    entry = queue.find(job)
    found = queue.details(entry)
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

    entry = session.queue.find(job)
    if as_json:
        names = ("id", "name", "state", "reason", "expected_start")
        print_json({name: getattr(entry, name) for name in names})
    else:
        say(why_sentence(entry, time.time()))


@click.command()
@click.argument("job", required=False)
@click.option("-f", "--follow", "following", is_flag=True, help="Go on until the job has ended.")
@click.option(
    "-n", "--lines", type=click.IntRange(min=0), metavar="LINES", help="Only the last LINES lines."
)
@click.option(
    "--tail",
    is_flag=False,
    flag_value="10",
    metavar="[LINES]",
    help="Follow from the last LINES lines; from the last 10 if that is all.",
)
@click.option(
    "--attempt", type=click.IntRange(min=1), metavar="N", help="The log of an earlier attempt."
)
@click.option("--stdout", "stream", flag_value="stdout", help="The file that `stdout` names.")
@click.option("--stderr", "stream", flag_value="stderr", help="The file that `stderr` names.")
@click.pass_obj
def logs(
    session: Session,
    /,
    job: str | None,
    following: bool,
    lines: int | None,
    tail: str | None,
    attempt: int | None,
    stream: str | None,
) -> int:
    """Show what JOB has printed.

    That is its process.log, wherever its folder lies. With --follow a job that
    waits is waited for, and one that is tried again is followed over all of its
    attempts.
    """
    from qm.cli.logs import LogWish

    if job is None and tail is not None:
        # `qm logs --tail 7`: what follows an option that may stand alone is the job.
        job, tail = tail, "10"
    if job is None:
        raise click.UsageError("Missing argument 'JOB'.")
    if tail is not None:
        if not tail.isdecimal():
            raise click.BadParameter(f"{tail!r} is not a number of lines", param_hint="--tail")
        following, lines = True, int(tail)
    return session.queue.show_log(job, LogWish(following, lines, attempt, stream))


@click.command()
@click.argument("jobs", metavar="[JOB]...", nargs=-1)
@click.option("-u", "users", metavar="USER,...", help="Jobs of these users.")
@click.option("-f", "full", is_flag=True, help="All that is known of each job.")
@click.option("-x", "--all", "ended", is_flag=True, help="Also what ended within 24 hours.")
@click.option("--json", "as_json", is_flag=True, help="A JSON list, as of `qm list`.")
@click.pass_obj
def qstat(
    session: Session,
    /,
    jobs: Sequence[str],
    users: str | None,
    full: bool,
    ended: bool,
    as_json: bool,
) -> int:
    """List jobs in the columns of PBS.

    What waits and runs, or each JOB. Letters as in PBS: T arrives, Q queued, W waits
    for its time, H held, R running, S suspended, C over. `qm list` tells more.
    """
    from qm.cli import listing
    from qm.cli.pbs import HEADS, rows_of
    from qm.cli.wishing import owners_of
    from qm.times import utc_text
    from qm.view import Query, target_of
    from qm.view.entries import plain

    query = Query(
        targets=tuple(plain(target_of(job)) for job in jobs),
        owners=owners_of([name for name in (users or "").split(",") if name]),
    )
    now = time.time()
    since = None if jobs else utc_text(now - (listing.RECENT if ended else 0))
    view = session.queue.view(since, query)
    if as_json:
        print_json([entry.as_json() for entry in view.entries])
    elif full:
        _print_all(session, view)
    elif view.entries:
        print_table(HEADS, rows_of(view.entries, now))
    if not view.manager_runs and not as_json:
        tell(f"qm: {session.queue.not_running()}")
    return listing.tell_missing(query, view.entries)


def _print_all(session: Session, view: View) -> None:
    from qm.cli.details import detail_pairs

    for number, entry in enumerate(view.entries):
        if number:
            say("")
        print_pairs(detail_pairs(session.queue.details(entry), entry))

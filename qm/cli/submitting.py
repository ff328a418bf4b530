"""The command submit: folders, scripts, commands and sweeps become jobs."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import click

from qm.cli.output import print_json, tell
from qm.cli.session import Session
from qm.cli.submit_options import SubmitCommand, key_options, wishes_of

if TYPE_CHECKING:
    from qm.submit.orders import Order
    from qm.submit.table import Table
    from qm.submit.words import Target


@click.command(cls=SubmitCommand)
@click.argument("words", metavar="[WORD]... [-- COMMAND...]", nargs=-1)
@click.option("--name", "-N", metavar="NAME", help="Name of the job's folder; may hold {column}.")
@click.option("--hold", is_flag=True, help="Let it wait until `qm release`.")
@key_options
@click.option("--each", metavar="TABLE", help="A CSV file: one job for each of its rows.")
@click.option("--fill", metavar="GLOB", multiple=True, help="More files to fill {column} into.")
@click.option("--move", is_flag=True, help="Take a folder or script away instead of copying it.")
@click.option("--force", is_flag=True, help="Submit it even if QM is going to refuse it.")
@click.option("--dry-run", is_flag=True, help="Say what would be submitted, and do nothing.")
@click.option("--wait", is_flag=True, help="Then wait until they have ended, as `qm wait`.")
@click.option("--json", "as_json", is_flag=True, help="A JSON list, for programs.")
@click.pass_obj
def submit(
    session: Session,
    /,
    words: Sequence[str],
    behind: Sequence[str],
    name: str | None,
    hold: bool,
    each: str | None,
    fill: Sequence[str],
    move: bool,
    force: bool,
    dry_run: bool,
    wait: bool,
    as_json: bool,
    env: Sequence[str],
    pairs: Sequence[str],
    **keys: Any,
) -> int:
    """Submit folders, scripts or commands as jobs.

    A WORD is an existing folder (a job), an existing file (a script with #QM,
    #SBATCH or #PBS lines), `-` (a script on standard input), or a command in
    quotes: qm submit "python train.py --epochs 50". All that follows `--` is one
    command.

    A folder or a script is copied, and runs in its copy. A command, and a script
    from standard input, runs in the folder that you are in; its log lies in its
    job folder. Relative paths of --cwd, --stdout and --stderr begin in the copy, or
    in the folder that you are in. Jobs get your environment, without what looks
    like a secret. Options win over the info file.

    --each makes one job for each row of a table: {column} becomes the row's value
    in the command (as one word, quoted where needed), in options, in the info
    file, in files named *.in or *.tmpl, and in those that match --fill; the
    environment has QM_ROW, and QM_SWEEP_LR for a column lr.
    """
    from datetime import UTC, datetime

    from qm.cli.dropping import Desk
    from qm.submit.orders import Clerk

    targets = _targets(words, behind, name, each, fill, move)
    wishes = wishes_of(keys, env, pairs, dict(os.environ))
    queue, now = session.queue, datetime.now(UTC)
    home = queue.home(os.getcwd())
    clerk = Clerk(queue.limits(), home, wishes, name, force, _read_pipe, now)
    desk = Desk(len(targets), as_json=as_json)
    if each is not None:
        from qm.submit.sweep import Sweep

        swept = Sweep(clerk, targets[0], _table(each), fill).orders()
        desk.expected = len(swept)
        orders: Iterable[Order | None] = swept
    else:
        for target in {target.means: target for target in targets}.values():
            clerk.settled(target, wishes)
        orders = desk.orders(clerk, targets)
    if dry_run:
        from qm.cli.checking import say_orders

        say_orders([order for order in orders if order is not None], as_json)
        return desk.code
    jobs = desk.submit(queue, orders, move=move, hold=hold)
    if wait:
        return max(desk.code, _wait_for(jobs, as_json))
    if as_json:
        print_json(jobs)
    return desk.code


def _wait_for(jobs: Sequence[dict[str, Any]], as_json: bool) -> int:
    """Wait for what was taken; returns the exit code. With JSON it says how they ended."""
    from qm.cli.waiting import wait

    taken = [job for job in jobs if job["state"] != "REJECTED"]
    names = [str(job["name"] if job["id"] is None else job["id"]) for job in taken]
    if not names:
        return 0
    code: int = click.get_current_context().invoke(
        wait, jobs=names, first=False, progress=False, timeout=None, as_json=as_json
    )
    return code


def _targets(
    words: Sequence[str],
    behind: Sequence[str],
    name: str | None,
    each: str | None,
    fill: Sequence[str],
    move: bool,
) -> list[Target]:
    """What the words mean; UsageError where they and the options do not go together."""
    from qm.submit.words import Means, targets_of

    count = len(words) + bool(behind)
    if not count:
        raise click.UsageError('name a folder, a script or a command: qm submit "python train.py"')
    if each is not None and (count > 1 or move):
        raise click.UsageError("--each makes jobs of one template, which stays where it is")
    if fill and each is None:
        raise click.UsageError("--fill goes with --each")
    if name is not None and count > 1:
        raise click.UsageError("--name is for one WORD")
    targets = targets_of(words, behind)
    if name is not None and len(targets) > 1:
        raise click.UsageError("--name is for one WORD")
    if move and any(target.means is not Means.PATH for target in targets):
        raise click.UsageError("--move is for folders and scripts")
    if sum(target.means is Means.PIPE for target in targets) > 1:
        raise click.UsageError("standard input can be read only once")
    return targets


def _read_pipe() -> bytes:
    from qm.jobinfo.text import READ_AT_MOST

    if sys.stdin.isatty():
        tell("Type the script, and end it with Ctrl-D (on Windows: Ctrl-Z and Enter)")
    data: bytes = sys.stdin.buffer.read(READ_AT_MOST + 1)
    return data


def _table(file: str) -> Table:
    from qm.names import shown
    from qm.submit.table import MOST_BYTES, read_table

    with open(file, "rb") as stream:
        return read_table(shown(file), stream.read(MOST_BYTES + 1))

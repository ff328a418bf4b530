"""The program ``qm``: its options and commands, and how an error ends it."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from qm import __version__
from qm.cli.commands import LazyGroup
from qm.cli.session import Session
from qm.errors import QMError

COMMANDS = {
    "init": "qm.cli.running:init",
    "serve": "qm.cli.running:serve",
    "start": "qm.cli.background:start",
    "stop": "qm.cli.background:stop",
    "restart": "qm.cli.background:restart",
    "reload": "qm.cli.background:reload",
    "status": "qm.cli.running:status",
    "submit": "qm.cli.submitting:submit",
    "check": "qm.cli.checking:check",
    "list": "qm.cli.looking:list_jobs",
    "show": "qm.cli.looking:show",
    "why": "qm.cli.looking:why",
    "logs": "qm.cli.looking:logs",
    "wait": "qm.cli.waiting:wait",
    "history": "qm.cli.history:history",
    "stats": "qm.cli.history:stats",
    "dashboard": "qm.cli.dashboard:dashboard",
    "kill": "qm.cli.acting:kill",
    "hold": "qm.cli.acting:hold",
    "release": "qm.cli.acting:release",
    "rerun": "qm.cli.acting:rerun",
    "suspend": "qm.cli.steering:suspend",
    "resume": "qm.cli.steering:resume",
    "set": "qm.cli.changing:set_keys",
    "priority": "qm.cli.changing:priority",
    "drain": "qm.cli.steering:drain",
    "limit": "qm.cli.steering:limit",
    "rm": "qm.cli.acting:rm",
    "restore": "qm.cli.restoring:restore",
    "purge": "qm.cli.purging:purge",
    "clean": "qm.cli.cleaning:clean",
    "doctor": "qm.cli.running:doctor",
    "notify": "qm.cli.telling:notify",
    "service": "qm.cli.installing:service",
    "web": "qm.cli.web:web",
    "worker": "qm.cli.background:worker",
    "demo": "qm.cli.running:demo",
    "completion": "qm.cli.completing:completion",
    "help": "qm.cli.commands:help_command",
    "qsub": "qm.cli.aliases:qsub",
    "qstat": "qm.cli.looking:qstat",
    "qdel": "qm.cli.aliases:qdel",
    "qhold": "qm.cli.aliases:qhold",
    "qrls": "qm.cli.aliases:qrls",
    "task": "qm.cli.task:task",
}
"""Each command's function, imported when it is called."""

SECTIONS = {
    "Jobs": ("submit", "check", "kill", "rerun", "rm", "restore", "purge"),
    "Looking": ("list", "show", "why", "logs", "wait", "history", "stats", "dashboard"),
    "Steering": ("hold", "release", "suspend", "resume", "set", "priority", "drain", "limit"),
    "QM itself": (
        *("init", "serve", "start", "stop", "restart", "reload", "status", "service"),
        *("web", "doctor", "notify", "clean", "demo", "completion", "help"),
    ),
    "Other names": ("qsub", "qstat", "qdel", "qhold", "qrls", "task", "worker"),
}
"""The commands as `qm --help` shows them; one that is in none stands under More."""

ELSEWHERE = frozenset(
    {"submit", "list", "show", "why", "logs", "wait", "kill", "rerun", "rm", "restore"}
    | {"hold", "release", "suspend", "resume", "set", "priority", "drain"}
    | {"qsub", "qstat", "qdel", "qhold", "qrls", "task", "help", "completion"}
)
"""The commands that need no folder: --url lets them work on the QM of another machine."""

_INTERRUPTED = 130


@click.group(
    cls=LazyGroup,
    table=COMMANDS,
    sections=SECTIONS,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.option(
    "--config",
    "config_file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The configuration file, instead of the usual QMserv.cfg.",
)
@click.option(
    "--folder",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="The QM_FOLDER to work on, instead of the configured one.",
)
@click.option(
    "--url",
    metavar="URL",
    help="The page of a QM on another machine, such as http://lab:8000, to work on that one.",
)
@click.option(
    "--token-file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The file with the token that --url wants; `qm web token` shows it on that machine.",
)
@click.option("-v", "--verbose", is_flag=True, help="Show a traceback where something fails.")
@click.version_option(__version__, prog_name="qm")
@click.pass_context
def qm(
    ctx: click.Context,
    /,
    config_file: Path | None,
    folder: Path | None,
    url: str | None,
    token_file: Path | None,
    verbose: bool,
) -> None:
    """QM runs jobs that are folders: copy one into QM_qJobs, and find it in QM_dJobs
    when it has run. These commands look at the queue and do what folders cannot.

    `qm help COMMAND` explains one of them.
    """
    if url is not None:
        _check_elsewhere(ctx, config_file or folder)
    elif token_file is not None:
        raise click.UsageError("--token-file goes with --url.")
    ctx.obj = Session(config_file, folder, url, token_file)


def _check_elsewhere(ctx: click.Context, here: Path | None) -> None:
    """UsageError for what does not go together with --url."""
    if here is not None:
        raise click.UsageError("--url names a QM elsewhere, --folder and --config one here.")
    if ctx.invoked_subcommand not in ELSEWHERE:
        raise click.UsageError(
            f"`qm {ctx.invoked_subcommand}` needs the folder of QM, and --url names a QM that is"
            " elsewhere: do it on that machine."
        )


def main() -> None:
    """Run the command line of this process, and end it with the exit code."""
    with open(os.devnull, "w", encoding="utf-8") as nowhere:
        # pythonw.exe has no streams: what is printed there is meant for nobody.
        sys.stdout, sys.stderr = sys.stdout or nowhere, sys.stderr or nowhere
        sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Carry out one command line; returns the exit code.

    Errors go to stderr as ``qm: what is wrong``, with a traceback only with -v.
    """
    for stream in (sys.stdout, sys.stderr):
        # A name that the terminal's encoding lacks shall not end a listing.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    try:
        code = qm.main(list(arguments), prog_name="qm", standalone_mode=False)
        sys.stdout.flush()
    except (click.Abort, KeyboardInterrupt):
        return _INTERRUPTED
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except BrokenPipeError:
        # Whoever read our output has seen enough; the interpreter shall not complain at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:
        if _wants_traceback(arguments):
            import traceback

            traceback.print_exc()
        return _complain(error)
    return code if isinstance(code, int) else 0


def _wants_traceback(arguments: Sequence[str]) -> bool:
    """True if -v stands among the options before the command."""
    before = []
    for argument in arguments:
        if argument in COMMANDS:
            break
        before.append(argument)
    return "-v" in before or "--verbose" in before


def _complain(error: Exception) -> int:
    if isinstance(error, QMError):
        print(f"qm: {error}", file=sys.stderr)
        return error.exit_code
    if isinstance(error, OSError):
        where = "" if error.filename is None else f"{os.fsdecode(error.filename)}: "
        print(f"qm: {where}{error.strerror or error}", file=sys.stderr)
        return 1
    print(f"qm: {type(error).__name__}: {error}", file=sys.stderr)
    print("  This is a mistake in QM; `qm -v …` shows where.", file=sys.stderr)
    return 1

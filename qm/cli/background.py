"""QM in the background: start, stop, restart, reload, and ``qm worker`` with the same."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click

from qm.cli.output import print_json, say, tell
from qm.cli.running import status
from qm.cli.session import Session

if TYPE_CHECKING:
    from qm.cli.launching import Launched
    from qm.cli.leaving import Mode

_START_PATIENCE = 60.0
_STOP_PATIENCE = 60.0
_RELOAD_PATIENCE = 30.0
_INTERRUPTED = 130

Command = TypeVar("Command", bound=Callable[..., Any])


def _seconds(most: float) -> click.FloatRange:
    return click.FloatRange(0, most)


def _start_options(command: Command) -> Command:
    """The options of what starts QM."""
    for option in (
        click.option(
            "--timeout",
            type=_seconds(86400),
            metavar="SECONDS",
            default=_START_PATIENCE,
            help="How long to wait until it serves; 60 by default.",
        ),
        click.option(
            "--idle-exit",
            type=_seconds(366 * 86400),
            metavar="SECONDS",
            help="QM ends when for so long nothing has run, waited or been held.",
        ),
        click.option("--no-web", is_flag=True, help="Without the web page."),
    ):
        command = option(command)
    return command


def _end_options(command: Command) -> Command:
    """How running jobs are dealt with."""
    for option in (
        click.option("--kill", is_flag=True, help="Stop all running jobs first."),
        click.option(
            "--wait", is_flag=True, help="Start nothing new, and end when nothing runs any more."
        ),
    ):
        command = option(command)
    return command


@click.command()
@_start_options
@click.pass_obj
def start(session: Session, no_web: bool, idle_exit: float | None, timeout: float) -> int:
    """Start QM in the background.

    It goes on when you log out or close the terminal, as far as the system
    lets it. Where a service is installed for this QM_FOLDER (`qm service`),
    that starts it. QM's log is QM_FOLDER/.qm/log/qm.log.
    """
    return _tell_start(session, _launch(session, no_web, idle_exit, timeout))


@click.command()
@_end_options
@click.option(
    "--timeout",
    type=_seconds(366 * 86400),
    metavar="SECONDS",
    help="Give up after this time; QM goes on then. By default 60, with --wait never.",
)
@click.pass_obj
def stop(session: Session, wait: bool, kill: bool, timeout: float | None) -> int:
    """Stop QM; running jobs go on.

    The next QM collects their ends. Exit code 0 also where no QM runs. With
    --wait, Ctrl-C takes the request back: QM goes on as before.
    """
    stopped = _leave(session, _mode(wait=wait, kill=kill), timeout)
    root = session.layout.root
    say(f"QM on {root} has stopped." if stopped else f"No QM runs on {root}.")
    return 0


@click.command()
@_end_options
@_start_options
@click.pass_obj
def restart(
    session: Session,
    wait: bool,
    kill: bool,
    no_web: bool,
    idle_exit: float | None,
    timeout: float,
) -> int:
    """Stop QM, and start it in the background.

    Running jobs go on. Where no QM runs, one is started.
    """
    mode = _mode(wait=wait, kill=kill)
    # Before anything is stopped: a configuration that is wrong would start nothing.
    _ = session.config
    _leave(session, mode, None)
    return _tell_start(session, _launch(session, no_web, idle_exit, timeout))


@click.command()
@click.option("--json", "as_json", is_flag=True, help="A JSON object, for programs.")
@click.pass_obj
def reload(session: Session, as_json: bool) -> int:
    """Read the configuration again, and tell what changed.

    A configuration that is wrong changes nothing.
    """
    from qm.control.client import ask

    answer = ask(session.layout, "reload", (), timeout=_RELOAD_PATIENCE, data={})
    if as_json:
        print_json(answer)
    else:
        for line in changes_text(answer["changed"], answer["restart"]):
            say(line)
    return 0


def changes_text(changed: Sequence[dict[str, Any]], restart: Sequence[str]) -> list[str]:
    """Sentences about a reload: ``changed`` has name, old and new; ``restart`` names options."""
    waiting = set(restart)
    lines = [
        f"{one['name']} is {one['new']} now; it was {one['old']}."
        for one in changed
        if one["name"] not in waiting
    ]
    if restart:
        names = ", ".join(restart)
        lines.append(f"After a restart only: {names}. `qm restart` does it; running jobs go on.")
    return lines or ["Nothing has changed."]


def _mode(*, wait: bool, kill: bool) -> Mode:
    if wait and kill:
        raise click.UsageError("--wait and --kill do not go together.")
    return "wait" if wait else "kill" if kill else "now"


def _leave(session: Session, mode: Mode, timeout: float | None) -> bool:
    from qm.cli.leaving import FOREVER, Watcher, leave

    layout = session.layout
    if mode != "wait":
        grace = session.config.kill_grace if mode == "kill" else 0.0
        return leave(layout, mode, timeout=_STOP_PATIENCE + grace if timeout is None else timeout)
    try:
        with Watcher(layout, tell):
            return leave(layout, mode, timeout=FOREVER if timeout is None else timeout)
    except KeyboardInterrupt:
        tell("Taken back: QM goes on.")
        raise


def _launch(session: Session, no_web: bool, idle_exit: float | None, timeout: float) -> Launched:
    from qm.cli.launching import Launch
    from qm.errors import QMError

    launch = Launch(session.config, session.layout, web=not no_web, patience=timeout)
    steps = [] if no_web or idle_exit is not None else _service_steps(session)
    try:
        if steps:
            try:
                return launch.by_service(steps)
            except QMError as error:
                tell(f"The service did not start QM: {error}")
                tell("It is started without the service.")
        options = ["--no-web"] * no_web
        options += [] if idle_exit is None else ["--idle-exit", f"{idle_exit:g}"]
        return launch.by_process(options)
    except KeyboardInterrupt:
        tell("QM goes on starting; `qm status` tells about it.")
        raise


def _service_steps(session: Session) -> Sequence[Any]:
    """How the service for this QM_FOLDER starts QM; nothing where none is installed."""
    from qm.service.choose import installed_for
    from qm.service.program import this_program

    service = installed_for(this_program(session.config))
    return [] if service is None else service.start()


def _tell_start(session: Session, launched: Launched) -> int:
    root = session.layout.root
    for warning in launched.warnings:
        tell(f"qm: {warning}")
    if launched.manager is None:
        say(f"QM has served {root}, and ended: there was nothing to do. Its log: {launched.log}")
        return 0
    if launched.was_there:
        say(f"QM serves {root} already ({launched.manager}).")
        return 0
    page = f"; its page: {launched.page}" if launched.page else ""
    say(f"QM serves {root} (process {launched.manager.pid}){page}; log: {launched.log}")
    return 0


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def worker() -> None:
    """QM in the background, with the names that mops has.

    `qm worker start` is `qm start`, and so on.
    """


for _command in (start, stop, status, restart, reload):
    worker.add_command(_command)

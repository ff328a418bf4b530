"""``qm service``: have the system start QM by itself, see whether it does, and undo it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import click

from qm.cli.output import print_json, say
from qm.cli.session import Session

if TYPE_CHECKING:
    from qm.service.choose import Service

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_SYSTEMS = ("linux", "macos", "windows")


def _checked_name(_: click.Context, __: click.Parameter, name: str) -> str:
    if not _NAME.fullmatch(name):
        raise click.BadParameter("letters, digits, dots, dashes and underscores, at most 64.")
    return name


_name_option = click.option(
    "--name",
    default="qm",
    callback=_checked_name,
    help="What to call it, if several QM_FOLDERs have one; qm by default.",
)
_print_option = click.option(
    "--print", "only_print", is_flag=True, help="Show what would be written and run, no more."
)
_for_option = click.option(
    "--for", "system", type=click.Choice(_SYSTEMS), help="With --print: for another system."
)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def service() -> None:
    """Let the system start QM when you log in.

    A systemd user unit on Linux, a launchd agent on macOS, a logon entry on
    Windows. None of them needs an administrator.
    """


@service.command()
@_name_option
@_print_option
@_for_option
@click.pass_obj
def install(session: Session, name: str, only_print: bool, system: str | None) -> int:
    """Let each login start QM for this QM_FOLDER, and start it now.

    The jobs get the PATH that you have now. Install it again when QM, its
    folder or its configuration has moved.
    """
    from qm.service.steps import carry_out, describe

    found = _service(session, name, system, only_print=only_print)
    if only_print:
        for line in describe(found.install(start=True)):
            say(line)
        return 0
    found.check()
    _refuse_anothers(session, found, "--name NAME installs one more.")
    running = _is_running(session)
    carry_out(found.install(start=not running))
    say(f"Installed the {found.kind} {found.where}")
    if running and found.start():
        say("QM runs already, and goes on as it is: `qm restart` hands it over to the service.")
    elif running:
        say("QM runs already, and goes on as it is.")
    else:
        say(f"It starts QM on {session.layout.root}; `qm status` tells how it is.")
    advice = found.advice()
    if advice:
        say(advice)
    return 0


@service.command()
@_name_option
@_print_option
@_for_option
@click.pass_obj
def remove(session: Session, name: str, only_print: bool, system: str | None) -> int:
    """Let no login start QM any more.

    Where the system runs QM by that service it is stopped; jobs run on.
    """
    from qm.service.steps import carry_out, describe

    found = _service(session, name, system, only_print=only_print)
    if only_print:
        for line in describe(found.remove()):
            say(line)
        return 0
    if found.installed() is None:
        say(f"There is no {found.kind} {found.where}.")
        return 0
    _refuse_anothers(session, found, "Name that folder with --folder to remove it.")
    carry_out(found.remove())
    say(f"Removed the {found.kind} {found.where}")
    return 0


@service.command(name="status")
@_name_option
@click.option("--json", "as_json", is_flag=True, help="A JSON object, for programs.")
@click.pass_obj
def service_status(session: Session, name: str, as_json: bool) -> int:
    """Say whether a service starts QM for this QM_FOLDER.

    Exit code 0: it is installed; 3: it is not.
    """
    found = _service(session, name, None, only_print=False)
    text = found.installed()
    ours = text is not None and found.is_ours(text)
    told = {
        "installed": text is not None,
        "for_this_folder": ours,
        "kind": found.kind,
        "where": found.where,
        "folder": session.layout.root,
        "enabled": found.enabled() if text is not None else False,
        "active": found.active() if text is not None else False,
    }
    if as_json:
        print_json(told)
    else:
        say(status_text(told))
    return 0 if ours else 3


def status_text(told: dict[str, Any]) -> str:
    """The object of ``qm service status --json`` as a paragraph."""
    if not told["installed"]:
        return (
            f"No service starts QM: there is no {told['kind']} {told['where']}."
            " `qm service install` makes it."
        )
    if not told["for_this_folder"]:
        return f"The {told['kind']} {told['where']} is for another folder than {told['folder']}."
    sentences = [f"The {told['kind']} {told['where']} is installed."]
    enabled, active = told["enabled"], told["active"]
    if enabled is not None:
        sentences.append("Logins start QM by it." if enabled else "Logins do not start QM by it.")
    if active is not None:
        sentences.append("It runs QM now." if active else "It does not run QM now.")
    if enabled is None and active is None:
        sentences.append("The system cannot be asked about it from here.")
    return " ".join(sentences)


def _service(session: Session, name: str, system: str | None, *, only_print: bool) -> Service:
    from qm.service.choose import service_here, service_on
    from qm.service.program import this_program

    program = this_program(session.config)
    if system is None:
        return service_here(program, name)
    if not only_print:
        raise click.UsageError("--for goes with --print only.")
    return service_on(system, program, name)


def _refuse_anothers(session: Session, found: Service, hint: str) -> None:
    from qm.errors import QMError

    text = found.installed()
    if text is not None and not found.is_ours(text):
        raise QMError(
            f"the {found.kind} {found.where} is for another folder than {session.layout.root}",
            hint,
        )


def _is_running(session: Session) -> bool:
    from qm.cli.presence import runs

    return runs(session.layout)

"""The options of ``qm submit`` that stand for keys of the info file, and how its words are told."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from qm.submit.wishes import Wishes

Function = TypeVar("Function", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class KeyOption:
    """An option for one key of the info file; ``several``: it may be given more than once."""

    key: str
    names: tuple[str, ...]
    metavar: str
    help: str
    several: bool = False


KEY_OPTIONS = (
    KeyOption("nb_proc", ("--nb-proc", "-n"), "N", "Processors."),
    KeyOption("mem", ("--mem",), "SIZE", "Memory, such as 2G."),
    KeyOption("nb_gpu", ("--nb-gpu", "--gpus"), "N", "GPUs."),
    KeyOption("walltime", ("--walltime", "-t"), "TIME", "Time limit, such as 45m or 1:30:00."),
    KeyOption("priority", ("--priority", "-p"), "N", "A higher one starts earlier."),
    KeyOption(
        "after",
        ("--after",),
        "JOBS",
        "Ids or names of jobs that must end first: prep, afterany:12.",
        several=True,
    ),
    KeyOption("begin", ("--begin",), "TIME", "Not before: 22:30, +2h, 2030-01-31T08:00."),
    KeyOption("retries", ("--retries",), "N", "How often to try again after a failure."),
    KeyOption("retry_delay", ("--retry-delay",), "TIME", "Pause before another try."),
    KeyOption("retry_on", ("--retry-on",), "CODES", "Exit codes worth another try: 75,137."),
    KeyOption("cwd", ("--cwd",), "DIR", "Folder to run in."),
    KeyOption("stdout", ("--stdout",), "FILE", "File for the output, else process.log."),
    KeyOption("stderr", ("--stderr",), "FILE", "File for the errors, else process.log."),
    KeyOption("e_mail", ("--e-mail",), "ADDRESS", "Owner, and where to mail."),
    KeyOption("info", ("--info",), "TEXT", "Description."),
    KeyOption("notify_url", ("--notify-url",), "URL", "Address that is told of the end."),
    KeyOption("signal", ("--signal",), "SIGNAL@SECONDS", "Warning before the time limit."),
)

_KEY_PARAMETER = "key_"


def key_options(function: Function) -> Function:
    """Add the options of the table, --rerunnable, --env and --set to a command."""
    options = [
        click.option(
            *option.names,
            _KEY_PARAMETER + option.key,
            metavar=option.metavar,
            multiple=option.several,
            help=option.help,
        )
        for option in KEY_OPTIONS
    ]
    options += [
        click.option(
            "--rerunnable",
            _KEY_PARAMETER + "rerunnable",
            is_flag=True,
            help="Queue it again when it is lost with its machine.",
        ),
        click.option(
            "--env",
            "env",
            metavar="NAME=VALUE",
            multiple=True,
            help="A variable for the script; NAME alone: with the value it has here.",
        ),
        click.option(
            "--set", "pairs", metavar="KEY=VALUE", multiple=True, help="Any key of the info file."
        ),
    ]
    for option in reversed(options):
        function = option(function)
    return function


class SubmitCommand(click.Command):
    """A command that knows the words behind ``--`` from those before it, as ``behind``."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Divide the words; an option that only the command knows gets a hint."""
        end = args.index("--") if "--" in args else len(args)
        before, behind = args[:end], args[end + 1 :]
        try:
            rest = super().parse_args(ctx, before)
        except click.NoSuchOption as error:
            if all(word.startswith("-") for word in before):
                raise
            hint = 'Write a command in quotes, qm submit "…", or behind two dashes: qm submit -- …'
            raise click.UsageError(f"{error.format_message()} {hint}", ctx) from error
        ctx.params["behind"] = tuple(behind)
        return rest


def wishes_of(
    parameters: dict[str, Any], env: Sequence[str], pairs: Sequence[str], environ: dict[str, str]
) -> Wishes:
    """What the options ask for. UsageError for a key that is given twice, or no pair."""
    from qm.jobinfo.items import normalise
    from qm.submit.wishes import Wishes

    keys: dict[str, str] = {}
    options: dict[str, str] = {}
    for option in KEY_OPTIONS:
        value = parameters[_KEY_PARAMETER + option.key]
        if option.several:
            value = ",".join(value) if value else None
        if value is not None:
            keys[option.key], options[option.key] = value, option.names[0]
    if parameters[_KEY_PARAMETER + "rerunnable"]:
        keys["rerunnable"], options["rerunnable"] = "yes", "--rerunnable"
    for pair in pairs:
        name, sign, value = pair.partition("=")
        key = normalise(name)
        if not sign or not key:
            raise click.UsageError(f"--set {pair}: write --set KEY=VALUE")
        if key in keys:
            raise click.UsageError(f"{key} is given twice: by {options[key]} and by --set")
        keys[key], options[key] = value.strip(), "--set"
    return Wishes(keys, [_variable(text, environ) for text in env], options)


def _variable(text: str, environ: dict[str, str]) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if sign:
        return name, value
    if name not in environ:
        raise click.UsageError(f"--env {name}: there is no such variable here; write {name}=VALUE")
    return name, environ[name]

"""The names that people know from PBS and Grid Engine, as commands and as programs."""

from __future__ import annotations

import copy
import inspect
import sys

import click

from qm.cli.acting import hold as _hold
from qm.cli.acting import kill as _kill
from qm.cli.acting import release as _release
from qm.cli.submitting import submit as _submit


def _alias(name: str, command: click.Command, first: str) -> click.Command:
    """``command`` under another name; its help begins with ``first``."""
    made = copy.copy(command)
    made.name = name
    about = f"{name} is `qm {command.name}`, as PBS and Grid Engine call it."
    rest = inspect.cleandoc(command.help or "").partition("\n\n")[2]
    made.help = "\n\n".join(part for part in (first, about, rest) if part)
    made.short_help = None
    return made


qsub = _alias("qsub", _submit, "Submit jobs, as `qm submit`.")
qdel = _alias("qdel", _kill, "Stop or cancel jobs, as `qm kill`.")
qhold = _alias("qhold", _hold, "Keep waiting jobs from starting, as `qm hold`.")
qrls = _alias("qrls", _release, "Let held jobs start again, as `qm release`.")


def run_qsub() -> None:
    """The program ``qsub``; without arguments it reads a script from its input, as PBS's does."""
    given = sys.argv[1:]
    _run("qsub", given or ([] if sys.stdin.isatty() else ["-"]))


def run_qstat() -> None:
    """The program ``qstat``."""
    _run("qstat", sys.argv[1:])


def run_qdel() -> None:
    """The program ``qdel``."""
    _run("qdel", sys.argv[1:])


def run_qhold() -> None:
    """The program ``qhold``."""
    _run("qhold", sys.argv[1:])


def run_qrls() -> None:
    """The program ``qrls``."""
    _run("qrls", sys.argv[1:])


def _run(name: str, arguments: list[str]) -> None:
    from qm.cli.main import run

    sys.exit(run([name, *arguments]))

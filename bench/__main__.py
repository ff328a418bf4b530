"""The program: ``python -m bench drain``, ``latency``, ``submit``, …, ``all``."""

from __future__ import annotations

import json
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import click

from bench import (
    bulk,
    drain,
    growth,
    idle,
    latency,
    looking,
    planning,
    startup,
    steady,
    submit,
    web,
)
from bench.machine import busy_percent, describe
from bench.plan import Plan, plan_of
from bench.report import Section, machine_text, whole_report
from bench.simulate.command import simulate_command
from bench.torture import torture_command

Measure = Callable[[Plan], Section]

BENCHMARKS: dict[str, Measure] = {
    "drain": drain.measure,
    "growth": growth.measure,
    "latency": latency.measure,
    "submit": submit.measure,
    "idle": idle.measure,
    "startup": startup.measure,
    "planning": planning.measure,
    "looking": looking.measure,
    "web": web.measure,
}
LONG: dict[str, Measure] = {
    "bulk": bulk.measure,
    "steady": steady.measure,
}
"""Of minutes, and of one purpose: ``all`` leaves them out."""

_LOOK_AROUND = 2.0
"""Seconds to look how busy the machine is."""

_OPTIONS: list[click.Option] = [
    click.Option(["--jobs"], type=click.IntRange(min=1), help="Jobs of one drain [1000]."),
    click.Option(
        ["--slots"],
        type=click.IntRange(min=1),
        default=2,
        show_default=True,
        help="MaxNbProcessors; the jobs that run at a time.",
    ),
    click.Option(["--repeat"], type=click.IntRange(min=1), help="Rounds [3]."),
    click.Option(
        ["--json", "json_file"],
        type=click.Path(path_type=Path, dir_okay=False),
        metavar="FILE",
        help="Write machine, samples and medians to this file.",
    ),
    click.Option(
        ["--dir", "where"],
        type=click.Path(path_type=Path, exists=True, file_okay=False),
        metavar="DIR",
        help="Work in a new folder in DIR, instead of the system's for temporary files.",
    ),
    click.Option(
        ["--count-syncs/--no-count-syncs"],
        default=True,
        show_default=True,
        help="Count syncs with strace where it is installed.",
    ),
    click.Option(["--quick"], is_flag=True, help="Small sizes: shows that it works, no more."),
]
_OWN_OPTIONS: dict[str, list[click.Option]] = {
    "web": [
        click.Option(
            ["--only"],
            type=click.Choice([*web.FIGURES]),
            multiple=True,
            help="Only these figures; may be given more than once.",
        )
    ],
    "bulk": [
        click.Option(
            ["--size", "bulk"],
            type=click.IntRange(min=1),
            help="Jobs waiting, and as many ended [100000].",
        )
    ],
    "steady": [
        click.Option(
            ["--minutes"], type=click.FloatRange(min=0.05), help="How long the load lasts [10]."
        ),
        click.Option(
            ["--ended"],
            type=click.IntRange(min=0),
            help="Jobs that have ended before, and stay; 0: none, and all stay [10000].",
        ),
    ],
}
"""Of one benchmark alone."""


def run(
    names: Sequence[str],
    *,
    json_file: Path | None,
    where: Path | None,
    only: Sequence[str] = (),
    **sizes: Any,
) -> None:
    """Run benchmarks, print what they find, and clean up.

    The exit code is 1 where a figure misses a gate; ``only`` is for ``web``.
    """
    _require("sh", "mkfifo")
    # Told to end, it still ends what it started and removes its folder.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    folder = Path(tempfile.mkdtemp(prefix="qm-bench-", dir=where)).resolve()
    try:
        plan = plan_of(folder, **sizes)
        machine = describe(folder)
        click.echo(machine_text(machine))
        sections = [_measured(name, plan, only) for name in names]
        if json_file is not None:
            told = {key: value for key, value in asdict(plan).items() if key != "where"}
            report = whole_report(machine, told, sections)
            text = json.dumps(report, indent=1) + "\n"
            json_file.write_text(text, encoding="utf-8")
            click.echo(f"\nWritten to {json_file}")
        if any(section.missed for section in sections):
            sys.exit(1)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _measured(name: str, plan: Plan, only: Sequence[str]) -> Section:
    busy = busy_percent(_LOOK_AROUND)
    measure = partial(web.measure, only=only) if only else (BENCHMARKS | LONG)[name]
    section = measure(plan).with_note(
        f"Just before, whatever else ran kept the processors {busy:.0f} % busy."
    )
    click.echo(f"\n{section.text()}")
    return section


def _require(*programs: str) -> None:
    missing = [program for program in programs if shutil.which(program) is None]
    if missing:
        raise click.ClickException(
            f"the benchmarks need {' and '.join(missing)}, which this system does not have"
        )


def _command(name: str, names: Sequence[str], text: str) -> click.Command:
    options: list[click.Parameter] = [*_OPTIONS, *_OWN_OPTIONS.get(name, [])]
    return click.Command(name, callback=partial(run, names), params=options, help=text)


def _first_line(measure: Measure) -> str:
    module = __import__(measure.__module__, fromlist=["__doc__"])
    return str(module.__doc__).strip().splitlines()[0]


def program() -> click.Group:
    """The command line, one command for each benchmark and one for all of them."""
    each = BENCHMARKS | LONG
    commands = [_command(name, [name], _first_line(m)) for name, m in each.items()]
    but = " and ".join(LONG)
    commands.append(_command("all", list(BENCHMARKS), f"All but {but}, one after the other."))
    commands += [simulate_command, torture_command]
    return click.Group(
        "bench",
        commands=commands,
        help="Measure QM on this machine, held against what else runs on it.",
        context_settings={"help_option_names": ["-h", "--help"]},
    )


if __name__ == "__main__":
    program()(prog_name="python -m bench")

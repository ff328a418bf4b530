"""How commands are found: help in sections, hints for a wrong one, names from PBS, qm task."""

from __future__ import annotations

import configparser
import importlib
import io
from pathlib import Path

import click
import pytest

from qm.cli import aliases
from qm.cli.main import COMMANDS, SECTIONS, qm
from qm.cli.task import TASKS, task
from qm.model import State
from tests.fakes.commands import Command, lay_job, quiet_command

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Command:
    return quiet_command(tmp_path, capsys, monkeypatch)


def test_help_shows_every_command_once_in_its_section(command: Command) -> None:
    lines = command("--help").out.splitlines()
    shown = [line.split()[0] for line in lines if line.startswith("  ") and line[2] != " "]
    commands = [word for word in shown if word in COMMANDS]
    assert sorted(commands) == sorted(COMMANDS)
    titles = [line[:-1] for line in lines if line.endswith(":") and not line.startswith(" ")]
    assert titles[: 1 + len(SECTIONS)] == ["Options", *SECTIONS]


def test_every_command_has_a_section() -> None:
    placed = [name for names in SECTIONS.values() for name in names]
    assert len(placed) == len(set(placed))
    assert set(COMMANDS) <= set(placed)


def test_help_of_a_command_is_what_the_command_says_itself(command: Command) -> None:
    for words in (("kill",), ("task", "kill"), ()):
        assert command("help", *words).out == command(*words, "--help").out


@pytest.mark.parametrize(
    ("wrong", "meant"),
    [
        (("kil",), "kill"),
        (("Kill",), "kill"),
        (("scancel",), "kill"),
        (("squeue",), "list"),
        (("relese",), "release"),
        (("help", "lst"), "list"),
        (("task", "summit"), "submit"),
        (("task", "delete"), "rm"),
    ],
)
def test_a_wrong_command_is_told_with_the_one_that_may_be_meant(
    command: Command, wrong: tuple[str, ...], meant: str
) -> None:
    said = command(*wrong)
    assert (said.code, said.out) == (2, "")
    assert f"No such command '{wrong[-1]}'. Did you mean {meant}" in said.err


def test_what_is_like_no_command_gets_no_hint(command: Command) -> None:
    said = command("xyzzy")
    assert said.code == 2 and "No such command 'xyzzy'.\n" in said.err
    assert command("help", "kill", "x").code == 2


@pytest.mark.parametrize(
    ("alias", "name"),
    [("qsub", "submit"), ("qdel", "kill"), ("qhold", "hold"), ("qrls", "release")],
)
def test_an_alias_takes_what_its_command_takes_and_says_what_it_is(
    command: Command, alias: str, name: str
) -> None:
    context = click.Context(qm)
    one, other = qm.get_command(context, alias), qm.get_command(context, name)
    assert one is not None and other is not None
    assert [p.name for p in one.params] == [p.name for p in other.params]
    assert f"{alias} is `qm {name}`" in " ".join(command(alias, "--help").out.split())


def test_a_family_of_tasks_is_the_same_commands() -> None:
    context = click.Context(task)
    for name, place in TASKS.items():
        found = task.get_command(context, name)
        module, _, function = place.partition(":")
        assert found is getattr(importlib.import_module(module), function)


def test_a_command_of_the_family_does_what_it_says(command: Command) -> None:
    lay_job(command.layout, 7, "a", State.RUNNING)
    assert command.json("task", "list")[0]["id"] == 7
    assert command("task", "kill", "99").code == 1


def test_the_programs_of_the_package_are_there() -> None:
    setup = configparser.ConfigParser(interpolation=None)
    setup.read(ROOT / "setup.cfg", encoding="utf-8")
    scripts = setup["options.entry_points"]["console_scripts"].split("\n")
    programs = dict(line.split(" = ") for line in scripts if line)
    assert {"qm", "qsub", "qstat", "qdel", "qhold", "qrls"} <= set(programs)
    for place in programs.values():
        module, _, function = place.partition(":")
        assert callable(getattr(importlib.import_module(module), function))


@pytest.mark.parametrize("program", ["qsub", "qstat", "qdel", "qhold", "qrls"])
def test_a_program_is_its_command_with_the_arguments_of_the_process(
    command: Command, program: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", [program, "--help"])
    with pytest.raises(SystemExit) as ended:
        getattr(aliases, f"run_{program}")()
    assert ended.value.code == 0
    assert command._capture.readouterr().out == command(program, "--help").out


@pytest.mark.parametrize(("on_a_terminal", "arguments"), [(False, ["qsub", "-"]), (True, ["qsub"])])
def test_qsub_without_arguments_reads_what_is_piped_into_it(
    monkeypatch: pytest.MonkeyPatch, on_a_terminal: bool, arguments: list[str]
) -> None:
    def run(given: list[str]) -> int:
        asked.append(given)
        return 0

    asked: list[list[str]] = []
    keyboard = io.StringIO()
    monkeypatch.setattr(keyboard, "isatty", lambda: on_a_terminal)
    monkeypatch.setattr(importlib.import_module("qm.cli.main"), "run", run)
    monkeypatch.setattr("sys.argv", ["qsub"])
    monkeypatch.setattr("sys.stdin", keyboard)
    with pytest.raises(SystemExit):
        aliases.run_qsub()
    assert asked == [arguments]

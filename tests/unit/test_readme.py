"""What README.md says is what the program says."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import click
import pytest
from defusedxml import ElementTree

from qm.cli.main import COMMANDS, qm
from qm.config import option_help
from qm.jobinfo.keys import KEYS
from qm.jobinfo.limits import Limits
from qm.jobinfo.read import read_info
from qm.model import LETTER, PLACE_OF, JobInfo, State
from tests.readme import README, ROOT, block, blocks, table

TEXT = README.read_text(encoding="utf-8")
NOW = datetime(2026, 1, 1, tzinfo=UTC)
INFO_FILES = {"ini": "proc_config.cfg", "xml": "infos.xml", "bash": "job.sh"}


def info_of(language: str) -> JobInfo:
    (sample,) = block(language)
    return read_info(INFO_FILES[language], sample.text.encode(), Limits(max_processors=64), NOW)


def differing(found: Sequence[tuple[str, ...]], wanted: Sequence[tuple[str, ...]]) -> str:
    """The lines to put into the table, for whoever has to mend it."""
    new = ["| " + " | ".join(row) + " |" for row in wanted if row not in found]
    old = ["| " + " | ".join(row) + " |" for row in found if row not in wanted]
    return "\n".join(["README.md lacks:", *new, "and says instead:", *old])


def test_the_key_table_is_that_of_the_program() -> None:
    rows = table(TEXT, ("key", "what it says", "example", "obeyed"))
    found = [row[:3] for row in rows]
    wanted = [(f"`{key.name}`", key.meaning, f"`{key.example}`") for key in KEYS.values()]
    assert found == wanted, differing(found, wanted)


def used_options() -> Iterator[str]:
    """Keys that the deciding and running parts of QM read: ``options.NAME`` in their code."""
    for unit in ("core", "systems", "supervisor", "notify", "routing"):
        path = ROOT / "qm" / unit
        for file in path.rglob("*.py") if path.is_dir() else [path] if path.exists() else []:
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Attribute) and ast.unparse(node.value).endswith("options"):
                    yield node.attr


def test_a_key_that_is_not_obeyed_yet_is_told_as_such() -> None:
    rows = table(TEXT, ("key", "what it says", "example", "obeyed"))
    not_yet = {row[0].strip("`") for row in rows if row[3] == "not yet"}
    assert not_yet == {key.name for key in KEYS.values() if not key.obeyed}
    assert not not_yet & set(used_options())
    only_told = {"script", "size", "info"}
    obeyed = {row[0].strip("`") for row in rows} - not_yet - only_told
    elsewhere = {"env", "settle"}  # qm.jobenv, qm.drops.
    assert obeyed - elsewhere <= set(used_options())


@pytest.mark.parametrize("section", ["QMServer", "WEB_QMserver"])
def test_the_option_table_is_that_of_the_program(section: str) -> None:
    found = table(TEXT, ("option", "kind", "default", "meaning"), after=f"`[{section}]`:")
    wanted = [
        (f"`{row.name}`", row.type, f"`{row.default}`", row.help)
        for row in option_help()
        if row.section == section
    ]
    assert found == wanted, differing(found, wanted)


def test_every_section_of_the_configuration_has_a_table() -> None:
    assert {row.section for row in option_help()} == set(re.findall(r"^`\[(\w+)]`:$", TEXT, re.M))


def test_the_state_table_is_that_of_the_program() -> None:
    rows = table(TEXT, ("state", "letter", "folder", "meaning"))
    found = [row[:3] for row in rows]
    wanted = [(state.value, LETTER[state], f"`{PLACE_OF[state].value}`") for state in State]
    assert found == wanted, differing(found, wanted)


def test_the_table_of_commands_is_that_of_the_program() -> None:
    context = click.Context(qm)
    found = table(TEXT, ("command", "what it does"))
    commands = {name: qm.get_command(context, name) for name in COMMANDS}
    wanted = [
        (f"`qm {name}`", command.get_short_help_str(limit=200))
        for name, command in commands.items()
        if command is not None
    ]
    assert found == wanted, differing(found, wanted)


@pytest.mark.parametrize("language", INFO_FILES)
def test_the_info_files_are_read_without_a_warning(language: str) -> None:
    info = info_of(language)
    assert info.warnings == ()
    assert info.options.nb_proc == 4
    assert info.options.info == "some description of the job"


def test_the_cfg_and_the_xml_form_say_the_same() -> None:
    assert info_of("ini").options == info_of("xml").options


def test_the_python_sample_runs_with_the_processors_that_it_is_given() -> None:
    (sample,) = block("python")
    done = subprocess.run(
        [sys.executable, "-c", sample.text],
        env={**os.environ, "NB_PROC": "2"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stdout) == (0, "1000000\n"), done.stderr


def test_the_two_commands_of_ci_are_marked_and_alone() -> None:
    marks = [one.mark for one in blocks(TEXT) if one.mark is not None]
    assert marks == ["run-command", "test-command"]
    for mark in marks:
        (command,) = block("sh", mark)
        assert len(command.text.splitlines()) == 1


def test_every_block_is_of_a_kind_that_is_tested() -> None:
    assert {one.language for one in blocks(TEXT)} == {"sh", "python", *INFO_FILES}


def test_links_into_the_repository_lead_somewhere() -> None:
    links = [link for link in re.findall(r"]\(([^)]+)\)", TEXT) if "://" not in link]
    assert links
    missing = [link for link in links if not (ROOT / link).exists()]
    assert not missing, f"README.md links to {missing}"


@pytest.mark.parametrize("picture", sorted((ROOT / "docs").glob("*.svg")), ids=lambda p: p.name)
def test_a_picture_is_well_formed_and_for_light_and_dark(picture: Path) -> None:
    text = picture.read_text(encoding="utf-8")
    root = ElementTree.fromstring(text)
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert root.find("{*}title") is not None and root.find("{*}desc") is not None
    assert "prefers-color-scheme: dark" in text
    for place in set(PLACE_OF.values()):
        assert place.value in text

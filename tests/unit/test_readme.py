"""What README.md says is what the program says."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from defusedxml import ElementTree

from docs.tables import EXAMPLE, REFERENCE, reference
from qm.cli.main import COMMANDS
from qm.config import option_help
from qm.config.example import render_example
from qm.jobinfo.keys import KEYS
from qm.jobinfo.limits import Limits
from qm.jobinfo.read import read_info
from qm.model import LETTER, PLACE_OF, JobInfo, State
from tests.readme import README, ROOT, block, blocks, table

TEXT = README.read_text(encoding="utf-8")
TABLES = REFERENCE.read_text(encoding="utf-8")
NOW = datetime(2026, 1, 1, tzinfo=UTC)
INFO_FILES = {"ini": "proc_config.cfg", "xml": "infos.xml", "bash": "job.sh"}


def info_of(language: str) -> JobInfo:
    (sample,) = block(language)
    return read_info(INFO_FILES[language], sample.text.encode(), Limits(max_processors=64), NOW)


def test_the_tables_of_the_reference_are_those_of_the_program() -> None:
    again = "run: python docs/tables.py"
    assert reference(TABLES) == TABLES, again
    assert EXAMPLE.read_text(encoding="utf-8") == render_example(), again


def used_options() -> Iterator[str]:
    """Keys that the deciding and running parts of QM read: ``options.NAME`` in their code."""
    for unit in ("core", "systems", "supervisor", "notify", "routing"):
        path = ROOT / "qm" / unit
        for file in path.rglob("*.py") if path.is_dir() else [path] if path.exists() else []:
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Attribute) and ast.unparse(node.value).endswith("options"):
                    yield node.attr


def test_a_key_that_is_not_obeyed_yet_is_told_as_such() -> None:
    rows = table(TABLES, ("key", "what it says", "example", "obeyed"))
    not_yet = {row[0].strip("`") for row in rows if row[3] == "not yet"}
    assert not_yet == {key.name for key in KEYS.values() if not key.obeyed}
    assert not not_yet & set(used_options())
    only_told = {"script", "size", "info"}
    obeyed = {row[0].strip("`") for row in rows} - not_yet - only_told
    elsewhere = {"env", "settle"}  # qm.jobenv, qm.drops.
    assert obeyed - elsewhere <= set(used_options())


def test_every_section_of_the_configuration_has_a_table() -> None:
    assert {row.section for row in option_help()} == set(re.findall(r"^`\[(\w+)]`:$", TABLES, re.M))


def test_the_state_table_is_that_of_the_program() -> None:
    rows = table(TABLES, ("state", "letter", "folder", "meaning"))
    found = [row[:3] for row in rows]
    assert found == [(one.value, LETTER[one], f"`{PLACE_OF[one].value}`") for one in State]


def test_every_command_that_the_readme_names_is_there() -> None:
    named = set(re.findall(r"\bqm ([a-z]+)\b", TEXT))
    assert named <= {*COMMANDS}, named - {*COMMANDS}


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
    missing = [link for link in links if not (ROOT / link.partition("#")[0]).exists()]
    heads = {head.lower() for head in re.findall(r"^## (.+)$", TABLES, re.M)}
    missing += [link for link in links if "#" in link and link.partition("#")[2] not in heads]
    assert not missing, f"README.md links to {missing}"


@pytest.mark.parametrize("picture", sorted((ROOT / "docs").glob("*.svg")), ids=lambda p: p.name)
def test_a_picture_is_well_formed_and_needs_nothing_from_elsewhere(picture: Path) -> None:
    text = picture.read_text(encoding="utf-8")
    assert ElementTree.fromstring(text).tag == "{http://www.w3.org/2000/svg}svg"
    addresses = set(re.findall(r"https?://[^\s\"')<]+", text))
    assert all(one.startswith("http://www.w3.org/") for one in addresses), addresses


def test_the_picture_of_the_folders_names_them_and_is_for_light_and_dark() -> None:
    text = (ROOT / "docs" / "folders.svg").read_text(encoding="utf-8")
    root = ElementTree.fromstring(text)
    assert root.find("{*}title") is not None and root.find("{*}desc") is not None
    assert "prefers-color-scheme: dark" in text
    for place in set(PLACE_OF.values()):
        assert place.value in text

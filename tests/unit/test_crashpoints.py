"""Crash points: the table is what the code has, and each kills once, and only where asked."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from qm.crashpoints import NOTE_VARIABLE, POINTS, VARIABLE

ROOT = Path(__file__).resolve().parents[2]
COMES = """
import os, sys
from qm.crashpoints import arm, crash_point
arm(inherited={inherited})
for name, concerned in {comes!r}:
    print(name, flush=True)
    crash_point(name, concerned)
print("end", " ".join(sorted(set(os.environ) & {{{variable!r}, {note!r}}})), flush=True)
"""


def points_in(source: str) -> list[str]:
    """The names in all calls of crash_point; one that is no plain text is told as such."""
    return [
        call.args[0].value
        if isinstance(call.args[0], ast.Constant) and isinstance(call.args[0].value, str)
        else ast.unparse(call)
        for call in ast.walk(ast.parse(source))
        if isinstance(call, ast.Call)
        and isinstance(call.func, ast.Name)
        and call.func.id == "crash_point"
    ]


def test_the_table_has_the_points_of_the_code_and_no_others() -> None:
    files = [file for folder in ("qm", "web") for file in (ROOT / folder).rglob("*.py")]
    found = {name for file in files for name in points_in(file.read_text(encoding="utf-8"))}
    assert found == set(POINTS)


def test_a_point_stands_at_one_place_of_each_system() -> None:
    files = [file for file in (ROOT / "qm").rglob("*.py") if "windows" not in file.name]
    found = [name for file in files for name in points_in(file.read_text(encoding="utf-8"))]
    assert sorted(found) == sorted(POINTS)


def test_a_point_without_a_plain_name_is_found() -> None:
    assert points_in("crash_point(f'x.{y}')\ncrash_point('a.b', c)") == [
        "crash_point(f'x.{y}')",
        "a.b",
    ]


@pytest.mark.parametrize("name", POINTS)
def test_each_point_has_a_sentence_that_says_what_is_on_disk(name: str) -> None:
    sentence = POINTS[name]
    assert sentence[0].isupper() and sentence.endswith(".") and len(sentence) > 10


def come_by(
    at: str | None,
    note: Path | None,
    *comes: tuple[str, str],
    inherited: bool = False,
) -> tuple[int, list[str]]:
    """Let a process come by these points; its exit code and what it said."""
    env = {"PYTHONPATH": str(ROOT)}
    env |= {} if at is None else {VARIABLE: at}
    env |= {} if note is None else {NOTE_VARIABLE: str(note)}
    code = COMES.format(comes=comes, inherited=inherited, variable=VARIABLE, note=NOTE_VARIABLE)
    done = subprocess.run(
        [sys.executable, "-c", code], env=env, capture_output=True, text=True, timeout=60
    )
    return done.returncode, [line.strip() for line in done.stdout.splitlines()]


LOOKED, RENAMED = ("claim.looked", "seven"), ("claim.renamed", "seven")


def test_an_unarmed_process_comes_by_every_point() -> None:
    assert come_by(None, None, LOOKED, RENAMED) == (0, ["claim.looked", "claim.renamed", "end"])


def test_an_armed_process_dies_at_its_point_and_leaves_a_note(tmp_path: Path) -> None:
    note = tmp_path / "note"
    code, said = come_by("claim.renamed", note, LOOKED, RENAMED, LOOKED)
    assert code != 0 and said == ["claim.looked", "claim.renamed"]
    pid, *rest = note.read_text().split()
    assert pid.isdigit() and rest == ["claim.renamed", "seven"]


def test_only_one_process_dies_of_one_note(tmp_path: Path) -> None:
    note = tmp_path / "note"
    assert come_by("claim.looked", note, LOOKED)[0] != 0
    assert come_by("claim.looked", note, LOOKED)[0] == 0


def test_a_point_may_be_meant_for_the_second_time_or_for_one_job() -> None:
    twice = (LOOKED, LOOKED, LOOKED)
    assert come_by("claim.looked:2", None, *twice)[1] == ["claim.looked", "claim.looked"]
    others = (LOOKED, ("claim.looked", "eight"), LOOKED)
    assert come_by("claim.looked@eight", None, *others)[1] == ["claim.looked", "claim.looked"]
    assert come_by("claim.looked@eight:2", None, *others)[0] == 0


def test_a_name_that_no_point_has_is_an_error() -> None:
    code, said = come_by("claim.nothing", None, LOOKED)
    assert code == 1 and said == []


@pytest.mark.parametrize("inherited", [False, True])
def test_the_variables_are_left_to_others_only_where_that_is_wanted(
    tmp_path: Path, inherited: bool
) -> None:
    code, said = come_by("claim.looked:9", tmp_path / "note", LOOKED, inherited=inherited)
    names = f"end {VARIABLE} {NOTE_VARIABLE}" if inherited else "end"
    assert (code, said) == (0, ["claim.looked", names])

"""What shells are told when a person presses the completion key."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from qm.cli.candidates import answer, script
from qm.cli.main import run
from qm.folders.layout import Layout
from qm.index import Index
from qm.model import State
from qm.times import utc_text
from tests.fakes.shown import NOW, a_row, managed, put


@pytest.fixture
def layout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Layout:
    monkeypatch.delenv("QM_CONFIG", raising=False)
    made = Layout(str(tmp_path / "QM"))
    monkeypatch.setenv("QM_FOLDER", made.root)
    return made


@pytest.fixture
def index(layout: Layout) -> Iterator[Index]:
    with managed(layout) as made:
        put(
            made,
            a_row(1, State.FINISHED, name="fit", ended=utc_text(NOW)),
            a_row(12, State.RUNNING, name="train"),
            a_row(13, State.HELD, name="two words"),
            a_row(14, State.QUEUED, name="1st"),
        )
        yield made


def offered(*words: str, shell: str = "bash") -> list[str]:
    """What may stand in the place of the last word."""
    asked = {"COMP_WORDS": "\n".join(words), "COMP_CWORD": str(len(words) - 1)}
    return answer(shell, asked).splitlines()


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("qm lis", ["plain,list"]),
        ("qm show ", ["plain,1st", "plain,13", "plain,train", "plain,fit"]),
        ("qm show 1", ["plain,14", "plain,13", "plain,12", "plain,1"]),
        ("qm show 1s", ["plain,1st"]),
        ("qm logs -f tr", ["plain,train"]),
        ("qm kill ", ["plain,1st", "plain,13", "plain,train"]),
        ("qm release ", ["plain,13"]),
        ("qm rm ", ["plain,fit"]),
        ("qm wait train ", ["plain,1st", "plain,13", "plain,train"]),
        ("qm show tr%", []),
        ("qm list --state r", ["plain,RUNNING", "plain,REJECTED"]),
        ("qm list --state FAILED,k", ["plain,FAILED,KILLED"]),
        ("qm list --columns id,exit", ["plain,id,exit_code"]),
        ("qm list --sort du", ["plain,duration"]),
        ("qm submit dir/x", ["file,dir/x"]),
        ("qm list --rev", ["plain,--reverse"]),
        ("qm nonsense x", []),
    ],
)
def test_what_is_offered_fits_the_command(index: Index, line: str, expected: list[str]) -> None:
    assert offered(*line.split(" ")) == expected


def test_zsh_and_fish_are_told_what_each_job_is(index: Index) -> None:
    assert offered("qm", "rm", "", shell="zsh") == ["plain", "fit", "FINISHED 1"]
    assert offered("qm", "rm", "", shell="fish") == ["plain,fit\tFINISHED 1"]


def test_the_folder_that_was_named_is_asked(index: Index, tmp_path: Path) -> None:
    other = Layout(str(tmp_path / "other"))
    with managed(other) as elsewhere:
        put(elsewhere, a_row(99, name="elsewhere"))
        assert offered("qm", "--folder", other.root, "show", "") == ["plain,elsewhere"]
    assert offered("qm", "--folder", str(tmp_path / "nowhere"), "show", "") == []


def test_a_damaged_index_completes_nothing_and_is_no_error(layout: Layout) -> None:
    layout.create()
    Path(layout.index_file).write_bytes(b"no database" * 100)
    assert offered("qm", "show", "") == []


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_asks_for_its_own_shell(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["completion", shell]) == 0
    said = capsys.readouterr().out
    assert said == script(shell) and f"completion {shell} --words" in said
    program = shutil.which(shell)
    if program is not None:
        checked = subprocess.run([program, "-n"], input=said, text=True, capture_output=True)
        assert (checked.returncode, checked.stderr) == (0, "")


BASH = shutil.which("bash")


@pytest.mark.skipif(BASH is None, reason="no bash here")
def test_bash_completes_with_the_script(index: Index, tmp_path: Path) -> None:
    program = tmp_path / "qm"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m qm "$@"\n', encoding="utf-8")
    program.chmod(0o755)
    typed = """
        eval "$(qm completion bash)"
        COMP_WORDS=(qm show tr); COMP_CWORD=2
        _qm_completion qm tr show
        printf '<%s>' "${COMPREPLY[@]}"
        complete -p qm
    """
    environment = {**os.environ, "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"}
    assert BASH is not None
    said = subprocess.run(
        [BASH, "--norc", "-c", typed],
        capture_output=True,
        text=True,
        env=environment,
        timeout=30,
    )
    assert said.stdout.startswith("<train>complete"), said.stderr
    assert "_qm_completion" in said.stdout

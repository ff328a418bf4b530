"""What the words behind ``qm submit`` mean, and what people are told who write them wrongly."""

from __future__ import annotations

from pathlib import Path

import pytest

from qm.errors import Refused
from qm.osops.shell import join_words
from qm.submit.words import Means, Target, targets_of


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "job").mkdir()
    (tmp_path / "job2").mkdir()
    (tmp_path / "two words").mkdir()
    (tmp_path / "run.sh").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("shutil.which", {"python": "x", "make": "x", "sleep": "x"}.get)
    return tmp_path


@pytest.mark.parametrize(
    ("word", "means"),
    [
        ("job", Means.PATH),
        ("run.sh", Means.PATH),
        ("two words", Means.PATH),
        ("-", Means.PIPE),
        ("python train.py --epochs 50", Means.COMMAND),
        ("ls|wc", Means.COMMAND),
        ("make", Means.COMMAND),
    ],
)
def test_a_word_is_a_path_a_pipe_or_a_command(word: str, means: Means) -> None:
    assert targets_of([word]) == [Target(means, word)]


def test_all_behind_two_dashes_is_one_command() -> None:
    behind = ["python", "-c", "print(1, '$HOME')"]
    expected = Target(Means.COMMAND, join_words(behind))
    assert targets_of([], behind) == [expected]
    assert targets_of(["job"], behind) == [Target(Means.PATH, "job"), expected]


def test_a_pattern_that_the_shell_left_alone_is_looked_up() -> None:
    assert targets_of(["job*"]) == [Target(Means.PATH, "job"), Target(Means.PATH, "job2")]


@pytest.mark.parametrize(
    ("words", "message", "hint"),
    [
        (["python", "train.py"], "folder python; is this a command", 'submit "python train.py"'),
        (["sleep", "100"], "sleep; is this a command", "qm submit -- sleep 100"),
        (["nothing/here"], "no file or folder nothing/here", "-- nothing/here"),
        (["missing.sh"], "no file or folder missing.sh", "two dashes"),
        (["proc.cfg"], "no file or folder proc.cfg", "two dashes"),
        (["jop"], "no program of that name", "-- jop"),
        (["jobs/*"], r"no file or folder jobs/\*", "two dashes"),
        (["job", "jop"], "jop; is this a command", "quotes"),
    ],
)
def test_a_mistake_is_told_with_what_to_write(words: list[str], message: str, hint: str) -> None:
    with pytest.raises(Refused, match=message) as refused:
        targets_of(words)
    assert hint in refused.value.hint

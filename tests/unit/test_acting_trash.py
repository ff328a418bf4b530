"""Commands around the trash: restore, purge, and emptying it for good."""

from __future__ import annotations

import io
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from qm.control.requests import Request
from qm.effects.finish import remove_to_trash
from qm.errors import QMError
from qm.folders.layout import Layout
from qm.model import PLACE_OF, Place, State
from qm.times import utc_text
from tests.fakes.commands import Command, Said, lay_job, quiet_command
from tests.fakes.manager import FakeManager

DAY = 86400.0


@pytest.fixture
def command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Command:
    return quiet_command(tmp_path, capsys, monkeypatch)


def ago(days: float) -> str:
    return utc_text(time.time() - days * DAY)


def trash(layout: Layout, job_id: int, name: str, *, days: float = 0.0, size: int = 0) -> None:
    """A job that ended well and was removed so many days ago."""
    folder = lay_job(layout, job_id, name, State.FINISHED)
    (folder / "result").write_bytes(b"x" * size)
    placed = Path(layout.trash, remove_to_trash(layout, Place.DONE, name, "1"))
    when = time.time() - days * DAY
    os.utime(placed / ".qm" / "removed", (when, when))


class Trasher:
    """A manager's rm, on folders; ids in ``stuck`` are refused."""

    def __init__(self, layout: Layout, *stuck: str) -> None:
        self.layout = layout
        self.stuck = stuck

    def __call__(self, request: Request) -> dict[str, Any]:
        removed = []
        for target in request.targets:
            if target in self.stuck:
                raise QMError(f"there is no ended job {target}", "`qm list --all` shows all jobs.")
            name = f"job{target}"
            for place in (Place.DONE, Place.LOST):
                if os.path.lexists(self.layout.path(place, name)):
                    remove_to_trash(self.layout, place, name, request.id)
            removed.append({"id": int(target), "name": name})
        return {"removed": removed}


@pytest.fixture
def old_and_new(command: Command) -> Command:
    """Ended jobs: two of forty days ago, one of today; one that runs."""
    layout = command.layout
    lay_job(layout, 1, "job1", State.FINISHED, ended=ago(40))
    lay_job(layout, 2, "job2", State.CANCELLED, ended=ago(40), owner="bob")
    lay_job(layout, 3, "job3", State.FAILED, ended=ago(1))
    lay_job(layout, 4, "job4", State.RUNNING)
    for job_id, state in ((1, State.FINISHED), (2, State.CANCELLED), (3, State.FAILED)):
        Path(layout.path(PLACE_OF[state], f"job{job_id}"), "result").write_bytes(b"x" * 1_000_000)
    return command


def in_trash(command: Command) -> list[str]:
    return sorted(os.listdir(command.layout.trash))


# restore


def test_restored_jobs_are_told_with_their_place(command: Command) -> None:
    def answer(request: Request) -> dict[str, Any]:
        return {"id": 7, "name": "a", "place": "QM_dJobs"}

    with FakeManager(command.layout, restore=answer) as manager:
        assert command("restore", "a") == Said(0, "Restored job 7 (a) to QM_dJobs\n", "")
        assert manager.asked_for("restore") == [("a",)]
        assert command.json("restore", "7") == [{"id": 7, "name": "a", "place": "QM_dJobs"}]


def test_what_lies_in_the_trash_is_listed_without_a_manager(command: Command) -> None:
    assert command("restore", "--list") == Said(0, "", "The trash is empty.\n")
    trash(command.layout, 7, "a", days=1)
    Path(command.layout.trash, "note").touch()
    said = command("restore", "--list")
    assert [line.split()[:3] for line in said.out.splitlines()] == [
        ["ID", "STATE", "NAME"],
        ["7", "FINISHED", "a"],
        ["-", "-", "note"],
    ]
    first, second = command.json("restore", "--list")
    assert (first["id"], first["place"], second["id"]) == (7, "QM_dJobs", None)


def test_the_trash_is_listed_on_a_terminal_as_well(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path(command.layout.trash, "note").touch()
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    assert "note" in command("restore", "--list").out


# purge, into the trash


@pytest.mark.parametrize(
    ("arguments", "ids"),
    [
        (("--older-than", "30d"), [1, 2]),
        (("--older-than", "30d", "--state", "FINISHED,FAILED"), [1]),
        (("--owner", "bob"), [2]),
        (("--name", "job[13]"), [1, 3]),
        (("--all",), [1, 2, 3]),
        (("--older-than", "300d"), []),
    ],
)
def test_ended_jobs_are_moved_to_the_trash(
    old_and_new: Command, arguments: tuple[str, ...], ids: list[int]
) -> None:
    with FakeManager(old_and_new.layout, rm=Trasher(old_and_new.layout)) as manager:
        said = old_and_new("purge", *arguments, "--yes")
        assert said.code == 0
        assert len(manager.asked) == (1 if ids else 0)
    assert in_trash(old_and_new) == [f"job{job_id}" for job_id in ids]
    if ids:
        noun = "job" if len(ids) == 1 else "jobs"
        assert said.out.startswith(f"Moved {len(ids)} {noun} (")
    else:
        assert said == Said(0, "", "There is nothing to purge.\n")


def test_a_purge_is_told_to_programs(old_and_new: Command) -> None:
    with FakeManager(old_and_new.layout, rm=Trasher(old_and_new.layout)):
        found = old_and_new.json("purge", "--older-than", "30d", "--dry-run")
        assert ([job["id"] for job in found["jobs"]], found["done"]) == ([1, 2], False)
        assert 2_000_000 <= found["bytes"] < 2_100_000
        assert in_trash(old_and_new) == []
        assert old_and_new.json("purge", "--older-than", "30d", "--yes")["done"] is True
        assert old_and_new.json("purge", "--older-than", "30d", "--yes")["jobs"] == []
    assert len(in_trash(old_and_new)) == 2


def test_a_dry_run_needs_no_manager_and_does_nothing(old_and_new: Command) -> None:
    said = old_and_new("purge", "--older-than", "30d", "--dry-run")
    assert said.code == 0 and said.err == ""
    lines = said.out.splitlines()
    assert lines[0].startswith("job 1 (job1), 97") and lines[0].endswith(" KiB")
    assert lines[2].startswith("That is 2 jobs (1.9") and lines[2].endswith("nothing was done")
    assert in_trash(old_and_new) == []


def test_many_jobs_go_in_batches(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("qm.cli.purging._BATCH", 2)
    for job_id in range(1, 6):
        lay_job(command.layout, job_id, f"job{job_id}", State.FINISHED)
    with FakeManager(command.layout, rm=Trasher(command.layout)) as manager:
        assert command("purge", "--all", "--yes").code == 0
        assert manager.asked_for("rm") == [("1", "2"), ("3", "4"), ("5",)]
    assert len(in_trash(command)) == 5


def test_one_that_cannot_go_hinders_no_other(old_and_new: Command) -> None:
    with FakeManager(old_and_new.layout, rm=Trasher(old_and_new.layout, "2")):
        said = old_and_new("purge", "--all", "--yes")
    assert said.code == 1 and said.out.startswith("Moved 2 jobs (")
    assert said.err == "qm: there is no ended job 2\n  `qm list --all` shows all jobs.\n"
    assert in_trash(old_and_new) == ["job1", "job3"]


Answers = Callable[[str], None]


@pytest.fixture
def person(monkeypatch: pytest.MonkeyPatch) -> Answers:
    """A person at a terminal, who answers so."""

    def answers(text: str) -> None:
        keyboard = io.StringIO(text + "\n")
        monkeypatch.setattr(keyboard, "isatty", lambda: True)
        monkeypatch.setattr("sys.stdin", keyboard)

    return answers


def test_a_purge_is_confirmed_with_numbers(old_and_new: Command, person: Answers) -> None:
    with FakeManager(old_and_new.layout, rm=Trasher(old_and_new.layout)) as manager:
        person("n")
        said = old_and_new("purge", "--older-than", "30d")
        assert said.code == 1 and "Move 2 jobs (1.91 MiB) to the trash? [y/N]" in said.err
        assert manager.asked == []
        person("y")
        assert old_and_new("purge", "--older-than", "30d").code == 0


def test_without_a_terminal_a_purge_needs_its_yes(old_and_new: Command) -> None:
    with FakeManager(old_and_new.layout, rm=Trasher(old_and_new.layout)) as manager:
        said = old_and_new("purge", "--all")
        assert said.code == 1 and "--yes answers in advance" in said.err
        assert manager.asked == []


# purge --trash, for good


def test_the_trash_is_emptied_without_a_manager(command: Command) -> None:
    trash(command.layout, 1, "a", size=2_000_000)
    trash(command.layout, 2, "b", days=100)
    said = command("purge", "--trash", "--yes")
    assert said.code == 0 and said.out.startswith("Deleted 2 jobs (1.9")
    assert in_trash(command) == []
    assert command("purge", "--trash", "--yes").err == "There is nothing to purge.\n"


def test_only_what_was_removed_long_ago_may_be_meant(command: Command) -> None:
    trash(command.layout, 1, "a")
    trash(command.layout, 2, "b", days=100)
    found = command.json("purge", "--trash", "--older-than", "90d", "--yes")
    assert [job["id"] for job in found["jobs"]] == [2] and found["done"]
    assert in_trash(command) == ["a"]


@pytest.mark.parametrize("answer", ["n", ""])
def test_emptying_the_trash_is_confirmed_with_numbers(
    command: Command, person: Answers, answer: str
) -> None:
    trash(command.layout, 1, "a", size=3 << 20)
    person(answer)
    said = command("purge", "--trash")
    assert said.code == 1 and "Delete 1 job (3 MiB) in the trash for good? [y/N]" in said.err
    assert in_trash(command) == ["a"]
    person("y")
    assert command("purge", "--trash").code == 0 and in_trash(command) == []


def test_without_a_terminal_emptying_needs_its_yes(command: Command) -> None:
    trash(command.layout, 1, "a")
    assert command("purge", "--trash").code == 1 and in_trash(command) == ["a"]
    assert command("purge", "--trash", "--dry-run").code == 0 and in_trash(command) == ["a"]


def test_what_an_earlier_deletion_left_goes_too(command: Command) -> None:
    Path(command.layout.trash, ".deleting-0123").mkdir()
    said = command("purge", "--trash", "--dry-run")
    assert said.out.startswith("a job whose deletion was cut short, 0 B\n")
    assert command("purge", "--trash", "--yes").code == 0 and in_trash(command) == []


def test_what_cannot_be_deleted_is_told_and_the_others_go(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    import shutil

    whole = shutil.rmtree

    def refusing(path: str) -> None:
        if os.path.exists(os.path.join(path, "stubborn")):
            raise OSError(16, "Device or resource busy", path)
        whole(path)

    trash(command.layout, 1, "a")
    trash(command.layout, 2, "b")
    Path(command.layout.trash, "a", "stubborn").touch()
    monkeypatch.setattr("qm.trash.shutil.rmtree", refusing)
    said = command("purge", "--trash", "--yes")
    assert said.code == 1 and "job 1 (a) cannot be deleted: Device or resource busy" in said.err
    assert said.out.startswith("Deleted 1 job (")
    monkeypatch.undo()
    assert command("purge", "--trash", "--yes").code == 0 and in_trash(command) == []


def test_ended_jobs_outside_the_trash_are_never_deleted(old_and_new: Command) -> None:
    trash(old_and_new.layout, 9, "gone")
    assert old_and_new("purge", "--trash", "--yes").code == 0
    assert sorted(os.listdir(old_and_new.layout.place(Place.DONE))) == ["job1", "job3"]


@pytest.mark.parametrize(("number", "is_shown"), [(3, False), (25, True)])
def test_long_work_has_a_bar_on_a_terminal_which_is_no_output(
    command: Command, monkeypatch: pytest.MonkeyPatch, number: int, is_shown: bool
) -> None:
    for job_id in range(1, number + 1):
        lay_job(command.layout, job_id, f"job{job_id}", State.FINISHED)
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    with FakeManager(command.layout, rm=Trasher(command.layout)):
        said = command("purge", "--all", "--yes")
    assert said.code == 0 and said.out.startswith(f"Moved {number} jobs (")
    assert said.out.count("\n") == 1
    assert ("Moving to the trash" in said.err) is is_shown

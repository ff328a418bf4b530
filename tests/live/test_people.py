"""People rename, move, copy and delete folders at every stage; the folders stay the truth."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.live.harness import Queue, wait_for

if sys.platform == "win32":
    pytest.skip("the scripts are for /bin/sh", allow_module_level=True)

pytestmark = pytest.mark.live

UNTIL_GO = "echo $QM_JOB_NAME >> ../../../starts; while [ ! -e go ]; do sleep 0.02; done; exit 3"
NOTED = "echo $QM_JOB_NAME >> ../../../starts"


@pytest.fixture
def queue(make_queue: Callable[..., Queue]) -> Queue:
    """A manager that looks over all folders every second."""
    return make_queue(Rescan="1").start()


def started(queue: Queue) -> list[str]:
    """The names of all scripts that started, in order."""
    note = queue.folder.parent / "starts"
    return note.read_text().split() if note.exists() else []


def state_of(queue: Queue, name: str) -> object:
    """The state, as listed; None where the job is not listed."""
    return (queue.row(name) or {}).get("state")


def hold(queue: Queue, name: str) -> Path:
    """A job that waits on hold."""
    folder = queue.drop(name, NOTED, hold="yes")
    wait_for("it is held", lambda: state_of(queue, name) == "HELD")
    return folder


@pytest.mark.parametrize("place", ["QM_Jobs", "QM_qJobs", "QM_dJobs", "QM_lost+found"])
@pytest.mark.parametrize("manager", ["runs", "is stopped"])
def test_a_running_job_that_is_renamed_or_moved_runs_on_and_ends_in_its_place(
    queue: Queue, place: str, manager: str
) -> None:
    queue.drop("wanders", UNTIL_GO)
    folder = queue.wait_running("wanders")
    if manager == "is stopped":
        queue.stop()
    moved = queue.folder / place / "elsewhere"
    os.rename(folder, moved)
    if manager == "is stopped":
        queue.start()
    wait_for("it is listed", lambda: "RUNNING" in {row["state"] for row in queue.listed()})
    (moved / "go").touch()
    done = queue.folder / "QM_dJobs/elsewhere"
    wait_for("it has ended", lambda: state_of(queue, "elsewhere") == "FAILED" and done.is_dir())
    assert [row["id"] for row in queue.listed()] == [1]
    assert (queue.row("elsewhere") or {})["exit_code"] == 3
    assert started(queue) == ["wanders"]


@pytest.mark.parametrize("place", ["QM_dJobs", "QM_lost+found"])
def test_a_waiting_job_that_is_moved_out_of_the_queue_is_cancelled(
    queue: Queue, place: str
) -> None:
    folder = hold(queue, "unwanted")
    os.rename(folder, queue.folder / place / "unwanted")
    wait_for("it is cancelled", lambda: state_of(queue, "unwanted") == "CANCELLED")
    wait_for("it lies there", lambda: queue.where("unwanted") == "QM_lost+found")
    assert "was moved to" in queue.process_log("unwanted") and started(queue) == []


def test_a_waiting_job_that_is_moved_to_the_running_ones_goes_back_and_waits(queue: Queue) -> None:
    folder = hold(queue, "eager")
    os.rename(folder, queue.folder / "QM_Jobs/eager")
    wait_for("it is back", lambda: queue.where("eager") == "QM_qJobs")
    wait_for("it waits", lambda: state_of(queue, "eager") == "HELD")
    assert queue.run("release", "eager").returncode == 0
    queue.wait_done("eager")
    assert started(queue) == ["eager"]
    assert (queue.row("eager") or {})["id"] == 1


def test_a_waiting_job_that_is_renamed_keeps_its_id(queue: Queue) -> None:
    folder = hold(queue, "before")
    os.rename(folder, folder.with_name("after"))
    wait_for("its new name is listed", lambda: state_of(queue, "after") == "HELD")
    assert queue.run("release", "after").returncode == 0
    queue.wait_done("after")
    assert [(row["id"], row["name"]) for row in queue.listed()] == [(1, "after")]


def test_a_waiting_job_that_is_deleted_is_forgotten(queue: Queue) -> None:
    shutil.rmtree(hold(queue, "deleted"))
    wait_for("it is not listed", lambda: queue.listed() == [])
    queue.drop("next", NOTED)
    queue.wait_done("next")
    assert (queue.row("next") or {})["id"] == 2


def test_a_running_job_whose_folder_is_deleted_keeps_its_slot_until_its_end(
    make_queue: Callable[..., Queue],
) -> None:
    queue = make_queue(MaxNbProcessors="1").start()
    gate = queue.folder.parent / "gate"
    queue.drop("deleted", f"while [ ! -e {gate} ]; do sleep 0.02; done; exit 8")
    shutil.rmtree(queue.wait_running("deleted"))
    queue.drop("next", NOTED)
    wait_for("the next one waits", lambda: state_of(queue, "next") == "QUEUED")
    gate.touch()
    queue.wait_done("next")
    row = queue.row("deleted")
    assert row is not None and row["folder"] is None and row["exit_code"] == 8
    assert str(row["reason"]).startswith("Vanished: ")


def test_a_running_job_whose_records_are_deleted_gives_its_slot_back_at_its_end(
    make_queue: Callable[..., Queue],
) -> None:
    queue = make_queue(MaxNbProcessors="1").start()
    queue.drop("bare", UNTIL_GO)
    folder = queue.wait_running("bare")
    queue.stop()
    queue.start()
    shutil.rmtree(folder / ".qm")
    queue.drop("next", NOTED)
    wait_for("the next one waits", lambda: state_of(queue, "next") == "QUEUED")
    (folder / "go").touch()
    queue.wait_done("next")
    assert state_of(queue, "bare") == "LOST" and folder.is_dir()


def test_a_done_job_that_is_renamed_deleted_or_put_back_is_followed(queue: Queue) -> None:
    queue.drop("done", NOTED)
    folder = queue.wait_done("done")
    renamed = folder.with_name("renamed")
    os.rename(folder, renamed)
    wait_for("its new name is listed", lambda: state_of(queue, "renamed") == "FINISHED")
    os.rename(renamed, queue.folder / "QM_qJobs/again")
    queue.wait_done("again")
    wait_for("only the new one", lambda: [row["id"] for row in queue.listed()] == [2])
    assert started(queue) == ["done", "again"]
    shutil.rmtree(queue.path("again"))
    wait_for("nothing is listed", lambda: queue.listed() == [])


def test_a_copy_of_a_done_job_beside_itself_changes_nothing_for_the_job(queue: Queue) -> None:
    queue.drop("done", NOTED)
    folder = queue.wait_done("done")
    shutil.copytree(folder, folder.with_name("copy"))
    os.rename(folder, folder.with_name("done2"))
    wait_for("the job is followed", lambda: state_of(queue, "done2") == "FINISHED")
    assert [row["id"] for row in queue.listed()] == [1]


@pytest.mark.parametrize("place", ["QM_Jobs", "QM_dJobs"])
def test_one_of_the_four_folders_that_was_put_away_is_made_again(queue: Queue, place: str) -> None:
    os.rename(queue.folder / place, queue.folder / "kept for later")
    queue.drop("goes on", NOTED)
    queue.wait_done("goes on")
    assert started(queue) == ["goes", "on"]


def test_a_queue_folder_that_was_replaced_by_a_link_starts_nothing_and_says_so(
    queue: Queue,
) -> None:
    hold(queue, "safe")
    waiting, aside = queue.folder / "QM_qJobs", queue.folder / "aside"
    os.rename(waiting, aside)
    os.symlink(aside, waiting)
    wait_for("it is told", lambda: "nothing is started: FolderGone" in queue.log_text())
    assert state_of(queue, "safe") == "HELD"
    waiting.unlink()
    os.rename(aside, waiting)
    assert queue.run("release", "safe").returncode == 0
    queue.wait_done("safe")
    assert (queue.row("safe") or {})["id"] == 1

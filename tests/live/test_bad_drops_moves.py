"""Bad drops, rows 53 to 57, 59 to 61 and 63 to 65 of the catalogue: folders that people
change, move and copy while QM has them."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.live.bad_drops import cfg, finished, refused, still_works, waits
from tests.live.harness import Queue, wait_for

if sys.platform == "win32":
    pytest.skip("the scripts are for /bin/sh", allow_module_level=True)

pytestmark = pytest.mark.live

CFG = "proc_config.cfg"
UNTIL_GO = "while [ ! -e go ]; do sleep 0.02; done"


@pytest.fixture(scope="module")
def queue(shared: Queue) -> Queue:
    return shared


@pytest.fixture
def busy(make_queue: Callable[..., Queue]) -> tuple[Queue, Path]:
    """A queue whose only processor is taken, and the folder in which ``go`` frees it."""
    queue = make_queue(MaxNbProcessors="1").start()
    queue.drop("busy", UNTIL_GO)
    return queue, queue.wait_running("busy")


def queued(queue: Queue, name: str) -> int:
    """Wait until the drop is a job that waits; returns its id."""

    def shown() -> int | None:
        row = queue.row(name)
        return row["id"] if row is not None and row["state"] == "QUEUED" else None

    return int(wait_for(f"{name} is queued", shown))


def test_row_53_a_folder_that_is_deleted_while_it_settles_is_forgotten(queue: Queue) -> None:
    folder = queue.folder / "QM_qJobs" / "row_53"
    folder.mkdir()
    (folder / "data").write_bytes(b"1")
    waits(queue, "row_53", "refused in ")
    shutil.rmtree(folder)
    wait_for("it is forgotten", lambda: queue.row("row_53") is None)
    still_works(queue)


def test_rows_53_to_55_what_people_do_to_folders_that_wait(busy: tuple[Queue, Path]) -> None:
    """Deleted: forgotten. Renamed: the same job. Edited: it settles again in its old place."""
    queue, running = busy
    deleted = queue.drop("deleted", "true")
    renamed = queue.drop("renamed", "echo $QM_JOB_NAME")
    edited = queue.drop("edited", "echo before")
    queue.drop("next", UNTIL_GO)
    ids = [queued(queue, name) for name in ("deleted", "renamed", "edited", "next")]
    shutil.rmtree(deleted)
    renamed.rename(renamed.with_name("new_name"))
    (edited / f".{CFG}.swp").write_bytes(b"what an editor leaves")
    (edited / CFG).write_bytes(cfg(script="echo after"))
    wait_for("it is forgotten", lambda: queue.row("deleted") is None)
    assert queued(queue, "new_name") == ids[1]
    (running / "go").touch()
    assert finished(queue, "new_name") == ["new_name"]
    # The edited one was to be claimed, was found changed, and let the next one pass.
    following = queue.wait_running("next")
    assert queued(queue, "edited") == ids[2]
    queue.drop("last", "true")
    queued(queue, "last")
    (following / "go").touch()
    assert finished(queue, "edited") == ["after"]
    queue.wait_done("last")
    rows = {row["name"]: row for row in queue.listed()}
    assert rows["edited"]["started"] < rows["last"]["started"]
    assert "deleted" not in rows and "renamed" not in rows
    still_works(queue)


def test_row_54_a_folder_that_is_renamed_while_it_settles_runs_under_its_new_name(
    queue: Queue,
) -> None:
    folder = queue.folder / "QM_qJobs" / "row_54"
    folder.mkdir()
    (folder / "data").write_bytes(b"1")
    waits(queue, "row_54", "NoInfo")
    folder = folder.rename(folder.with_name("row_54_new"))
    (folder / CFG).write_bytes(cfg(script="echo $QM_JOB_NAME"))
    assert finished(queue, "row_54_new") == ["row_54_new"]
    assert queue.row("row_54") is None


def test_row_56_a_running_job_whose_files_are_edited_or_removed_ends_as_it_ends(
    queue: Queue,
) -> None:
    queue.drop("row_56_edited", f"{UNTIL_GO}; cat data")
    running = queue.wait_running("row_56_edited")
    (running / CFG).unlink()
    (running / "process.log").unlink()
    (running / "go").touch()
    queue.wait_done("row_56_edited")
    row = queue.row("row_56_edited")
    assert row is not None and (row["state"], row["exit_code"]) == ("FAILED", 1)
    still_works(queue)


def test_row_56_a_running_job_whose_folder_is_deleted_is_lost_and_said_to_be(queue: Queue) -> None:
    queue.drop("row_56", "while [ -e ../row_56 ]; do sleep 0.02; done")
    running = queue.wait_running("row_56")
    wait_for("it is gone", lambda: removed(running))
    row = wait_for(
        "it is lost",
        lambda: next((r for r in queue.listed() if r["state"] == "LOST"), None),
    )
    assert row["name"] == "row_56"
    assert str(row["reason"]).startswith("Vanished: its folder was taken away while it ran")
    still_works(queue)


def removed(folder: Path) -> bool:
    """Remove it whatever its supervisor writes there meanwhile."""
    shutil.rmtree(folder, ignore_errors=True)
    return not folder.exists()


def test_row_57_a_running_job_that_is_moved_out_ends_as_it_ends_and_is_whole_where_it_is(
    queue: Queue,
) -> None:
    """Not lost, as the catalogue has it: its supervisor goes with the folder, so how it ended
    is known, and only its folder is not QM's any more."""
    queue.drop("row_57", f"{UNTIL_GO}; echo ended")
    running = queue.wait_running("row_57")
    outside = running.rename(queue.folder.parent / "row_57_outside")
    (outside / "go").touch()

    def ended() -> dict[str, object] | None:
        row = queue.row("row_57")
        return row if row is not None and row["ended"] is not None else None

    row = wait_for("its end is known", ended)
    assert (row["state"], row["exit_code"], row["folder"]) == ("FINISHED", 0, None)
    log = (outside / "process.log").read_text(encoding="utf-8").splitlines()
    assert log[1] == "ended" and log[-1].endswith(" with code 0")
    still_works(queue)


@pytest.mark.parametrize("place", ["QM_qJobs", "QM_dJobs", "QM_lost+found"])
def test_row_57_a_running_job_that_is_moved_among_the_four_folders_ends_as_any_other(
    queue: Queue, place: str
) -> None:
    name = f"row_57_{place}"
    queue.drop(name, f"{UNTIL_GO}; echo ended")
    running = queue.wait_running(name)
    moved = running.rename(queue.folder / place / name)
    still_works(queue)
    row = queue.row(name)
    assert row is not None and row["state"] == "RUNNING"
    (moved / "go").touch()
    wait_for("it has ended", lambda: (queue.row(name) or {}).get("state") == "FINISHED")
    assert finished(queue, name) == ["ended"]


def test_row_59_what_comes_late_for_a_running_job_is_put_aside_and_is_no_job(
    queue: Queue,
) -> None:
    """A copy program that writes by path makes the folder anew once QM has claimed it."""
    queue.drop("row_59", UNTIL_GO)
    running = queue.wait_running("row_59")
    job_id = queue.record("row_59", "job.json")["id"]
    late = queue.folder / "QM_qJobs" / "row_59" / "data"
    late.mkdir(parents=True)
    (late / "rest").write_bytes(b"1")
    folder = refused(queue, "row_59.late", "Late", f"job {job_id} of this name had started")
    assert (folder / "data" / "rest").read_bytes() == b"1"
    (running / "go").touch()
    queue.wait_done("row_59")
    still_works(queue)


def test_row_60_a_copy_of_a_done_job_in_the_queue_is_a_new_job_and_keeps_the_old_log(
    queue: Queue,
) -> None:
    queue.drop("row_60", "echo $QM_JOB_ID")
    (first,) = finished(queue, "row_60")
    shutil.copytree(queue.path("row_60"), queue.folder / "QM_qJobs" / "row_60", symlinks=True)
    (second,) = finished(queue, "row_60.2")
    assert int(second) > int(first)
    old = queue.path("row_60.2") / "process.log.1"
    assert old.read_text(encoding="utf-8").splitlines()[1] == first
    assert finished(queue, "row_60") == [first]


def test_row_61_many_folders_at_once_all_run_in_the_order_in_which_they_came(
    queue: Queue,
) -> None:
    """The benchmarks do this with thousands."""
    names = [f"row_61_{number:03}" for number in range(120)]
    folders = [queue.job(name, "true") for name in names]
    newest = (folders[-1] / CFG).stat().st_ctime
    wait_for("all are older than the settle time", lambda: time.time() - newest > 0.2)
    for folder in folders:
        queue.move_in(folder)
    for name in names:
        queue.wait_done(name, timeout=60)
    ids = [queue.record(name, "job.json")["id"] for name in names]
    assert ids == sorted(ids)
    rows = [row for row in queue.listed() if row["name"] in set(names)]
    assert {row["state"] for row in rows} == {"FINISHED"} and len(rows) == len(names)


def test_row_63_a_copy_that_is_repeated_into_a_job_that_waits_makes_no_second_job(
    busy: tuple[Queue, Path],
) -> None:
    rsync = shutil.which("rsync")
    if rsync is None:
        pytest.skip("SKIPPED: rsync is not installed")
    queue, running = busy
    source = queue.job("row_63", "cat data")
    (source / "data").write_bytes(b"1\n")
    target = queue.folder / "QM_qJobs" / "row_63"
    command = [rsync, "-a", f"{source}/", f"{target}/"]
    subprocess.run(command, check=True, timeout=30)
    job_id = queued(queue, "row_63")
    subprocess.run(command, check=True, timeout=30)
    (source / "data").write_bytes(b"22\n")
    subprocess.run(command, check=True, timeout=30)
    (running / "go").touch()
    assert finished(queue, "row_63") == ["22"]
    assert queue.record("row_63", "job.json")["id"] == job_id
    assert [row["name"] for row in queue.listed()].count("row_63") == 1


def test_row_64_a_ready_file_with_wrong_counts_waits_and_says_so(queue: Queue) -> None:
    folder = queue.job("row_64", "cat data")
    (folder / ".qm-ready").write_bytes(b"files=2\n")
    moved = queue.move_in(folder)
    waits(queue, "row_64", "Incomplete: .qm-ready says 2 files, 1 are here")
    # It outlasts a drop that is refused, and was dropped later.
    queue.drop("row_64_later", "sh absent.sh")
    refused(queue, "row_64_later", "NoScript")
    waits(queue, "row_64", "Incomplete: ")
    (moved / "data").write_bytes(b"1\n")
    assert finished(queue, "row_64") == ["1"]


def test_row_65_what_was_dropped_while_no_manager_ran_is_found_at_its_start(
    queue: Queue,
) -> None:
    queue.stop()
    queue.drop("row_65", "echo found")
    queue.drop("row_65_bad", "true", nb_proc="none")
    queue.start()
    assert finished(queue, "row_65") == ["found"]
    refused(queue, "row_65_bad", "BadInfo", "nb_proc")
    still_works(queue)

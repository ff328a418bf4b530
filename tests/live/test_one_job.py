"""The way of one job, from drop to done, with a real manager."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest

from tests.live.harness import Queue, wait_for

if sys.platform == "win32":
    pytest.skip("the scripts are for /bin/sh", allow_module_level=True)

pytestmark = pytest.mark.live


def test_a_dropped_job_runs_and_lies_in_qm_djobs_with_its_log(queue: Queue) -> None:
    queue.drop("hello", "echo good morning > result.txt; echo said")
    folder = queue.wait_done("hello")
    assert (folder / "result.txt").read_text() == "good morning\n"
    lines = queue.process_log("hello").splitlines()
    assert lines[0].startswith("Job started by QM at: ")
    assert lines[1] == "said"
    assert lines[-1].startswith("Job finished at: ") and lines[-1].endswith(" with code 0")


def test_the_list_is_complete_as_soon_as_the_folder_is_seen_in_its_last_place(
    queue: Queue,
) -> None:
    queue.drop("fails", "exit 3", nb_proc=2, priority=7, info="of no use", e_mail="me@example.org")
    folder = queue.wait_done("fails")
    (row,) = queue.listed()
    assert row["state"] == "FAILED"
    assert row["reason"] == "ExitCode: 3"
    assert row["exit_code"] == 3
    assert row["signal"] is None
    assert (row["nb_proc"], row["priority"]) == (2, 7)
    assert (row["owner"], row["info"]) == ("me@example.org", "of no use")
    assert row["id"] == 1
    assert row["folder"] == str(folder)
    assert row["submitted"] <= row["started"] <= row["ended"]


def test_a_job_that_dies_of_a_signal_is_failed_and_its_signal_is_told(queue: Queue) -> None:
    queue.drop("segfault", "kill -SEGV $$")
    queue.wait_done("segfault")
    (row,) = queue.listed()
    assert (row["state"], row["exit_code"], row["signal"]) == ("FAILED", None, "SIGSEGV")


def test_the_script_sees_its_processors_and_its_job(queue: Queue) -> None:
    queue.drop(
        "env",
        "echo $NB_PROC $OMP_NUM_THREADS $QM_JOB_ID $QM_JOB_NAME $A; pwd",
        nb_proc=2,
        env="A=b",
    )
    folder = queue.wait_done("env")
    lines = queue.process_log("env").splitlines()
    assert lines[1] == "2 2 1 env b"
    assert lines[2] == str(queue.folder / "QM_Jobs" / folder.name)


def test_more_processors_than_there_are_are_lowered_with_a_note_in_the_log(queue: Queue) -> None:
    queue.drop("greedy", "echo $NB_PROC", nb_proc=64)
    queue.wait_done("greedy")
    log = queue.process_log("greedy").splitlines()
    assert "lowered to 2" in log[1]
    assert log[2] == "2"


def test_what_is_asked_for_and_not_acted_on_yet_is_told_in_the_log(queue: Queue) -> None:
    queue.drop("elsewhere", "true", system="cluster")
    queue.wait_done("elsewhere")
    line = queue.process_log("elsewhere").splitlines()[1]
    assert line.split()[1] == "system" and "not acted on by this version" in line


def test_a_refused_job_lies_in_lost_and_found_with_the_reason_in_its_log(queue: Queue) -> None:
    queue.drop("bad", "true", nb_proc="four")
    queue.wait_lost("bad")
    log = queue.process_log("bad")
    assert "proc_config.cfg line 3" in log and "four" in log
    row = queue.row("bad")
    assert row is not None and row["state"] == "REJECTED" and row["id"] == 1
    assert str(row["reason"]).startswith("BadInfo: ")


def test_an_info_file_that_arrives_last_counts(make_queue: Callable[..., Queue]) -> None:
    queue = make_queue(Refuse_after="10").start()
    folder = queue.staging / "late"
    folder.mkdir()
    (folder / "data").write_text("x")
    moved = queue.move_in(folder)
    wait_for("the drop waits for its info file", lambda: "NoInfo" in str(queue.row("late")))
    (moved / "proc_config.cfg").write_text("[QMOptions]\nscript : cat data\n")
    queue.wait_done("late")
    assert "x" in queue.process_log("late")


def test_names_that_are_taken_get_a_number(queue: Queue) -> None:
    for number in range(3):
        queue.drop("again", f"echo {number}")
        wait_done_count(queue, number + 1)
    assert queue.tree()["QM_dJobs"] == ["again", "again.2", "again.3"]
    assert [row["id"] for row in queue.listed()] == [1, 2, 3]


def wait_done_count(queue: Queue, count: int) -> None:
    wait_for(f"{count} are done", lambda: len(queue.tree()["QM_dJobs"]) == count)


def wait_queued(queue: Queue, name: str) -> None:
    wait_for(f"{name} is queued", lambda: (queue.row(name) or {}).get("state") == "QUEUED")


def test_a_done_job_that_a_person_puts_back_runs_again_as_a_new_job(queue: Queue) -> None:
    queue.drop("again", "echo run $QM_JOB_ID")
    done = queue.wait_done("again")
    os.rename(done, queue.folder / "QM_qJobs" / "again")
    wait_for("it runs again", lambda: "run 2" in _log(queue, "again"))
    queue.wait_done("again")
    folder = queue.path("again")
    assert "run 1" in (folder / "process.log.1").read_text()
    assert (folder / ".qm.1" / "exit.json").exists()
    wait_for("only the new one is shown", lambda: [r["id"] for r in queue.listed()] == [2])


def _log(queue: Queue, name: str) -> str:
    try:
        return queue.process_log(name)
    except (OSError, AssertionError):
        return ""


def test_a_copy_of_a_waiting_job_beside_itself_is_a_new_job(queue: Queue) -> None:
    queue.drop("first", "true", hold="yes")
    wait_for("it is held", lambda: (queue.row("first") or {}).get("state") == "HELD")
    shutil.copytree(queue.path("first"), queue.folder / "QM_qJobs" / "second", symlinks=True)
    wait_for("the copy is held too", lambda: (queue.row("second") or {}).get("state") == "HELD")
    assert (queue.row("first") or {})["id"] == 1
    assert (queue.row("second") or {})["id"] == 2


def test_priority_comes_before_arrival(make_queue: Callable[..., Queue]) -> None:
    queue = make_queue(MaxNbProcessors="1").start()
    queue.drop("first", "while [ ! -e go ]; do sleep 0.02; done")
    running = queue.wait_running("first")
    for name, priority in (("low", -1), ("middle", 0), ("high", 5), ("late", 5)):
        queue.drop(name, "true", priority=priority)
        wait_queued(queue, name)
    assert str((queue.row("high") or {})["reason"]).startswith(
        "Resources: needs 1 processor, 0 free"
    )
    (running / "go").touch()
    for name in ("first", "low"):
        queue.wait_done(name)
    starts = sorted((row["started"], row["name"]) for row in queue.listed())
    assert [name for _, name in starts] == ["first", "high", "late", "middle", "low"]


def test_blocking_runs_one_job_at_a_time(make_queue: Callable[..., Queue]) -> None:
    queue = make_queue(launch_type="blocking", MaxNbProcessors="4").start()
    for name in "abc":
        queue.drop(name, "sleep 0.2")
    for name in "abc":
        queue.wait_done(name)
    rows = sorted(queue.listed(), key=lambda row: row["started"])
    assert all(first["ended"] <= second["started"] for first, second in pairwise(rows))


def test_a_job_that_is_too_large_for_the_moment_does_not_hold_up_the_others(queue: Queue) -> None:
    queue.drop("one", "while [ ! -e go ]; do sleep 0.02; done")
    running = queue.wait_running("one")
    queue.drop("two", "true", nb_proc=2)
    wait_for("accepted", lambda: (queue.row("two") or {}).get("state") == "QUEUED")
    queue.drop("small", "true")
    queue.wait_done("small")
    assert queue.where("two") == "QM_qJobs"
    (running / "go").touch()
    queue.wait_done("two")


def test_a_walltime_ends_the_job_as_killed_with_the_reason(queue: Queue) -> None:
    queue.drop("long", "sleep 60", walltime="1")
    queue.wait_done("long")
    row = queue.row("long")
    assert row is not None and row["state"] == "KILLED"
    assert row["reason"] == "TimeLimit: ran longer than its walltime, 1 s"
    assert "TimeLimit" in queue.process_log("long").splitlines()[-1]


def test_stdout_and_stderr_go_where_the_info_file_says(queue: Queue) -> None:
    queue.drop("out", "echo to out; echo to err >&2", stdout="out.txt", stderr="err.txt")
    folder = queue.wait_done("out")
    assert (folder / "out.txt").read_text() == "to out\n"
    assert (folder / "err.txt").read_text() == "to err\n"


def test_what_a_drop_brings_under_qms_names_is_set_aside_and_never_written_through(
    queue: Queue, tmp_path: Path
) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    folder = queue.job("planted", "true")
    os.symlink(victim, folder / "process.log")
    os.mkfifo(folder / ".qm")
    queue.move_in(folder)
    done = queue.wait_done("planted")
    assert victim.read_text() == "precious"
    assert (done / "process.log.1").is_symlink()
    assert (done / ".qm.1").exists() and (done / ".qm").is_dir()


def test_everything_works_without_file_events(make_queue: Callable[..., Queue]) -> None:
    queue = make_queue(Watch="off").start()
    queue.drop("polled", "true")
    queue.wait_done("polled")
    queue.drop("killed", "sleep 60")
    queue.wait_running("killed")
    assert queue.run("kill", "killed").returncode == 0


def test_a_folder_renamed_from_a_dot_name_starts_at_once(make_queue: Callable[..., Queue]) -> None:
    queue = make_queue(Settle="20", Refuse_after="30", Empty_after="30").start()
    hidden = queue.folder / "QM_qJobs" / ".coming"
    hidden.mkdir()
    (hidden / "proc_config.cfg").write_text("[QMOptions]\nscript : true\n")
    os.rename(hidden, queue.folder / "QM_qJobs" / "coming")
    queue.wait_done("coming", timeout=5)


def test_a_ready_file_with_right_counts_starts_the_job_at_once(
    make_queue: Callable[..., Queue],
) -> None:
    queue = make_queue(Settle="20", Refuse_after="30", Empty_after="30").start()
    folder = queue.folder / "QM_qJobs" / "sealed"
    folder.mkdir()
    (folder / ".qm-ready").write_text("files=2\nbytes=31\n")
    (folder / "proc_config.cfg").write_text("[QMOptions]\nscript : true\n")
    wait_for("it waits", lambda: "says 2 files, 1 are here" in str(queue.row("sealed")))
    (folder / "data").write_text("12345")
    queue.wait_done("sealed", timeout=10)


def test_a_hold_file_keeps_a_drop_waiting_until_it_is_removed(queue: Queue) -> None:
    folder = queue.job("held", "true")
    (folder / ".qm-hold").touch()
    moved = queue.move_in(folder)
    wait_for("it is held", lambda: "Hold: " in str(queue.row("held")))
    (moved / ".qm-hold").unlink()
    queue.wait_done("held")


def test_a_script_that_runs_elsewhere_is_found_in_its_folder(queue: Queue) -> None:
    elsewhere = queue.folder.parent / "work space"
    elsewhere.mkdir()
    folder = queue.staging / "chdir"
    folder.mkdir()
    script = f"#!/bin/sh\n#SBATCH --chdir='{elsewhere}'\npwd > here\n"
    (folder / "job.sh").write_text(script, encoding="ascii")
    queue.move_in(folder)
    queue.wait_done("chdir")
    assert (elsewhere / "here").read_text() == f"{elsewhere}\n", queue.process_log("chdir")

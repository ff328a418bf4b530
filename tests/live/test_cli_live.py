"""The command line against a real manager: an answer means that it has happened."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from qm.samples import sample_job
from tests.live.harness import Queue, wait_for

pytestmark = pytest.mark.live

SLEEPS = f'"{sys.executable}" -c "import time; time.sleep(120)"'
STUBBORN = (
    f'"{sys.executable}" -c "import signal, time, pathlib;'
    "signal.signal(signal.SIGTERM, signal.SIG_IGN); pathlib.Path('ready').touch();"
    ' time.sleep(120)"'
)


def carriers(queue: Queue, name: str) -> list[int]:
    """Living processes that carry the token of a job's current attempt."""
    token = queue.record(name, "job.json")["token"]
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("QM_JOB_TOKEN") == token:
                found.append(process.pid)
        except psutil.Error:
            continue
    return found


def test_a_submission_is_answered_with_its_id_and_starts_at_once(queue: Queue) -> None:
    said = queue.run("submit", str(sample_job("hello_cfg")))
    assert (said.returncode, said.stdout) == (0, "Submitted job 1 (hello_cfg)\n"), said.stderr
    queue.wait_done("hello_cfg")


def test_a_job_gets_the_environment_and_the_folder_of_its_submitter(
    queue: Queue, tmp_path: Path
) -> None:
    script = tmp_path / "ask.sh"
    script.write_text("#!/bin/sh\n#SBATCH -n 1\necho $COLOUR $SLURM_SUBMIT_DIR [$MY_TOKEN]\n")
    said = subprocess.run(
        queue.command("submit", str(script)),
        capture_output=True,
        text=True,
        env={**queue.environment, "COLOUR": "green", "MY_TOKEN": "hidden"},
        cwd=tmp_path,
        timeout=30,
    )
    assert said.stdout == "Submitted job 1 (ask)\n", said.stderr
    queue.wait_done("ask")
    assert f"green {tmp_path} []" in queue.process_log("ask")


def test_a_submission_that_qm_refuses_is_told_with_the_reason(queue: Queue) -> None:
    said = queue.run("submit", "--force", str(sample_job("refused")))
    assert said.returncode == 1
    assert said.stderr.startswith("Refused job 1 (refused): BadInfo: proc_config.cfg line 6")
    queue.wait_lost("refused")


def test_a_held_submission_waits_until_it_is_released(queue: Queue) -> None:
    said = queue.run("submit", "--hold", str(sample_job("hello_cfg")))
    assert said.stdout == "Submitted job 1 (hello_cfg), held; `qm release 1` lets it start\n"
    assert queue.run("why", "1").stdout == "job 1 (hello_cfg) is HELD: User: submitted on hold\n"
    assert queue.run("release", "1").stdout == "Released job 1 (hello_cfg)\n"
    queue.wait_done("hello_cfg")


def test_hold_keeps_a_waiting_job_and_says_by_whom(queue: Queue) -> None:
    queue.drop("busy", SLEEPS, nb_proc=2)
    queue.wait_running("busy")
    queue.drop("next", "true")
    wait_for("it waits", lambda: (queue.row("next") or {}).get("state") == "QUEUED")
    said = queue.run("why", "next")
    assert said.stdout == (
        "job 2 (next) is QUEUED: Resources: needs 1 processor, 0 free (1 holds 2)\n"
    )
    assert queue.run("hold", "next").stdout == "Held job 2 (next)\n"
    row = queue.row("next")
    assert row is not None and row["state"] == "HELD"
    assert row["reason"].startswith("User: held by ")
    assert queue.run("kill", "next").stdout == "Cancelled job 2 (next)\n"
    assert queue.where("next") == "QM_lost+found"
    assert queue.run("kill", "busy").returncode == 0


def test_kill_answers_when_the_whole_tree_is_gone(queue: Queue) -> None:
    queue.drop("a", STUBBORN)
    ready = queue.wait_running("a") / "ready"
    wait_for("its script ignores SIGTERM", ready.exists)
    said = queue.run("kill", "1", "--grace", "0.3")
    assert (said.returncode, said.stdout) == (0, "Killed job 1 (a)\n"), said.stderr
    assert queue.where("a") == "QM_dJobs"
    assert carriers(queue, "a") == []
    row = queue.row("a")
    assert row is not None and row["state"] == "KILLED"
    said = queue.run("kill", "1")
    assert said.returncode == 1 and "job 1 (a) had ended already: KILLED" in said.stderr


def test_several_jobs_are_killed_at_once_and_each_is_answered(queue: Queue) -> None:
    for name in ("a", "b"):
        queue.drop(name, SLEEPS)
        queue.wait_running(name)
    said = queue.run("kill", "a", "nobody", "b", "--grace", "1")
    assert said.returncode == 1 and "there is no job nobody" in said.stderr
    assert sorted(line.partition("(")[2] for line in said.stdout.splitlines()) == ["a)", "b)"]


def test_without_a_manager_a_running_job_can_still_be_killed(queue: Queue) -> None:
    queue.drop("a", SLEEPS)
    queue.wait_running("a")
    queue.kill_manager()
    said = queue.run("kill", "a")
    assert (said.returncode, said.stdout) == (0, "Killed job 1 (a)\n"), said.stderr
    assert carriers(queue, "a") == []
    (row,) = queue.listed()
    assert (row["state"], row["folder"]) == ("KILLED", str(queue.folder / "QM_Jobs" / "a"))
    queue.start()
    queue.wait_done("a")


def test_logs_follow_a_job_to_its_end(queue: Queue) -> None:
    queue.drop("a", "echo one; sleep 0.5; echo two")
    queue.wait_running("a")
    said = queue.run("logs", "-f", "a", timeout=30)
    lines = said.stdout.splitlines()
    assert said.returncode == 0
    assert lines[0].startswith("Job started by QM at: ") and lines[1:3] == ["one", "two"]
    assert lines[3].startswith("Job finished at: ") and len(lines) == 4


def test_logs_follow_a_folder_that_is_still_arriving(
    make_queue: Callable[..., Queue],
) -> None:
    queue = make_queue(Settle="1", Refuse_after="3", Empty_after="3").start()
    queue.copy_in(queue.job("a", "echo here I am"))
    wait_for("it arrives", lambda: queue.row("a"))
    said = queue.run("logs", "-f", "a", timeout=30)
    assert said.returncode == 0 and "here I am" in said.stdout


def test_rm_moves_an_ended_job_to_the_trash_and_no_other(queue: Queue) -> None:
    queue.drop("a")
    queue.wait_done("a")
    queue.drop("b", SLEEPS)
    queue.wait_running("b")
    assert queue.run("rm", "b").returncode == 1
    said = queue.run("rm", "a")
    assert (said.returncode, said.stdout) == (0, "Removed job 1 (a)\n"), said.stderr
    assert queue.where("a") is None and queue.row("a") is None
    assert len(os.listdir(queue.folder / ".qm" / "trash")) == 1
    queue.run("kill", "b")


def test_status_tells_how_busy_a_running_manager_is(queue: Queue) -> None:
    queue.drop("a", SLEEPS)
    queue.wait_running("a")
    wait_for("it is shown", lambda: (queue.row("a") or {}).get("state") == "RUNNING")
    said = queue.run("status")
    assert said.returncode == 0
    assert "1 of 2 processors are in use. Jobs: 1 running." in said.stdout
    found = json.loads(queue.run("status", "--json").stdout)
    assert queue.process is not None
    assert (found["running"], found["pid"], found["jobs"]) == (
        True,
        queue.process.pid,
        {"running": 1},
    )
    queue.run("kill", "a")


def test_doctor_has_no_complaint_about_a_healthy_queue(queue: Queue) -> None:
    queue.drop("a")
    queue.wait_done("a")
    said = queue.run("doctor")
    assert said.returncode == 0 and "problem:" not in said.stdout, said.stdout


def test_the_demo_runs_a_job_to_its_end_and_leaves_nothing_running(
    make_queue: Callable[..., Queue],
) -> None:
    queue = make_queue()
    queue.config.write_text(f"[QMServer]\nQM_FOLDER = {queue.folder}\n", encoding="utf-8")
    before = set(psutil.pids())
    said = queue.run("demo", "hello_cfg", timeout=60)
    assert said.returncode == 0, said.stderr
    assert "Hello from QM." in said.stdout and "hello_cfg) is FINISHED" in said.stdout
    home = Path(queue.environment["HOME"])
    assert (home / "QM-demo" / "QM_dJobs" / "hello_cfg" / "result.txt").is_file()
    wait_for("nothing is left", lambda: not _of_demo(set(psutil.pids()) - before, home))


def _of_demo(pids: set[int], home: Path) -> list[int]:
    found = []
    for pid in pids:
        try:
            process = psutil.Process(pid)
            if str(home) in " ".join((*process.cmdline(), process.cwd())):
                found.append(pid)
        except psutil.Error:
            continue
    return found


def test_a_demo_of_a_job_that_fails_fails(queue: Queue) -> None:
    said = queue.run("demo", "fails")
    assert said.returncode == 1 and "is FAILED (ExitCode: 3)" in said.stdout

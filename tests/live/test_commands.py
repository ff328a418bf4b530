"""Commands that act, against a real manager: an answer means that it has happened."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.live.harness import Queue, is_gone, wait_for

pytestmark = pytest.mark.live

SLEEPS = f'"{sys.executable}" -c "import time; time.sleep(120)"'


def ok(queue: Queue, *arguments: str) -> str:
    """Run a command that succeeds; returns what it says."""
    said = queue.run(*arguments)
    assert said.returncode == 0, said.stderr
    return said.stdout


def state(queue: Queue, name: str) -> str | None:
    return (queue.row(name) or {}).get("state")


def fill(queue: Queue) -> None:
    """A job that has both processors, so that others wait."""
    queue.drop("busy", SLEEPS, nb_proc=2)
    queue.wait_running("busy")


def waiting(queue: Queue, name: str, script: str = "true", **options: object) -> None:
    """A job that is accepted and waits."""
    queue.drop(name, script, **options)
    wait_for(f"{name} waits", lambda: state(queue, name) in ("QUEUED", "HELD"))


def counting(queue: Queue, name: str) -> Path:
    """A job that counts in a file until told that it is enough; returns that file."""
    folder = queue.job(name, f'"{sys.executable}" -u count.py')
    (folder / "count.py").write_text(
        "import os, time\n"
        "n = 0\n"
        "while not os.path.exists('enough'):\n"
        "    n += 1\n"
        "    with open('count.new', 'w') as file:\n"
        "        file.write(str(n))\n"
        "    os.replace('count.new', 'count')\n"
        "    time.sleep(0.01)\n",
        encoding="ascii",
    )
    queue.move_in(folder)
    count = queue.wait_running(name) / "count"
    wait_for("it counts", count.exists)
    return count


def processes(queue: Queue, name: str) -> list[psutil.Process]:
    """Living processes of a job, by its token."""
    token = queue.record(name, "job.json")["token"]
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("QM_JOB_TOKEN") == token:
                found.append(process)
        except psutil.Error:
            continue
    return found


# rerun


def test_a_job_is_run_again_under_its_id(queue: Queue) -> None:
    queue.drop("a", "echo run $QM_ATTEMPT; test -e mended")
    queue.wait_done("a")
    assert state(queue, "a") == "FAILED"
    (queue.path("a") / "mended").touch()
    assert ok(queue, "rerun", "a") == "Queued job 1 (a) again\n"
    wait_for("it has run again", lambda: state(queue, "a") == "FINISHED")
    row = queue.row("a")
    assert row is not None and (row["id"], row["attempt"]) == (1, 2)
    assert "run 2" in queue.process_log("a")
    archived = queue.path("a") / ".qm" / "attempt-1"
    assert "run 1" in (archived / "process.log").read_text(encoding="utf-8")


def test_a_rerun_on_hold_waits_for_its_release(queue: Queue) -> None:
    queue.drop("a", "echo run $QM_ATTEMPT")
    queue.wait_done("a")
    said = ok(queue, "rerun", "--hold", "1")
    assert said == "Queued job 1 (a) again, held; `qm release 1` lets it start\n"
    assert state(queue, "a") == "HELD" and queue.where("a") == "QM_qJobs"
    ok(queue, "release", "1")
    queue.wait_done("a")
    assert "run 2" in queue.process_log("a")


def test_a_cancelled_job_can_be_run_after_all(queue: Queue) -> None:
    fill(queue)
    waiting(queue, "a")
    ok(queue, "kill", "a")
    assert queue.where("a") == "QM_lost+found"
    ok(queue, "rerun", "a")
    ok(queue, "kill", "busy")
    queue.wait_done("a")


def test_what_has_not_ended_is_not_run_again(queue: Queue) -> None:
    fill(queue)
    waiting(queue, "a")
    for name, words in (("busy", "job 1"), ("a", "job 2"), ("nobody", "nobody")):
        said = queue.run("rerun", name)
        assert said.returncode == 1 and words in said.stderr, said.stderr
    ok(queue, "kill", "--all", "--yes")


# set, priority


def test_a_waiting_job_is_moved_to_the_front_by_its_priority(queue: Queue) -> None:
    fill(queue)
    waiting(queue, "first", "echo first >> ../../order", nb_proc=2)
    waiting(queue, "second", "echo second >> ../../order", nb_proc=2)
    assert ok(queue, "priority", "second", "7") == "Changed job 3 (second): priority 0 -> 7\n"
    row = queue.row("second")
    assert row is not None and row["priority"] == 7
    ok(queue, "kill", "busy")
    queue.wait_done("first")
    queue.wait_done("second")
    assert (queue.folder / "order").read_text(encoding="utf-8").split() == ["second", "first"]


def test_keys_of_a_waiting_job_are_changed_and_taken_back(queue: Queue) -> None:
    fill(queue)
    waiting(queue, "a", SLEEPS, walltime=60)
    said = ok(queue, "set", "a", "walltime=1", "nb_proc=2")
    assert said.startswith("Changed job 2 (a): ") and "nb_proc 1 -> 2" in said
    options = json.loads(ok(queue, "show", "a", "--json"))["options"]
    assert (options["walltime"], options["nb_proc"]) == (1.0, 2)
    assert "nb_proc 2 -> 1" in ok(queue, "set", "a", "nb_proc=")
    ok(queue, "kill", "busy")
    queue.wait_done("a")
    row = queue.row("a")
    assert row is not None and row["reason"].startswith("TimeLimit: ")


def test_a_change_that_cannot_be_is_refused_and_changes_nothing(queue: Queue) -> None:
    fill(queue)
    waiting(queue, "a")
    said = queue.run("set", "a", "nb_proc=many")
    assert said.returncode == 1 and "nb_proc" in said.stderr
    said = queue.run("set", "busy", "priority=5")
    assert said.returncode == 1 and "job 1" in said.stderr
    row = queue.row("a")
    assert row is not None and row["nb_proc"] == 1
    ok(queue, "kill", "--all", "--yes")


# suspend, resume


@pytest.mark.skipif(sys.platform == "win32", reason="its processes do not say that they stand")
def test_a_suspended_job_stands_still_and_goes_on(queue: Queue) -> None:
    count = counting(queue, "a")
    assert ok(queue, "suspend", "a") == "Suspended job 1 (a)\n"
    assert state(queue, "a") == "SUSPENDED"
    standing = processes(queue, "a")
    assert standing and {p.status() for p in standing} == {psutil.STATUS_STOPPED}
    before = count.read_text(encoding="ascii")
    assert count.read_text(encoding="ascii") == before
    assert ok(queue, "resume", "a") == "Resumed job 1 (a)\n"
    assert state(queue, "a") == "RUNNING"
    wait_for("it counts on", lambda: count.read_text(encoding="ascii") != before)
    (count.parent / "enough").touch()
    queue.wait_done("a")
    assert state(queue, "a") == "FINISHED"


def test_a_suspended_job_can_be_killed(queue: Queue) -> None:
    counting(queue, "a")
    ok(queue, "suspend", "a")
    assert ok(queue, "kill", "a") == "Killed job 1 (a)\n"
    assert state(queue, "a") == "KILLED" and processes(queue, "a") == []


def test_only_what_runs_is_suspended_and_only_what_waits_is_held(queue: Queue) -> None:
    fill(queue)
    waiting(queue, "a")
    for verb in ("suspend", "resume"):
        said = queue.run(verb, "a")
        assert said.returncode == 1 and "job 2" in said.stderr, said.stderr
    said = queue.run("hold", "busy")
    assert said.returncode == 1 and "qm suspend" in said.stderr
    ok(queue, "kill", "--all", "--yes")


# hold with a reason


def test_the_reason_of_a_hold_is_told_by_why(queue: Queue) -> None:
    fill(queue)
    waiting(queue, "a")
    ok(queue, "hold", "a", "--reason", "the disk is full")
    assert "the disk is full" in ok(queue, "why", "a")
    ok(queue, "kill", "--all", "--yes")


# drain, limit


def test_nothing_is_started_while_drain_is_on_and_it_is_kept_over_a_restart(queue: Queue) -> None:
    assert ok(queue, "drain") == "Drain is off: jobs are started\n"
    assert ok(queue, "drain", "on").startswith("Drain is on, since ")
    waiting(queue, "a")
    assert "Drain: " in ok(queue, "why", "a")
    queue.stop()
    queue.start()
    assert json.loads(ok(queue, "drain", "--json"))["drain"] is True
    wait_for("it waits again", lambda: state(queue, "a") == "QUEUED")
    ok(queue, "drain", "off")
    queue.wait_done("a")


def test_a_lower_limit_counts_for_the_next_start_and_is_kept_over_a_restart(queue: Queue) -> None:
    assert ok(queue, "limit").startswith("processors  2 (as configured)\n")
    assert "processors  1 (configured: 2)" in ok(queue, "limit", "processors=1")
    queue.drop("a", SLEEPS)
    queue.wait_running("a")
    waiting(queue, "b", SLEEPS)
    assert "Resources: " in ok(queue, "why", "b")
    queue.stop()
    queue.start()
    assert "processors  1 (configured: 2)" in ok(queue, "limit")
    ok(queue, "limit", "processors=default")
    queue.wait_running("b")
    ok(queue, "kill", "--all", "--yes")


# rm, restore, purge


def test_a_removed_job_comes_back_where_it_was(queue: Queue) -> None:
    queue.drop("a", "echo here")
    queue.wait_done("a")
    ok(queue, "rm", "a")
    (item,) = json.loads(ok(queue, "restore", "--list", "--json"))
    assert (item["id"], item["name"], item["place"]) == (1, "a", "QM_dJobs")
    assert ok(queue, "restore", "a") == "Restored job 1 (a) to QM_dJobs\n"
    assert "here" in queue.process_log("a")
    row = queue.row("a")
    assert row is not None and (row["id"], row["state"]) == (1, "FINISHED")
    said = queue.run("restore", "a")
    assert said.returncode == 1 and "no job a in the trash" in said.stderr


def test_old_jobs_are_purged_into_the_trash_and_that_is_emptied(queue: Queue) -> None:
    for name in ("a", "b"):
        queue.drop(name)
        queue.wait_done(name)
    queue.drop("bad", "exit 3")
    queue.wait_done("bad")
    assert "nothing to purge" in queue.run("purge", "--older-than", "1d", "--yes").stderr
    said = ok(queue, "purge", "--older-than", "0s", "--state", "FINISHED", "--yes")
    assert said.startswith("Moved 2 jobs (")
    assert queue.tree()["QM_dJobs"] == ["bad"]
    assert queue.run("purge", "--trash").returncode == 1
    queue.stop()
    assert ok(queue, "purge", "--trash", "--yes").startswith("Deleted 2 jobs (")
    assert os.listdir(queue.folder / ".qm" / "trash") == []
    assert queue.tree()["QM_dJobs"] == ["bad"]


# Many at once


def test_all_jobs_are_killed_and_none_starts_in_between(queue: Queue) -> None:
    fill(queue)
    for number in range(5):
        waiting(queue, f"next{number}", SLEEPS)
    said = queue.run("kill", "--all")
    assert said.returncode == 1 and "--yes" in said.stderr
    lines = ok(queue, "kill", "--all", "--yes").splitlines()
    assert lines[-1] == "Killed job 1 (busy)"
    assert [line.partition(" ")[0] for line in lines[:-1]] == ["Cancelled"] * 5
    assert ok(queue, "kill", "--all", "--json") == "[]\n"


# clean


def test_only_processes_of_ended_jobs_are_cleaned(queue: Queue) -> None:
    queue.drop("ended")
    queue.wait_done("ended")
    queue.drop("runs", SLEEPS)
    queue.wait_running("runs")
    token = queue.record("ended", "start.json")["token"]
    env = {**os.environ, "QM_JOB_TOKEN": token, "QM_JOB_ID": "1"}
    sleep = "import time; print(flush=True); time.sleep(100)"
    with subprocess.Popen([sys.executable, "-c", sleep], env=env, stdout=subprocess.PIPE) as left:
        assert left.stdout is not None
        left.stdout.readline()
        found: list[dict[str, Any]] = json.loads(ok(queue, "clean", "--json"))
        assert [one["pid"] for one in found] == [left.pid]
        assert ok(queue, "clean", "--force") == f"Ended process {left.pid} of job 1 (ended)\n"
        assert left.wait(10) != 0
    (running,) = [p for p in processes(queue, "runs") if "time.sleep" in " ".join(p.cmdline())][-1:]
    assert not is_gone(running.pid) and state(queue, "runs") == "RUNNING"
    ok(queue, "kill", "runs")


# mops' workflow


def test_the_way_of_people_who_come_from_mops(queue: Queue) -> None:
    assert ok(queue, "qsub", "--nb-proc", "2", "--name", "runs", "sleep 300").startswith(
        "Submitted job 1 (runs)"
    )
    queue.wait_running("runs")
    assert ok(queue, "qsub", "--name", "waits", "sleep 300").startswith("Submitted job 2 (waits)")
    said = ok(queue, "qstat")
    assert "runs" in said and "waits" in said
    assert ok(queue, "qhold", "2") == "Held job 2 (waits)\n"
    assert ok(queue, "qrls", "2") == "Released job 2 (waits)\n"
    assert ok(queue, "qdel", "2") == "Cancelled job 2 (waits)\n"
    assert state(queue, "waits") == "CANCELLED"
    assert ok(queue, "qdel", "1") == "Killed job 1 (runs)\n"
    assert state(queue, "runs") == "KILLED"


def test_a_task_is_submitted_followed_and_removed(queue: Queue) -> None:
    said = ok(queue, "task", "submit", "--name", "talks", "echo one; sleep 0.5; echo two")
    assert said.startswith("Submitted job 1 (talks)")
    followed = ok(queue, "task", "logs", "1", "--tail")
    assert "one\ntwo\n" in followed and "Job finished at: " in followed
    assert json.loads(ok(queue, "task", "list", "--json"))[0]["state"] == "FINISHED"
    assert ok(queue, "task", "rm", "1") == "Removed job 1 (talks)\n"
    assert ok(queue, "task", "purge", "--trash", "--yes").startswith("Deleted 1 job (")

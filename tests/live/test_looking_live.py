"""The commands that look, against a real manager: wait, logs, history, statistics."""

from __future__ import annotations

import json
import subprocess
import time
from pathlib import Path

import psutil
import pytest

from tests.live.harness import Queue, wait_for

pytestmark = pytest.mark.live


def started(queue: Queue, *arguments: str) -> subprocess.Popen[str]:
    """A command that goes on while the test does."""
    return subprocess.Popen(
        queue.command(*arguments),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=queue.environment,
    )


def the_gate(tmp_path: Path) -> tuple[Path, str]:
    """A file, and a script that runs until it is there."""
    gate = tmp_path / "gate"
    return gate, f"while [ ! -e {gate} ]; do sleep 0.05; done"


def test_the_next_command_runs_only_where_all_were_finished(queue: Queue) -> None:
    queue.drop("a", "sleep 0.3")
    queue.drop("b", "exit 0")
    said = queue.run("wait", "a", "b", "--progress")
    assert said.returncode == 0, said.stderr
    assert said.stdout.splitlines()[-1] == "2 of 2 done: 2 finished, 0 failed"
    queue.drop("c", "exit 3")
    said = queue.run("wait", "a", "c")
    assert (said.returncode, said.stdout) == (1, "")
    assert said.stderr == "qm: job 3 (c) is FAILED: ExitCode: 3\n"


def test_a_job_is_waited_for_over_its_retries(queue: Queue, tmp_path: Path) -> None:
    queue.drop("a", f"test -e {tmp_path}/tried || {{ touch {tmp_path}/tried; exit 1; }}", retries=1)
    said = queue.run("wait", "a")
    assert (said.returncode, said.stderr) == (0, "")
    attempts = json.loads(queue.run("history", "--json").stdout)
    assert [(one["attempt"], one["state"]) for one in attempts] == [(2, "FINISHED"), (1, "FAILED")]
    total = json.loads(queue.run("stats", "--json").stdout)["total"]
    assert (total["jobs"], total["finished"], total["failed"]) == (1, 1, 0)


def test_waiting_outlives_the_manager_with_the_jobs(queue: Queue, tmp_path: Path) -> None:
    gate, script = the_gate(tmp_path)
    queue.drop("a", script)
    queue.wait_running("a")
    waiting = started(queue, "wait", "a", "--progress")
    assert waiting.stdout is not None
    assert "1 running" in waiting.stdout.readline()
    queue.kill_manager()
    gate.touch()
    assert waiting.wait(30) == 0
    waiting.communicate()


def test_what_cannot_start_without_a_manager_is_not_waited_for(queue: Queue) -> None:
    queue.drop("a", "true", hold="yes")
    wait_for("it is held", lambda: (queue.row("a") or {}).get("state") == "HELD")
    queue.stop()
    said = queue.run("wait")
    assert said.returncode == 3 and "no QM runs: 1 job is not going to start" in said.stderr


def test_a_job_that_is_removed_while_somebody_waits_has_ended_as_it_did(queue: Queue) -> None:
    queue.drop("a", "true")
    queue.wait_done("a")
    queue.drop("b", "true", hold="yes")
    wait_for("it is held", lambda: (queue.row("b") or {}).get("state") == "HELD")
    waiting = started(queue, "wait", "a", "b", "--progress")
    assert waiting.stdout is not None
    assert waiting.stdout.readline().startswith("1 of 2 done")
    assert queue.run("rm", "a").returncode == 0
    assert queue.run("wait", "1").returncode == 0, "the history tells how it ended"
    assert queue.run("release", "b").returncode == 0
    assert waiting.wait(30) == 0
    waiting.communicate()
    assert queue.run("history", "a", "--json").stdout.count('"id"') == 1


def test_logs_follow_from_the_wait_over_each_attempt_to_the_end(
    queue: Queue, tmp_path: Path
) -> None:
    gate, script = the_gate(tmp_path)
    queue.drop("busy", script, nb_proc=2)
    queue.wait_running("busy")
    queue.drop("a", f"echo try; test -e {tmp_path}/tried || {{ touch {tmp_path}/tried; exit 1; }}")
    changed = queue.folder / "QM_qJobs" / "a"
    wait_for("it waits", lambda: (queue.row("a") or {}).get("state") == "QUEUED")
    assert changed.is_dir()
    assert queue.run("set", "a", "retries=1").returncode == 0
    following = started(queue, "logs", "-f", "a")
    assert following.stderr is not None
    assert "has no log, it is QUEUED: Resources: needs 1 processor" in following.stderr.readline()
    gate.touch()
    out, err = following.communicate(timeout=30)
    assert following.returncode == 0
    assert out.count("try\n") == 2 and out.count("Job finished at: ") == 2
    assert "a new log begins after attempt 1" in err
    assert queue.run("logs", "a", "--attempt", "1").stdout.count("try\n") == 1
    shown = json.loads(queue.run("show", "a", "--json").stdout)
    assert [one["exit_code"] for one in shown["attempts"]] == [1]


def test_waiting_for_many_jobs_costs_next_to_nothing(queue: Queue, tmp_path: Path) -> None:
    gate, script = the_gate(tmp_path)
    queue.drop("busy", script, nb_proc=2)
    queue.wait_running("busy")
    for number in range(200):
        queue.drop(f"w{number}", "true")
    wait_for("all wait", lambda: len(queue.listed("--state", "Q")) == 200, timeout=60)
    waiting = started(queue, "wait", "--progress")
    assert waiting.stdout is not None
    assert waiting.stdout.readline().startswith("0 of 201 done")
    process = psutil.Process(waiting.pid)
    before, began = process.cpu_times(), time.monotonic()
    wait_for("three seconds are over", lambda: time.monotonic() - began > 3)
    after = process.cpu_times()
    spent = after.user + after.system - before.user - before.system
    assert spent / 3 < 0.05
    gate.touch()
    assert waiting.wait(120) == 0
    out, _ = waiting.communicate()
    assert out.splitlines()[-1] == "201 of 201 done: 201 finished, 0 failed"

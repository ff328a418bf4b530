"""Kill: whole trees wherever they went, the grace, folders out of reach, no manager."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from qm.osops import carriers
from tests.live.harness import Queue, is_gone, wait_for

if sys.platform == "win32":
    pytest.skip("the scripts are for /bin/sh", allow_module_level=True)

pytestmark = pytest.mark.live

RUNAWAY = """\
import os, signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
for generation in range(3):
    if os.fork() == 0:
        os.setsid()
        if os.fork():
            os._exit(0)
with open("pids", "a") as pids:
    pids.write(f"{os.getpid()}\\n")
while True:
    time.sleep(0.05)
"""
"""Eight processes in sessions of their own, whose parents are gone, deaf to SIGTERM."""


def noted_pids(folder: Path, count: int) -> list[int]:
    """Pids that the processes of a job wrote, once there are ``count``."""

    def pids() -> list[int]:
        file = folder / "pids"
        return [int(line) for line in file.read_text().split()] if file.exists() else []

    wait_for(f"{count} processes", lambda: len(pids()) >= count)
    return pids()


def drop_program(queue: Queue, name: str, program: str, **options: object) -> Path:
    """A job that runs a Python program; returns its folder once it runs."""
    folder = queue.job(name, f"exec {sys.executable} -u program.py", **options)
    (folder / "program.py").write_text(program)
    queue.move_in(folder)
    return queue.wait_running(name)


def state_of(queue: Queue, name: str) -> tuple[object, object]:
    """State and reason, as listed."""
    row = queue.row(name) or {}
    return row.get("state"), row.get("reason")


def test_a_kill_ends_processes_that_left_their_session_and_ignore_sigterm(queue: Queue) -> None:
    folder = drop_program(queue, "runaway", RUNAWAY)
    pids = noted_pids(folder, 8)
    token = str(queue.record("runaway", "start.json")["token"])
    answer = queue.run("kill", "runaway", "--grace", "0.3")
    assert answer.returncode == 0, answer.stderr
    assert all(is_gone(pid) for pid in pids) and carriers(token) == []
    queue.wait_done("runaway")
    state, reason = state_of(queue, "runaway")
    assert state == "KILLED" and str(reason).startswith("User: ")


def test_a_walltime_ends_children_as_well(queue: Queue) -> None:
    folder = drop_program(queue, "limited", RUNAWAY, walltime="1")
    pids = noted_pids(folder, 8)
    queue.wait_done("limited", timeout=30)
    assert all(is_gone(pid) for pid in pids)
    assert state_of(queue, "limited")[0] == "KILLED"
    assert "TimeLimit" in queue.process_log("limited").splitlines()[-1]


def test_every_process_of_a_job_is_asked_once_to_end(queue: Queue) -> None:
    program = (
        "import os, signal, time\n"
        "def asked(*_): os.write(1, b'asked %d\\n' % os.getpid())\n"
        "signal.signal(signal.SIGTERM, asked)\n"
        "if os.fork() == 0: os.fork() or os.setsid()\n"
        "with open('pids', 'a') as pids: pids.write(f'{os.getpid()}\\n')\n"
        "while True: time.sleep(0.05)\n"
    )
    folder = drop_program(queue, "polite", program)
    pids = noted_pids(folder, 3)
    answer = queue.run("kill", "polite", "--grace", "1")
    assert answer.returncode == 0, answer.stderr
    asked = [line for line in queue.process_log("polite").splitlines() if "asked" in line]
    assert sorted(asked) == sorted(f"asked {pid}" for pid in pids)


def test_a_process_that_a_script_leaves_behind_is_ended_with_it(queue: Queue) -> None:
    queue.drop("leaves", "sleep 300 & echo $! > pids; exit 4")
    folder = queue.wait_done("leaves")
    assert all(is_gone(pid) for pid in noted_pids(folder, 1))
    assert queue.record("leaves", "exit.json")["exit_code"] == 4
    assert "left behind" in queue.process_log("leaves").splitlines()[-1]


def test_a_kill_with_no_manager_ends_the_tree_and_the_next_manager_tells(
    make_queue: Callable[..., Queue],
) -> None:
    queue = make_queue().start()
    folder = drop_program(queue, "alone", RUNAWAY)
    pids = noted_pids(folder, 8)
    queue.kill_manager()
    answer = queue.run("kill", "alone", "--grace", "0.3")
    assert answer.returncode == 0, answer.stderr
    assert all(is_gone(pid) for pid in pids)
    queue.start()
    queue.wait_done("alone")
    assert state_of(queue, "alone")[0] == "KILLED"


def test_a_kill_mark_of_another_attempt_is_not_obeyed(queue: Queue) -> None:
    queue.drop("obeys", "sleep 2.5; exit 6")
    folder = queue.wait_running("obeys")
    token = queue.record("obeys", "start.json")["token"]
    record = {"attempt": 7, "token": token, "reason": "User", "text": "not obeyed"}
    (folder / ".qm/kill").write_text(json.dumps(record))
    queue.wait_done("obeys")
    assert queue.record("obeys", "exit.json")["exit_code"] == 6


@pytest.mark.parametrize("how", ["deleted", "taken elsewhere"])
def test_a_running_job_whose_folder_is_out_of_reach_can_be_killed(queue: Queue, how: str) -> None:
    folder = drop_program(queue, "away", RUNAWAY)
    pids = noted_pids(folder, 8)
    if how == "deleted":
        shutil.rmtree(folder)
    else:
        os.rename(folder, queue.staging / "away")
    answer = queue.run("kill", "away", "--grace", "0.3")
    assert answer.returncode == 0, answer.stderr
    assert all(is_gone(pid) for pid in pids)
    row = queue.row("away")
    assert row is not None and row["folder"] is None
    assert row["state"] == "KILLED"


def test_a_deleted_job_of_an_earlier_manager_keeps_its_slot_and_can_be_killed(
    make_queue: Callable[..., Queue],
) -> None:
    queue = make_queue(MaxNbProcessors="1").start()
    folder = drop_program(queue, "orphan", RUNAWAY)
    pids = noted_pids(folder, 8)
    queue.stop()
    queue.start()
    shutil.rmtree(folder)
    queue.drop("next", "true")
    wait_for("next waits", lambda: state_of(queue, "next")[0] == "QUEUED")
    answer = queue.run("kill", "orphan")
    assert answer.returncode == 0, answer.stderr
    assert all(is_gone(pid) for pid in pids)
    queue.wait_done("next")


def test_an_idle_supervisor_that_is_killed_is_replaced_for_the_next_job(queue: Queue) -> None:
    queue.drop("first", "true")
    queue.wait_done("first")
    supervisors = wait_for("supervisors", queue.supervisors)
    for supervisor in supervisors:
        supervisor.send_signal(signal.SIGKILL)
    queue.drop("second", "exit 5")
    queue.wait_done("second")
    assert queue.record("second", "exit.json")["exit_code"] == 5


def test_a_stopped_supervisor_obeys_a_kill_once_it_goes_on(queue: Queue) -> None:
    queue.drop("paused", "exec sleep 300")
    folder = queue.wait_running("paused")
    pid = int(queue.record("paused", "start.json")["supervisor"])
    os.kill(pid, signal.SIGSTOP)
    try:
        command = queue.command("kill", "paused", "--grace", "0")
        kill = subprocess.Popen(command, env=queue.environment)
        wait_for("it is marked", (folder / ".qm/kill").exists)
        assert queue.where("paused") == "QM_Jobs" and kill.poll() is None
    finally:
        os.kill(pid, signal.SIGCONT)
    assert kill.wait(40) == 0
    queue.wait_done("paused")
    assert state_of(queue, "paused")[0] == "KILLED"

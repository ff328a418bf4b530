"""SIGKILL of the manager and of supervisors: nothing is lost, nothing runs twice."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from qm.osops import carriers
from tests.live.harness import Queue, is_gone, wait_for

if sys.platform == "win32":
    pytest.skip("the scripts are for /bin/sh", allow_module_level=True)

pytestmark = pytest.mark.live


def starts(queue: Queue) -> Counter[str]:
    """How often each job's script started, as the scripts themselves noted it."""
    note = queue.folder.parent / "starts"
    return Counter(note.read_text().split()) if note.exists() else Counter()


def counted(queue: Queue, then: str) -> str:
    """A script that notes its start first."""
    return f"echo $QM_JOB_NAME >> {queue.folder.parent}/starts; {then}"


def test_jobs_outlive_a_killed_manager_and_a_new_one_collects_their_exit_codes(
    make_queue: Callable[..., Queue],
) -> None:
    queue = make_queue(MaxNbProcessors="3").start()
    for number in range(3):
        script = f"while [ ! -e go ]; do sleep 0.02; done; exit {number + 4}"
        queue.drop(f"running{number}", counted(queue, script))
    for number in range(3):
        queue.wait_running(f"running{number}")
    for number in range(4):
        queue.drop(f"waiting{number}", counted(queue, "true"))
    wait_for("they are queued", lambda: len(queue.listed()) == 7)
    queue.kill_manager()
    (queue.path("running0") / "go").touch()
    wait_for("it ends without a manager", (queue.path("running0") / ".qm/exit.json").exists)
    queue.start()
    assert queue.where("running1") == "QM_Jobs"
    for number in (1, 2):
        (queue.path(f"running{number}") / "go").touch()
    for number in range(3):
        queue.wait_done(f"running{number}")
    for number in range(4):
        queue.wait_done(f"waiting{number}")
    rows = {row["name"]: row for row in queue.listed()}
    assert [rows[f"running{n}"]["exit_code"] for n in range(3)] == [4, 5, 6]
    assert {rows[f"waiting{n}"]["state"] for n in range(4)} == {"FINISHED"}
    assert set(starts(queue).values()) == {1} and len(starts(queue)) == 7
    assert sorted(row["id"] for row in rows.values()) == list(range(1, 8))


def test_a_manager_that_is_killed_again_and_again_loses_and_doubles_nothing(
    make_queue: Callable[..., Queue],
) -> None:
    queue = make_queue(MaxNbProcessors="2", Rescan="1").start()
    names = [f"job{number:02}" for number in range(40)]
    for name in names:
        queue.drop(name, counted(queue, "sleep 0.05"))
    for round_ in range(8):
        wait_until_alive_for(queue, 0.1 + 0.1 * round_)
        queue.kill_manager()
        queue.start()
    for name in names:
        queue.wait_done(name, timeout=60)
    assert starts(queue) == Counter(names)
    rows = queue.listed()
    assert {row["state"] for row in rows} == {"FINISHED"}
    assert len({row["id"] for row in rows}) == len(rows) == 40


def wait_until_alive_for(queue: Queue, seconds: float) -> None:
    """Let a manager live for a time that is part of the test."""
    assert queue.process is not None
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        assert queue.process.poll() is None
        time.sleep(0.01)


def script_pid(folder: Path) -> int:
    """The pid that a script wrote into ``pid``."""
    wait_for("the script wrote its pid", (folder / "pid").exists)
    return int(wait_for("the pid is there", lambda: (folder / "pid").read_text().strip()))


def kill_supervisor(queue: Queue, name: str) -> str:
    """SIGKILL to the process beside a running job; returns the job's token."""
    start = queue.record(name, "start.json")
    os.kill(start["supervisor"], signal.SIGKILL)
    return str(start["token"])


ESCAPES = (
    "echo $$ > pid; (setsid sleep 300 &) ; nohup sleep 300 >/dev/null 2>&1 & "
    "trap '' TERM; while :; do sleep 0.1; done"
)


def test_a_job_whose_supervisor_is_killed_is_lost_and_no_process_of_it_is_left(
    queue: Queue,
) -> None:
    queue.drop("orphaned", ESCAPES)
    folder = queue.wait_running("orphaned")
    pid = script_pid(folder)
    token = kill_supervisor(queue, "orphaned")
    queue.wait_lost("orphaned")
    assert carriers(token) == []
    assert is_gone(pid)
    row = queue.row("orphaned")
    assert row is not None and row["state"] == "LOST"
    assert str(row["reason"]).startswith("SupervisorDied: ")
    assert "Job lost by QM" in queue.process_log("orphaned")


def test_a_rerunnable_job_whose_supervisor_is_killed_runs_again(queue: Queue) -> None:
    script = counted(queue, "if [ $QM_ATTEMPT = 1 ]; then sleep 300; fi; echo attempt $QM_ATTEMPT")
    queue.drop("again", script, rerunnable="yes")
    queue.wait_running("again")
    # Its supervisor may be killed before the script has begun; then that attempt notes nothing.
    wait_for("the script has begun", lambda: starts(queue)["again"])
    token = kill_supervisor(queue, "again")
    folder = queue.wait_done("again")
    assert carriers(token) == []
    assert "attempt 2" in queue.process_log("again")
    assert (folder / ".qm/attempt-1/start.json").exists()
    assert (folder / ".qm/attempt-1/process.log").exists()
    assert starts(queue) == Counter({"again": 2})
    assert queue.record("again", "exit.json")["attempt"] == 2


def test_manager_and_supervisor_killed_together_leave_a_lost_job(queue: Queue) -> None:
    queue.drop("both", ESCAPES)
    queue.wait_running("both")
    assert queue.process is not None
    queue.process.send_signal(signal.SIGSTOP)
    token = kill_supervisor(queue, "both")
    queue.kill_manager()
    queue.start()
    queue.wait_lost("both")
    assert carriers(token) == []


def test_a_claim_that_was_never_started_goes_back_and_runs_once(
    make_queue: Callable[..., Queue],
) -> None:
    queue = make_queue().start()
    queue.drop("claimed", counted(queue, "true"), hold="yes")
    wait_for("held", lambda: (queue.row("claimed") or {}).get("state") == "HELD")
    queue.stop()
    # What a crash between the claim and its hand-over leaves: the folder moved, a claim written.
    folder = queue.folder / "QM_Jobs" / "claimed"
    os.rename(queue.folder / "QM_qJobs" / "claimed", folder)
    record = queue.record("claimed", "job.json")
    record |= {"attempt": 1, "token": "t" * 32, "claimed": True}
    (folder / ".qm/job.json").write_text(json.dumps(record))
    (folder / ".qm/hold").unlink()
    queue.start()
    queue.wait_done("claimed")
    assert starts(queue) == Counter({"claimed": 1})
    assert queue.record("claimed", "exit.json")["attempt"] == 2


def test_a_claim_of_another_boot_without_a_start_record_is_lost_not_run_again(
    make_queue: Callable[..., Queue],
) -> None:
    queue = make_queue().start()
    queue.drop("cut", counted(queue, "true"), hold="yes")
    wait_for("held", lambda: (queue.row("cut") or {}).get("state") == "HELD")
    queue.stop()
    folder = queue.folder / "QM_Jobs" / "cut"
    os.rename(queue.folder / "QM_qJobs" / "cut", folder)
    record = queue.record("cut", "job.json")
    record |= {"attempt": 1, "token": "t" * 32, "claimed": True, "boot": "another boot"}
    (folder / ".qm/job.json").write_text(json.dumps(record))
    queue.start()
    queue.wait_lost("cut")
    assert starts(queue) == Counter()
    assert str((queue.row("cut") or {})["reason"]).startswith("MachineDown: ")


def test_a_second_manager_refuses_and_says_who_has_the_folder(queue: Queue) -> None:
    assert queue.process is not None
    second = queue.run("serve", "--no-web")
    assert second.returncode != 0
    assert f"process {queue.process.pid}" in second.stderr


def test_stopping_the_manager_leaves_running_jobs_to_their_supervisors(queue: Queue) -> None:
    queue.drop("goes_on", "while [ ! -e go ]; do sleep 0.02; done; exit 9")
    folder = queue.wait_running("goes_on")
    queue.stop()
    assert queue.run("status").returncode == 3
    (folder / "go").touch()
    wait_for("its end is recorded", (folder / ".qm/exit.json").exists)
    assert queue.process_log("goes_on").splitlines()[-1].endswith("with code 9")
    queue.start()
    queue.wait_done("goes_on")


def test_the_index_can_be_deleted_while_the_manager_runs(queue: Queue) -> None:
    fill(queue)
    before = queue.listed()
    for suffix in ("", "-wal", "-shm"):
        (queue.folder / ".qm" / f"index.sqlite3{suffix}").unlink(missing_ok=True)
    wait_for("all is back", lambda: stable(queue.listed()) == stable(before), timeout=30)
    wait_for("the index is back", (queue.folder / ".qm/index.sqlite3").exists)


def test_the_index_can_be_deleted_while_no_manager_runs(queue: Queue) -> None:
    fill(queue)
    before = queue.listed()
    queue.stop()
    (queue.folder / ".qm/index.sqlite3").unlink()
    queue.start()
    wait_for("all is back", lambda: stable(queue.listed()) == stable(before), timeout=30)


def fill(queue: Queue) -> None:
    """A job of each state that stays."""
    queue.drop("finished", "true")
    queue.wait_done("finished")
    queue.drop("failed", "exit 3")
    queue.wait_done("failed")
    queue.drop("killed", "sleep 60", walltime="0.2")
    queue.wait_done("killed")
    queue.drop("refused", "true", nb_proc="four")
    queue.wait_lost("refused")
    queue.drop("held", "true", hold="yes")
    wait_for("held", lambda: (queue.row("held") or {}).get("state") == "HELD")
    queue.drop("runs", "sleep 60")
    queue.wait_running("runs")
    queue.drop("waits", "true", nb_proc="2")
    wait_for("waits", lambda: (queue.row("waits") or {}).get("state") == "QUEUED")


def stable(rows: list[dict[str, object]]) -> list[tuple[object, ...]]:
    """Ids, names, states and reasons."""
    return sorted((row["id"], row["name"], row["state"], row["reason"]) for row in rows)

"""A real supervisor process, driven over its pipes as the manager does it."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from qm.jobdir import own_folder, write_kill
from qm.model import Reason
from qm.osops import FolderHandle, identity_of
from qm.records import outcome_from_record
from tests.fakes.supervisor import Driver, a_driver, wait_until

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the scripts are for sh")


@pytest.fixture
def driver(tmp_path: Path) -> Iterator[Driver]:
    with a_driver(tmp_path) as driver:
        yield driver


def is_locked(folder: Path) -> bool:
    with FolderHandle.open(str(folder / ".qm")) as own:
        lock = own.lock("lock")
    if lock is not None:
        lock.release()
    return lock is None


def test_a_job_runs_and_its_records_and_its_log_say_how(driver: Driver) -> None:
    assert driver.ready == {"ready": driver.process.pid}
    job = driver.claimed()
    driver.order(job, 'echo "$GREETING from $QM_JOB_TOKEN"; exit 3')
    message = driver.outcome()
    assert message["token"] == job.token and message["ended"]["exit_code"] == 3
    start, exit_record = driver.record("start.json"), driver.record("exit.json")
    assert (start["attempt"], start["token"], start["supervisor"]) == (
        1,
        job.token,
        driver.process.pid,
    )
    assert outcome_from_record(exit_record) == outcome_from_record(message["ended"])
    first, note, line, last = driver.log().splitlines()
    assert first.startswith("Job started by QM at: ") and note == "QM: a note"
    assert line == f"hello from {job.token}"
    assert last.startswith("Job finished at: ") and last.endswith("with code 3")
    assert not is_locked(driver.path())
    assert driver.end() == 0


def test_a_signal_is_an_end_as_well(driver: Driver) -> None:
    record = driver.run("kill -SEGV $$")["ended"]
    assert (record["exit_code"], record["signal"]) == (None, "SIGSEGV")
    assert "with signal SIGSEGV" in driver.log()


def test_one_supervisor_runs_job_after_job(driver: Driver) -> None:
    for number in range(3):
        job = driver.claimed(f"job{number}")
        driver.order(job, f"exit {number}")
        assert driver.outcome()["ended"]["exit_code"] == number
    assert driver.end() == 0


@pytest.mark.parametrize("by", ["mark", "message"])
def test_a_running_job_is_killed_by_its_mark_or_by_a_message(driver: Driver, by: str) -> None:
    job = driver.claimed()
    driver.order(job, "sleep 60 & sleep 60")
    assert "started" in driver.hear()
    if by == "mark":
        with own_folder(str(driver.path())) as own:
            write_kill(own, job, Reason("User", "killed by anna"), 5.0, "r1")
    else:
        mark = {"attempt": 1, "token": job.token, "grace": 5.0}
        driver.say({"kill": {**mark, "reason": "User", "text": "killed by anna"}})
    record = driver.hear()["ended"]
    assert (record["signal"], record["reason"]) == ("SIGTERM", "User: killed by anna")
    assert "User: killed by anna" in driver.log()


def test_a_kill_of_another_attempt_or_token_is_ignored(driver: Driver) -> None:
    job = driver.claimed()
    driver.order(job, "while [ ! -e go ]; do sleep 0.01; done")
    assert "started" in driver.hear()
    for attempt, token in ((2, job.token), (1, "other")):
        mark = {"attempt": attempt, "token": token, "grace": 0, "reason": "User", "text": "x"}
        (driver.path() / ".qm" / "kill").write_text(json.dumps({"format": 1, **mark}))
        driver.say({"kill": mark})
    (driver.path() / "go").touch()
    assert driver.hear()["ended"]["exit_code"] == 0


def test_a_script_that_does_not_hear_is_ended_after_its_grace(driver: Driver) -> None:
    job = driver.claimed()
    driver.order(job, "trap '' TERM; touch deaf; while :; do sleep 0.05; done")
    wait_until("it is deaf", (driver.path() / "deaf").exists)
    mark = {"attempt": 1, "token": job.token, "grace": 0.1, "reason": "User", "text": "x"}
    driver.say({"kill": mark})
    record = driver.outcome()["ended"]
    assert (record["signal"], record["reason"]) == ("SIGKILL", "User: x")


def test_a_second_request_to_end_may_shorten_the_grace(driver: Driver) -> None:
    job = driver.claimed()
    driver.order(job, "trap '' TERM; touch deaf; while :; do sleep 0.05; done")
    wait_until("it is deaf", (driver.path() / "deaf").exists)
    driver.kill(job, grace=3600)
    driver.kill(job, grace=7200)
    driver.say({"kill": driver.mark(job, grace=0, reason="User", text="at once")})
    record = driver.outcome()["ended"]
    assert (record["signal"], record["reason"]) == ("SIGKILL", "User: killed")


def test_an_order_that_makes_no_sense_starts_nothing(driver: Driver) -> None:
    message = driver.run("touch ran", walltime=60, warn={"signal": "USR1"})
    assert "before" in message["failed"]
    assert not (driver.path() / ".qm" / "start.json").exists()
    assert not (driver.path() / "ran").exists()


def test_a_job_that_runs_longer_than_its_walltime_is_ended(driver: Driver) -> None:
    record = driver.run("sleep 60", walltime=0.1)["ended"]
    assert record["reason"] == "TimeLimit: ran longer than its walltime, 0.1 s"


@pytest.mark.parametrize(
    "changes",
    [{"token": "an older one"}, {"attempt": 2}, {"inode": 1}],
)
def test_a_job_that_is_not_its_own_is_left_alone(driver: Driver, changes: dict[str, Any]) -> None:
    message = driver.run("touch ran", **changes)
    assert "refused" in message
    assert not (driver.path() / "ran").exists()
    assert not (driver.path() / ".qm" / "start.json").exists()
    assert not (driver.path() / "process.log").exists()


def test_a_lock_that_the_manager_holds_for_a_moment_is_waited_for(driver: Driver) -> None:
    job = driver.claimed()
    with own_folder(str(driver.path())) as own:
        lock = own.lock("lock")
        assert lock is not None
        driver.order(job, "touch ran")
        # It has taken the order once it waits in its job folder.
        fds = Path(f"/proc/{driver.process.pid}/fd")
        if fds.exists():
            inside = str(driver.path() / ".qm")
            wait_until("it waits", lambda: any(_target(fd) == inside for fd in fds.iterdir()))
        assert not (driver.path() / "ran").exists()
        lock.release()
    assert driver.outcome()["ended"]["exit_code"] == 0


def _target(link: Path) -> str:
    try:
        return os.readlink(link)
    except OSError:
        return ""


def test_a_folder_that_is_gone_is_told_and_the_supervisor_goes_on(driver: Driver) -> None:
    job = driver.claimed()
    shutil.rmtree(driver.path())
    driver.order(job, "true")
    assert "No such file" in driver.outcome()["failed"]
    assert driver.run("true")["ended"]["exit_code"] == 0


def test_a_script_that_cannot_be_launched_has_an_exit_record_that_says_why(
    driver: Driver,
) -> None:
    record = driver.run("true", cwd="no/such/folder")["ended"]
    assert record["exit_code"] == 127 and record["reason"].startswith("Launch: ")
    assert "no/such/folder" in record["reason"]
    assert driver.record("exit.json") == record


def test_output_goes_to_files_of_the_jobs_own_where_it_asks_so(driver: Driver) -> None:
    driver.run("echo out; echo err >&2", stdout="out.txt", stderr="err.txt")
    assert (driver.path() / "out.txt").read_text() == "out\n"
    assert (driver.path() / "err.txt").read_text() == "err\n"


def test_what_lies_under_the_name_of_the_log_steps_aside_unopened(driver: Driver) -> None:
    job = driver.claimed()
    victim = driver.running.parent / "victim"
    victim.write_text("untouched")
    (driver.path() / "process.log").symlink_to(victim)
    driver.order(job, "echo hi")
    driver.outcome()
    assert victim.read_text() == "untouched"
    assert (driver.path() / "process.log.1").is_symlink()
    assert "hi\n" in driver.log()


def test_the_job_outlives_its_manager_and_the_supervisor_ends_after_it(driver: Driver) -> None:
    job = driver.claimed()
    driver.order(job, "while [ ! -e go ]; do sleep 0.01; done; exit 5")
    driver.wait_started()
    driver.close()
    assert is_locked(driver.path())
    (driver.path() / "go").touch()
    assert driver.process.wait(20) == 0
    assert driver.record("exit.json")["exit_code"] == 5


def test_a_folder_that_is_renamed_while_its_job_runs_gets_its_records_all_the_same(
    driver: Driver,
) -> None:
    job = driver.claimed()
    driver.order(job, "while [ ! -e go ]; do sleep 0.01; done")
    driver.wait_started()
    elsewhere = driver.running / "renamed"
    driver.path().rename(elsewhere)
    (elsewhere / "go").touch()
    assert driver.outcome()["ended"]["exit_code"] == 0
    assert driver.record("exit.json", "renamed")["exit_code"] == 0
    assert identity_of(str(elsewhere)).same_folder(job.identity)


def test_a_folder_that_is_deleted_while_its_job_runs_is_told_as_vanished(driver: Driver) -> None:
    job = driver.claimed()
    go = driver.running.parent / "go"
    driver.order(job, f"while [ ! -e {go} ]; do sleep 0.01; done; exit 2")
    assert "started" in driver.hear()
    shutil.rmtree(driver.path())
    go.touch()
    record = driver.hear()["ended"]
    assert (record["exit_code"], record["vanished"]) == (2, True)


def test_what_a_script_leaves_behind_is_ended_with_it(driver: Driver) -> None:
    driver.run("sleep 300 >/dev/null 2>&1 & echo $! > pid")
    pid = int((driver.path() / "pid").read_text())
    wait_until("it is ended", lambda: not psutil.pid_exists(pid))
    assert "1 processes that the script left behind were ended" in driver.log()


def test_orders_of_unknown_kind_are_passed_over(driver: Driver) -> None:
    driver.say({"dance": True})
    driver.say({"kill": {"token": "nobody's"}})
    assert driver.run("true")["ended"]["exit_code"] == 0

"""Jobs that stand still: suspended and resumed by orders and by marks, and killed meanwhile."""

from __future__ import annotations

import json
import os
import queue
import shutil
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from qm.model import Job
from qm.osops import carriers
from qm.times import utc_seconds
from tests.fakes.supervisor import Driver, a_driver, wait_until
from tests.live.harness import is_gone
from tests.live.test_kill import RUNAWAY, noted_pids

if sys.platform == "win32":
    pytest.skip("the scripts are for /bin/sh", allow_module_level=True)

pytestmark = pytest.mark.live

COUNT = "while [ ! -e go ]; do echo x >> ticks; sleep 0.01; done; exit 4"
WALKERS = """
import os, time
for walker in range(4):
    if os.fork() == 0:
        while not os.path.exists("go"):
            with open("ticks", "a") as ticks:
                ticks.write("x")
            time.sleep(0.012)
            if os.fork():
                os._exit(0)
        os._exit(0)
while not os.path.exists("go"):
    time.sleep(0.01)
"""
"""Four lines of processes, each of which lives for a moment and leaves another behind."""


@pytest.fixture
def driver(tmp_path: Path) -> Iterator[Driver]:
    with a_driver(tmp_path) as driver:
        yield driver


class Mark:
    """The mark in the folder of a job."""

    def __init__(self, driver: Driver, job: Job) -> None:
        self.file = driver.path(job.name) / ".qm" / "suspend"
        self._text = json.dumps({"format": 1, **driver.mark(job)})

    def put(self) -> None:
        staged = self.file.with_name("suspend.new")
        staged.write_text(self._text)
        staged.rename(self.file)

    def remove(self) -> None:
        self.file.unlink()


def started(driver: Driver, command: str, **order: object) -> Job:
    """A job that runs and has begun to count."""
    job = driver.claimed()
    (driver.path() / "walkers.py").write_text(WALKERS)
    (driver.path() / "runaway.py").write_text(RUNAWAY)
    driver.order(job, command, **order)
    assert "started" in driver.hear()
    return job


def suspend(driver: Driver, job: Job) -> None:
    """Order it, and hear that it is done."""
    driver.say({"suspend": driver.mark(job)})
    assert driver.hear() == {"suspended": True, "token": job.token}


def resume(driver: Driver, job: Job) -> None:
    """Order it, and hear that it is done."""
    driver.say({"resume": driver.mark(job)})
    assert driver.hear() == {"suspended": False, "token": job.token}


def ticks(driver: Driver) -> int:
    """How far the job has counted."""
    file = driver.path() / "ticks"
    return file.stat().st_size if file.exists() else 0


def wait_for_progress(driver: Driver) -> None:
    seen = ticks(driver)
    wait_until("it counts on", lambda: ticks(driver) > seen)


def stands_still(driver: Driver) -> bool:
    """True if no process of the job runs, and nothing is written for half a second."""
    tree = psutil.Process(driver.process.pid).children(recursive=True)
    halted = {psutil.STATUS_STOPPED, psutil.STATUS_ZOMBIE}
    seen = ticks(driver)
    with pytest.raises(queue.Empty):
        driver.hear(within=0.5)
    return bool(tree) and all(one.status() in halted for one in tree) and ticks(driver) == seen


@pytest.mark.parametrize("command", [COUNT, f"exec {sys.executable} walkers.py"])
def test_a_suspended_job_stands_still_with_all_that_it_starts(driver: Driver, command: str) -> None:
    job = started(driver, command)
    for _ in range(3):
        wait_for_progress(driver)
        suspend(driver, job)
        assert stands_still(driver)
        resume(driver, job)
    wait_for_progress(driver)
    (driver.path() / "go").touch()
    record = driver.hear()["ended"]
    assert record["signal"] is None and record["reason"] is None
    assert 1.5 <= record["suspended_seconds"] < 30
    assert driver.record("exit.json") == record


def test_a_mark_suspends_a_job_and_its_removal_resumes_it(driver: Driver) -> None:
    job = started(driver, COUNT)
    mark = Mark(driver, job)
    mark.put()
    assert driver.hear() == {"suspended": True, "token": job.token}
    assert stands_still(driver)
    mark.remove()
    assert driver.hear() == {"suspended": False, "token": job.token}
    wait_for_progress(driver)


def test_an_order_without_a_mark_holds_and_a_mark_that_is_late_is_no_news(driver: Driver) -> None:
    job = started(driver, COUNT)
    suspend(driver, job)
    with pytest.raises(queue.Empty):
        driver.hear(within=1.5)
    Mark(driver, job).put()
    resume(driver, job)
    with pytest.raises(queue.Empty):
        driver.hear(within=1.5)
    wait_for_progress(driver)


def test_orders_and_marks_of_other_attempts_are_ignored(driver: Driver) -> None:
    job = started(driver, COUNT)
    for wrong in ({"attempt": 2, "token": job.token}, {"attempt": 1, "token": "x"}, "now", None):
        driver.say({"suspend": wrong})
        (driver.path() / ".qm" / "suspend").write_text(json.dumps(wrong))
    with pytest.raises(queue.Empty):
        driver.hear(within=1.5)
    (driver.path() / "go").touch()
    record = driver.hear()["ended"]
    assert record["exit_code"] == 4 and "suspended_seconds" not in record


def test_the_walltime_stands_still_while_a_job_is_suspended(driver: Driver) -> None:
    script = "trap 'echo warned' USR1; while :; do echo x >> ticks; sleep 0.01; done"
    warn = {"signal": "USR1", "before": 0.5}
    job = started(driver, script, walltime=1.0, warn=warn)
    suspend(driver, job)
    with pytest.raises(queue.Empty):
        driver.hear(within=2.0)
    assert "warned" not in driver.log()
    resume(driver, job)
    record = driver.hear()["ended"]
    assert record["reason"] == "TimeLimit: ran longer than its walltime, 1 s"
    passed = utc_seconds(record["ended"]) - utc_seconds(record["started"])
    assert passed >= 1.0 + record["suspended_seconds"] - 0.05 and record["suspended_seconds"] >= 2
    assert driver.log().count("warned") == 1


def test_a_suspended_job_hears_that_it_shall_end(driver: Driver) -> None:
    script = f"trap 'echo saved; exit 9' TERM; {COUNT}"
    job = started(driver, script)
    wait_for_progress(driver)
    suspend(driver, job)
    driver.kill(job)
    assert driver.hear() == {"suspended": False, "token": job.token}
    record = driver.hear()["ended"]
    assert (record["exit_code"], record["reason"]) == (9, "User: killed")
    assert "saved" in driver.log()


def test_a_suspended_job_that_went_everywhere_is_gone_after_a_kill(driver: Driver) -> None:
    job = started(driver, f"exec {sys.executable} runaway.py")
    pids = noted_pids(driver.path(), 8)
    suspend(driver, job)
    driver.kill(job, grace=0.3)
    assert driver.hear() == {"suspended": False, "token": job.token}
    assert driver.hear()["ended"]["reason"] == "User: killed"
    assert all(is_gone(pid) for pid in pids) and carriers(str(job.token)) == []


def test_the_death_of_a_suspended_script_is_noticed_and_its_rest_is_ended(driver: Driver) -> None:
    job = started(driver, "sleep 300 & echo $! > pids; echo $$ >> pids; wait")
    pids = noted_pids(driver.path(), 2)
    suspend(driver, job)
    os.kill(pids[1], signal.SIGKILL)
    record = driver.hear()["ended"]
    assert (record["signal"], record["reason"]) == ("SIGKILL", None)
    assert record["suspended_seconds"] > 0
    assert all(is_gone(pid) for pid in pids)


def test_a_suspended_job_outlives_its_manager_and_goes_on_without_its_mark(
    driver: Driver,
) -> None:
    job = started(driver, COUNT)
    mark = Mark(driver, job)
    mark.put()
    suspend(driver, job)
    driver.close()
    mark.remove()
    wait_for_progress(driver)
    (driver.path() / "go").touch()
    assert driver.process.wait(20) == 0
    assert driver.record("exit.json")["exit_code"] == 4


def test_the_mark_goes_with_the_end(driver: Driver) -> None:
    job = started(driver, COUNT)
    mark = Mark(driver, job)
    mark.put()
    suspend(driver, job)
    driver.kill(job, grace=0)
    assert "suspended" in driver.hear() and "ended" in driver.hear()
    assert not mark.file.exists()


def test_a_folder_that_is_deleted_resumes_nothing(driver: Driver) -> None:
    job = started(driver, COUNT)
    mark = Mark(driver, job)
    mark.put()
    assert driver.hear() == {"suspended": True, "token": job.token}
    shutil.rmtree(driver.path())
    with pytest.raises(queue.Empty):
        driver.hear(within=1.5)
    driver.kill(job, grace=0)
    assert "suspended" in driver.hear() and driver.hear()["ended"]["vanished"]

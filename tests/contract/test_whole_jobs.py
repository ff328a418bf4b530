"""Whole jobs from drop to done, with a real manager, on whichever system this is.

Scripts are Python's, so that the same jobs run on Windows as well.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from qm.usagefile import USAGE, decode_usage
from tests.contract.system_under_test import ON_WINDOWS, UNDER_WINE
from tests.live.harness import Queue, is_gone, wait_for

pytestmark = [pytest.mark.live, pytest.mark.slow]

SHIM = Path(__file__).resolve().parents[1] / "wine"
"""Makes renames fail as on Windows; see ``sitecustomize.py`` there."""
PATIENCE = 90.0
"""Seconds for one job: an emulated system takes its time."""
FAMILY = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"])
print("child", child.pid, flush=True)
time.sleep(300)
"""
UNTIL_TOLD = """
import os, time
print("begun", flush=True)
while not os.path.exists("go"):
    time.sleep(0.02)
print("went on", flush=True)
raise SystemExit(3)
"""


@pytest.fixture
def make_queue(tmp_path: Path) -> Iterator[Callable[..., Queue]]:
    queues: list[Queue] = []

    def make(**options: object) -> Queue:
        queue = Queue(tmp_path / f"q{len(queues)}" / "QM", **options)
        if UNDER_WINE:
            queue.environment["PYTHONPATH"] = str(SHIM)
        queues.append(queue)
        return queue

    yield make
    left = [pid for queue in queues for pid in queue.end_everything()]
    assert not left, f"processes outlived the test: {left}"


@pytest.fixture
def queue(make_queue: Callable[..., Queue]) -> Queue:
    return make_queue().start()


def python_job(queue: Queue, name: str, code: str, **options: object) -> Path:
    """A folder with ``code`` as its script, moved into QM_qJobs."""
    folder = queue.job(name, "python work.py", **options)
    (folder / "work.py").write_text(code, encoding="utf-8")
    return queue.move_in(folder)


def outcome(queue: Queue, name: str) -> dict[str, Any]:
    """What the exit record of the ended job says."""
    queue.wait_done(name, PATIENCE)
    return queue.record(name, "exit.json")


def wait_said(queue: Queue, name: str, words: str) -> str:
    """The log of the running job, once it holds ``words``."""
    log = queue.folder / "QM_Jobs" / name / "process.log"

    def said() -> str:
        text = log.read_text(encoding="utf-8", errors="replace") if log.exists() else ""
        return text if words in text else ""

    return str(wait_for(f"{name} says {words!r}", said, PATIENCE))


def test_a_job_runs_with_its_processors_and_is_done_with_its_results(queue: Queue) -> None:
    code = "import os; open('result.txt', 'w').write(os.environ['NB_PROC']); print('h\\u00e9llo')"
    python_job(queue, "first", code, nb_proc=2)
    done = queue.wait_done("first", PATIENCE)
    assert (done / "result.txt").read_text() == "2"
    log = queue.process_log("first")
    assert "Job started by QM at: " in log and "h\u00e9llo" in log
    assert log.rstrip().endswith("with code 0")
    assert outcome(queue, "first")["exit_code"] == 0
    row = queue.row("first")
    assert row is not None and (row["state"], row["exit_code"]) == ("FINISHED", 0)


def test_an_exit_code_is_kept_and_a_refusal_is_told(queue: Queue) -> None:
    python_job(queue, "fails", "raise SystemExit(7)")
    queue.move_in(queue.job("refused", "python gone.py"))
    assert outcome(queue, "fails")["exit_code"] == 7
    queue.wait_lost("refused", PATIENCE)
    assert "gone.py" in queue.process_log("refused")


def test_what_a_job_uses_is_written_down_while_it_runs(queue: Queue) -> None:
    python_job(queue, "uses", f"x = bytearray(b'1') * 60_000_000\n{UNTIL_TOLD}")
    wait_said(queue, "uses", "begun")
    folder = queue.folder / "QM_Jobs" / "uses"
    table = folder / ".qm" / USAGE

    def seen() -> int:
        samples = decode_usage(table.read_bytes()) if table.exists() else ()
        return max((sample.memory for sample in samples), default=0)

    wait_for("its memory was seen", lambda: seen() > 60_000_000, PATIENCE)
    (folder / "go").touch()
    assert outcome(queue, "uses")["exit_code"] == 3
    samples = decode_usage((queue.path("uses") / ".qm" / USAGE).read_bytes())
    assert samples[-1].seconds >= 5 and max(sample.processes for sample in samples) >= 1


def test_a_killed_job_is_gone_with_what_it_started(queue: Queue) -> None:
    python_job(queue, "family", FAMILY)
    text = wait_said(queue, "family", "child")
    child = int(text.split("child ")[1].split()[0])
    assert psutil.pid_exists(child)
    killed = queue.run("kill", "family", timeout=PATIENCE)
    assert killed.returncode == 0, killed.stdout + killed.stderr
    queue.wait_done("family", PATIENCE)
    wait_for("its child is gone", lambda: is_gone(child), PATIENCE)
    row = queue.row("family")
    assert row is not None and row["state"] == "KILLED"


def test_a_walltime_ends_a_job(queue: Queue) -> None:
    python_job(queue, "slow", "import time; time.sleep(300)", walltime="1")
    queue.wait_done("slow", PATIENCE)
    row = queue.row("slow")
    assert row is not None and str(row["reason"]).startswith("TimeLimit")


def test_a_job_outlives_its_manager_and_the_next_one_collects_its_exit_code(queue: Queue) -> None:
    python_job(queue, "outlives", UNTIL_TOLD)
    wait_said(queue, "outlives", "begun")
    queue.kill_manager()
    (queue.folder / "QM_Jobs" / "outlives" / "go").touch()
    exit_record = queue.folder / "QM_Jobs" / "outlives" / ".qm" / "exit.json"
    wait_for("it ends without a manager", exit_record.exists, PATIENCE)
    queue.start()
    assert outcome(queue, "outlives")["exit_code"] == 3
    assert queue.process_log("outlives").count("begun") == 1


def test_a_finished_job_waits_for_a_viewer_that_holds_its_file_open(queue: Queue) -> None:
    python_job(queue, "viewed", UNTIL_TOLD)
    wait_said(queue, "viewed", "begun")
    folder = queue.folder / "QM_Jobs" / "viewed"
    with open(folder / "work.py", "rb"):
        (folder / "go").touch()
        # The record decides, whether or not the folder can be moved yet.
        wait_for("it has ended", lambda: (queue.row("viewed") or {})["state"] == "FAILED", PATIENCE)
        if ON_WINDOWS:
            assert queue.where("viewed") == "QM_Jobs"
            python_job(queue, "after", "print('not held up')")
            queue.wait_done("after", PATIENCE)
            assert queue.where("viewed") == "QM_Jobs"
    assert outcome(queue, "viewed")["exit_code"] == 3


def test_commands_release_and_cancel_while_jobs_wait(make_queue: Callable[..., Queue]) -> None:
    queue = make_queue(MaxNbProcessors="1").start()
    python_job(queue, "running", UNTIL_TOLD)
    wait_said(queue, "running", "begun")
    python_job(queue, "next", "print('my turn')", hold="yes")
    python_job(queue, "never", "print('not wanted')", hold="yes")

    def held() -> bool:
        found = {row["name"] for row in queue.listed() if row["state"] == "HELD"}
        return found == {"next", "never"}

    wait_for("both are held", held, PATIENCE)
    assert queue.run("release", "next", timeout=PATIENCE).returncode == 0
    assert queue.run("kill", "never", timeout=PATIENCE).returncode == 0
    queue.wait_lost("never", PATIENCE)
    (queue.folder / "QM_Jobs" / "running" / "go").touch()
    queue.wait_done("next", PATIENCE)
    assert "my turn" in queue.process_log("next")


def test_a_command_is_submitted_and_its_log_is_shown(queue: Queue) -> None:
    code = "print('submitted', flush=True)"
    command = [sys.executable, "-c", code]
    told = queue.run("submit", "--name", "typed", "--", *command, timeout=PATIENCE)
    assert told.returncode == 0, told.stdout + told.stderr
    assert told.stdout.split() == ["Submitted", "job", "1", "(typed)"]
    waited = queue.run("wait", "typed", timeout=PATIENCE)
    assert waited.returncode == 0, waited.stdout + waited.stderr
    assert "submitted" in queue.run("logs", "typed", timeout=PATIENCE).stdout


def test_an_index_that_was_deleted_is_made_again(queue: Queue) -> None:
    python_job(queue, "kept", "raise SystemExit(4)")
    queue.wait_done("kept", PATIENCE)
    before = queue.row("kept")
    queue.stop()
    for file in (queue.folder / ".qm").glob("index.sqlite3*"):
        file.unlink()
    queue.start()
    assert queue.row("kept") == before
    history = (queue.folder / ".qm" / "history.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["exit_code"] for line in history] == [4]

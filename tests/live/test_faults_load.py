"""Very much at once: a log of 10 GB, and 10,000 drops."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable

import psutil
import pytest

from tests.live.faults import UNTIL_GO, let_go
from tests.live.harness import Queue, wait_for

if sys.platform == "win32":
    pytest.skip("sparse files by truncate(1), and getrusage(2)", allow_module_level=True)

pytestmark = [pytest.mark.live, pytest.mark.slow]

LOG = 10 << 30
MANY = 10_000
MEMORY = 400 << 20

MakeQueue = Callable[..., Queue]


PEAK_OF_A_CHILD = """
import resource, subprocess, sys
ended = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
raise SystemExit(ended.returncode)
"""


def peak_of(queue: Queue, *arguments: str) -> int:
    """Bytes that a command takes at most. It prints what it prints for nobody.

    A small process starts it: a new process inherits the peak of the one that forked it
    (getrusage(2) keeps it over an exec), and the process of the tests may be large.
    """
    small = [sys.executable, "-I", "-S", "-c", PEAK_OF_A_CHILD, *queue.command(*arguments)]
    told = subprocess.run(
        small, env=queue.environment, check=True, capture_output=True, text=True, timeout=60
    )
    return int(told.stdout) << 10


def test_a_log_of_ten_gigabytes_costs_no_memory_and_no_time(make_queue: MakeQueue) -> None:
    """Nearly all of it is one line: a hole, before the last words of a running script."""
    queue = make_queue().start()
    queue.drop("big", f"truncate -s {LOG} process.log; echo; echo last words; {UNTIL_GO}")
    folder = queue.wait_running("big")
    wait_for("it is big", lambda: (folder / "process.log").stat().st_size > LOG)
    assert queue.run("logs", "big", "-n", "1").stdout == "last words\n"
    commands = (["show", "big"], ["list"], ["status"], ["logs", "big", "-n", "1"])
    assert max(peak_of(queue, *command) for command in commands) < MEMORY
    let_go(queue, "big")
    queue.wait_done("big")
    ended = queue.run("logs", "big", "-n", "2").stdout
    assert ended.startswith("last words\n") and "Job finished at" in ended
    assert queue.process is not None
    assert psutil.Process(queue.process.pid).memory_info().rss < MEMORY


@pytest.mark.timeout(300)
def test_ten_thousand_drops_at_once_are_all_accepted_while_qm_runs_and_while_it_does_not(
    make_queue: MakeQueue,
) -> None:
    queue = make_queue(Rescan="2").start()
    assert queue.run("drain", "on").returncode == 0
    drop_many(queue, 0, MANY // 2)
    accepted(queue, MANY // 2)
    queue.stop()
    drop_many(queue, MANY // 2, MANY)
    queue.start()
    accepted(queue, MANY)
    assert queue.process is not None
    memory = psutil.Process(queue.process.pid).memory_info().rss
    print(f"memory of the manager with {MANY} waiting jobs: {memory >> 20} MiB")
    assert memory < MEMORY
    rows = queue.listed()
    assert len({row["id"] for row in rows}) == len({row["name"] for row in rows}) == MANY
    assert len(os.listdir(queue.folder / "QM_qJobs")) == MANY
    assert queue.run("drain", "off").returncode == 0
    wait_for("they run", lambda: len(os.listdir(queue.folder / "QM_dJobs")) >= 20, 60)


def drop_many(queue: Queue, first: int, last: int) -> None:
    """As fast as renames go."""
    folders = []
    for number in range(first, last):
        folder = queue.staging / f"job{number:05}"
        folder.mkdir()
        (folder / "job.sh").write_text("#!/bin/sh\ntrue\n", encoding="utf-8")
        folders.append(folder)
    for folder in folders:
        queue.move_in(folder)


def accepted(queue: Queue, count: int) -> None:
    def waiting() -> bool:
        status = json.loads(queue.run("status", "--json").stdout)
        jobs: dict[str, int] = status["jobs"]
        return jobs == {"queued": count}

    wait_for(f"{count} are queued", waiting, 200)

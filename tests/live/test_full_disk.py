"""A full disk at any stage: nothing is lost, and all goes on by itself once there is room."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.live.harness import Queue, wait_for
from tests.live.mounts import Disk, small_disk

if not sys.platform.startswith("linux"):
    pytest.skip("needs a small file system of its own: tmpfs", allow_module_level=True)

pytestmark = pytest.mark.live


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    with small_disk(tmp_path / "disk") as disk:
        yield disk


@pytest.fixture
def small(disk: Disk) -> Iterator[Queue]:
    """A queue on the small disk; its staging folder lies there too, its logs do not."""
    queue = Queue(disk.path / "QM")
    queue.log = disk.path.parent / "manager.log"
    queue.start()
    yield queue
    assert queue.end_everything() == []


def ended(queue: Queue, name: str, code: int) -> None:
    """It ended once, with this code, and its folder says all of that."""
    queue.wait_done(name, timeout=90)
    assert queue.record(name, "exit.json")["exit_code"] == code
    wait_for("it is listed", lambda: (queue.row(name) or {}).get("exit_code") == code, 30)
    starts = (queue.folder.parent.parent / f"starts-{name}").read_text().split()
    assert starts == ["started"]


def noting(queue: Queue, name: str, then: str) -> str:
    """A script that notes its start on another disk."""
    return f"echo started >> {queue.folder.parent.parent}/starts-{name}; {then}"


def test_a_drop_on_a_full_disk_is_accepted_once_there_is_room(small: Queue, disk: Disk) -> None:
    job = small.job("early", noting(small, "early", "exit 5"))
    disk.fill()
    small.move_in(job)
    wait_for("QM meets the full disk", lambda: "state.json cannot be" in small.log_text())
    assert small.where("early") == "QM_qJobs"
    assert not (small.path("early") / ".qm/job.json").exists()
    disk.free()
    ended(small, "early", 5)


def test_a_claim_on_a_full_disk_is_made_once_there_is_room(small: Queue, disk: Disk) -> None:
    small.drop("blocker", "while [ ! -e go ]; do sleep 0.02; done", nb_proc=2)
    blocker = small.wait_running("blocker")
    small.drop("claimed", noting(small, "claimed", "exit 6"), nb_proc=2)
    wait_for("it waits", lambda: (small.row("claimed") or {}).get("state") == "QUEUED")
    (blocker / "go.staged").touch()
    disk.fill()
    os.rename(blocker / "go.staged", blocker / "go")
    wait_for("QM says why", lambda: "nothing is started: DiskFull" in small.log_text())
    disk.free()
    small.wait_done("blocker", timeout=90)
    ended(small, "claimed", 6)


def test_an_end_on_a_full_disk_uses_the_space_that_was_reserved(small: Queue, disk: Disk) -> None:
    script = noting(small, "filled", "while [ ! -e go ]; do sleep 0.02; done; exit 7")
    small.drop("filled", script)
    folder = small.wait_running("filled")
    (folder / "go.staged").touch()
    disk.fill()
    os.rename(folder / "go.staged", folder / "go")
    wait_for("its end is recorded", (small.path("filled") / ".qm/exit.json").exists)
    assert small.record("filled", "exit.json")["exit_code"] == 7
    disk.free()
    ended(small, "filled", 7)


def test_a_job_that_fills_the_disk_can_be_killed(small: Queue, disk: Disk) -> None:
    small.drop("greedy", "cat /dev/zero > zeros; while :; do sleep 0.05; done")
    folder = small.wait_running("greedy")
    wait_for("no space is left", lambda: os.statvfs(disk.path).f_bavail == 0)
    refused = small.run("kill", "greedy", "--grace", "0.2")
    assert refused.returncode == 1 and "Free some space" in refused.stderr
    os.truncate(folder / "zeros", 1 << 20)
    answer = small.run("kill", "greedy", "--grace", "0.2")
    assert answer.returncode == 0, answer.stderr
    small.wait_done("greedy", timeout=60)
    assert small.record("greedy", "exit.json")["reason"].startswith("User: ")


def test_a_manager_killed_on_a_full_disk_loses_and_doubles_nothing(
    small: Queue, disk: Disk
) -> None:
    names = [f"job{number}" for number in range(6)]
    for name in names:
        small.drop(name, noting(small, name, "sleep 0.3; exit 3"))
    wait_for("some run", lambda: os.listdir(small.folder / "QM_Jobs"))
    disk.fill()
    small.kill_manager()
    disk.free()
    small.start()
    disk.fill()
    small.kill_manager()
    disk.free()
    small.start()
    for name in names:
        ended(small, name, 3)

"""Disks that are full, out of inodes or read-only, while jobs wait and run.

A full disk at the steps of one job is tried in test_full_disk.py, and at every system call
in the unit tests of the effects.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.live.faults import (
    all_finished,
    documented,
    let_go,
    one_runs_and_one_waits,
    said_by,
    said_in_log,
    said_of,
)
from tests.live.harness import Queue, wait_for
from tests.live.mounts import Disk, immutable, mounted, small_disk

if not sys.platform.startswith("linux"):
    pytest.skip("needs a small file system of its own: tmpfs", allow_module_level=True)

pytestmark = pytest.mark.live


@pytest.fixture
def disks(tmp_path: Path) -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def queue_on(disk: Disk, disks: ExitStack, **options: object) -> Queue:
    """A queue on the small disk; its log lies elsewhere."""
    queue = Queue(disk.path / "QM", **options)
    queue.log = disk.path.parent / "manager.log"
    disks.callback(queue.end_everything)
    return queue.start()


def with_go_staged(folder: Path) -> Path:
    """A job that waits for its file ``go``: it is there under another name, for a full disk."""
    (folder / "go.staged").touch()
    return folder


@pytest.mark.slow
def test_on_a_full_disk_nothing_starts_and_everybody_is_told_with_numbers(
    tmp_path: Path, disks: ExitStack
) -> None:
    disk = disks.enter_context(small_disk(tmp_path / "disk"))
    queue = queue_on(disk, disks)
    runs = with_go_staged(one_runs_and_one_waits(queue))
    late = queue.job("late", "true")
    disk.fill()
    os.rename(runs / "go.staged", runs / "go")
    queue.move_in(late)
    full = "DiskFull: 0 B of 4 MiB free on the disk of"
    said_in_log(queue, full)
    said_of(queue, "waits", full)
    said_by(queue, full, "status")
    said_by(queue, full, "why", "waits")
    said_by(queue, full, "why", "late")
    said_by(queue, "Make room: jobs fail on a full disk, and none is started.", "doctor")
    said_by(queue, "Free some space, if the disk is full; then ask again.", "hold", "waits")
    assert queue.record("runs", "exit.json")["exit_code"] == 0
    disk.free()
    all_finished(queue, "runs", "waits", "late")
    assert documented("jobs are started again") in queue.log_text()
    assert full not in queue.run("status").stdout


def make_files(folder: Path, count: int) -> None:
    for number in range(count):
        (folder / str(number)).touch()


@pytest.mark.slow
def test_on_a_disk_without_inodes_nothing_starts_until_there_are_some(
    tmp_path: Path, disks: ExitStack
) -> None:
    disk = disks.enter_context(small_disk(tmp_path / "disk", "size=8m,nr_inodes=200"))
    queue = queue_on(disk, disks)
    runs = with_go_staged(one_runs_and_one_waits(queue))
    ballast = disk.path / "many"
    ballast.mkdir()
    with pytest.raises(OSError, match="No space left"):
        make_files(ballast, 1000)
    os.rename(runs / "go.staged", runs / "go")
    none = "can hold no more files (inodes)"
    said_in_log(queue, none)
    said_of(queue, "waits", none)
    for file in ballast.iterdir():
        file.unlink()
    all_finished(queue, "runs", "waits")


def test_a_start_on_a_read_only_disk_is_refused_with_a_sentence(
    tmp_path: Path, disks: ExitStack
) -> None:
    queue = Queue(tmp_path / "q" / "QM")
    queue.config.write_text(f"[QMServer]\nQM_FOLDER = {queue.folder}\n", encoding="utf-8")
    assert queue.run("init").returncode == 0
    shown = tmp_path / "shown"
    disks.enter_context(mounted(shown, "--bind", str(queue.folder)))
    subprocess.run(["mount", "-o", "remount,bind,ro", shown], check=True, timeout=30)
    queue.config.write_text(f"[QMServer]\nQM_FOLDER = {shown}\n", encoding="utf-8")
    refused = queue.run("serve", "--no-web")
    assert refused.returncode == 1, refused.stderr
    assert documented("Read-only file system") in refused.stderr
    assert "Traceback" not in refused.stderr
    assert documented("can only be read, not written") in queue.run("doctor").stdout


@pytest.mark.parametrize("place", ["QM_Jobs", "QM_dJobs"])
@pytest.mark.slow
def test_a_folder_that_nobody_may_change_stops_what_goes_there_and_no_more(
    queue: Queue, place: str, disks: ExitStack
) -> None:
    one_runs_and_one_waits(queue)
    with immutable(queue.folder / place):
        let_go(queue, "runs")
        if place == "QM_Jobs":
            said_in_log(queue, "Forbidden: QM may not write into")
            said_of(queue, "waits", "Forbidden: QM may not write into")
        said_in_log(queue, "it cannot be moved to QM_dJobs: Operation not permitted; tried again")
        state = wait_for("its end counts", lambda: (queue.row("runs") or {}).get("ended"))
        assert state is not None and queue.where("runs") == "QM_Jobs"
    all_finished(queue, "runs", "waits")

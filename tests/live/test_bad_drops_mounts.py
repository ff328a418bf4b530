"""Bad drops, rows 62 and 66 of the catalogue: QM's own folders taken away, and mounts.

A full disk has tests of its own; a disk that is made read-only while QM has files open
for writing there cannot be had by mount, and is treated in the same way.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.live.bad_drops import finished, still_works
from tests.live.harness import Queue, wait_for

if sys.platform == "win32":
    pytest.skip("the scripts are for /bin/sh", allow_module_level=True)

pytestmark = pytest.mark.live

UNTIL_GO = "while [ ! -e go ]; do sleep 0.02; done"

Mount = Callable[..., None]


@pytest.fixture
def mount() -> Iterator[Mount]:
    """Mount something; it is unmounted after the test."""
    mounted: list[Path] = []

    def do(target: Path, *arguments: str) -> None:
        target.mkdir(exist_ok=True)
        done = subprocess.run(["mount", *arguments, target], capture_output=True, text=True)
        if done.returncode != 0:
            pytest.skip(f"SKIPPED: mount is not possible here: {done.stderr.strip()}")
        mounted.append(target)

    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("SKIPPED: only root can mount")
    yield do
    for target in reversed(mounted):
        subprocess.run(["umount", "-l", target], capture_output=True)


def waiting_and_running(queue: Queue) -> None:
    """One job that runs, and one that waits for its processor."""
    queue.drop("runs", UNTIL_GO, nb_proc=2)
    queue.wait_running("runs")
    queue.drop("waits", "echo waited", nb_proc=2)
    wait_for("it is queued", lambda: (queue.row("waits") or {}).get("state") == "QUEUED")


def let_go(queue: Queue) -> None:
    """Both end as if nothing had been, each once, and another one runs."""
    (queue.path("runs") / "go").touch()
    queue.wait_done("runs")
    assert finished(queue, "waits") == ["waited"]
    still_works(queue)
    names = [row["name"] for row in queue.listed()]
    assert names.count("waits") == names.count("runs") == 1


def obstacle(queue: Queue) -> str:
    return queue.run("status").stdout


def test_row_62_a_queue_folder_that_is_moved_away_or_became_a_link_pauses_all_starts(
    make_queue: Callable[..., Queue],
) -> None:
    """Nothing is declared deleted, and it goes on by itself."""
    queue = make_queue(Rescan="0.5").start()
    waiting_and_running(queue)
    folder, aside = queue.folder / "QM_qJobs", queue.folder.parent / "aside"
    folder.rename(aside)
    wait_for("it is told", lambda: "QM_qJobs is not there" in queue.log_text())
    folder.symlink_to(aside, target_is_directory=True)
    wait_for("it is told", lambda: "QM_qJobs is a link" in obstacle(queue))
    (queue.folder / "QM_Jobs" / "runs" / "go").touch()
    queue.wait_done("runs")
    assert (queue.row("waits") or {})["state"] == "QUEUED"
    folder.unlink()
    aside.rename(folder)
    assert finished(queue, "waits") == ["waited"]
    still_works(queue)


def test_row_62_a_queue_folder_that_is_deleted_is_made_again_and_its_jobs_are_forgotten(
    make_queue: Callable[..., Queue],
) -> None:
    queue = make_queue(Rescan="0.5").start()
    waiting_and_running(queue)
    shutil.rmtree(queue.folder / "QM_qJobs")
    wait_for("it is made again", (queue.folder / "QM_qJobs").is_dir, timeout=30)
    wait_for("its job is forgotten", lambda: queue.row("waits") is None)
    (queue.path("runs") / "go").touch()
    queue.wait_done("runs")
    still_works(queue)


def test_row_62_a_folder_that_is_unmounted_for_a_while_loses_nothing(
    make_queue: Callable[..., Queue], tmp_path: Path, mount: Mount
) -> None:
    disk, there = tmp_path / "disk", tmp_path / "q0"
    disk.mkdir()
    mount(there, "--bind", str(disk))
    queue = make_queue(Rescan="0.5")
    # Beside the folder, and so on the disk that goes away, lie the harness' own files.
    shutil.copytree(there, tmp_path / "own", dirs_exist_ok=True)
    queue.config, queue.log = tmp_path / "own" / "QMserv.cfg", tmp_path / "own" / "manager.log"
    queue.start()
    waiting_and_running(queue)
    subprocess.run(["umount", "-l", there], check=True)
    wait_for("it is told", lambda: "(unmounted, or moved?)" in queue.log_text())
    mount(there, "--bind", str(disk))
    let_go(queue)


def test_row_66_a_mount_point_in_the_queue_stays_and_is_told(queue: Queue, mount: Mount) -> None:
    target = queue.folder / "QM_qJobs" / "row_66"
    mount(target, "-t", "tmpfs", "tmpfs")
    (target / "proc_config.cfg").write_bytes(b"[QMOptions]\nscript : true\n")
    stuck = "Stuck: the folder is a mount point"
    wait_for("it cannot be moved", lambda: stuck in str(queue.row("row_66")))
    still_works(queue)
    assert (target / "proc_config.cfg").exists()

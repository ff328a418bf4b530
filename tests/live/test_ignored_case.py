"""A file system that knows no difference between ``Run`` and ``run``, as Windows and macOS have.

It is NTFS by ntfs-3g, which can be had where packages can be installed. It refuses
the names that Windows refuses, and shows all names in lower case.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.live.harness import Queue, wait_for
from tests.live.mounts import mounted

if sys.platform == "win32":
    pytest.skip("the scripts are for /bin/sh", allow_module_level=True)

pytestmark = [pytest.mark.live, pytest.mark.slow]


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A small disk on which case is ignored."""
    maker = shutil.which("mkntfs", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    if maker is None:
        pytest.skip("SKIPPED: there is no mkntfs; on Debian: apt-get install ntfs-3g")
    base = tmp_path_factory.mktemp("ignored-case")
    image = base / "image"
    with open(image, "wb") as file:
        file.truncate(64 << 20)
    subprocess.run([maker, "-F", "-Q", "-f", image], check=True, capture_output=True, timeout=60)
    options = "loop,ignore_case,windows_names"
    with mounted(base / "disk", "-t", "lowntfs-3g", "-o", options, str(image)) as disk:
        yield disk


@pytest.fixture
def queue(disk: Path, request: pytest.FixtureRequest) -> Iterator[Queue]:
    queue = Queue(disk / request.node.name[-40:] / "QM").start()
    yield queue
    left = queue.end_everything()
    assert not left, f"processes outlived the test: {left}"


def said(folder: Path) -> str:
    return (folder / "process.log").read_text(encoding="utf-8")


def test_whole_jobs_run_and_a_name_in_another_case_is_taken(queue: Queue) -> None:
    queue.drop("run", "echo first")
    queue.wait_done("run")
    queue.drop("RUN", "echo second")
    done = queue.folder / "QM_dJobs"
    wait_for("both are done", lambda: len(os.listdir(done)) == 2)
    assert sorted(os.listdir(done)) == ["run", "run.2"]
    assert "first" in said(done / "run") and "second" in said(done / "run.2")
    wait_for("both are shown", lambda: [r["state"] for r in queue.listed()] == ["FINISHED"] * 2)


def test_a_job_is_known_by_its_name_in_any_case(queue: Queue) -> None:
    queue.drop("HELD", "echo once >> ran", hold="yes")
    wait_for("it is held", lambda: (queue.row("held") or {}).get("state") == "HELD")
    os.rename(queue.folder / "QM_qJobs" / "Held", queue.folder / "QM_qJobs" / "Renamed")
    after = wait_for("its new name is known", lambda: queue.row("renamed"))
    assert after["id"] == 1
    assert queue.run("release", "renamed").returncode == 0
    assert (queue.wait_done("renamed") / "ran").read_text() == "once\n"


def test_an_info_file_in_another_case_is_found(queue: Queue) -> None:
    folder = queue.job("shouting", "echo heard")
    os.rename(folder / "proc_config.cfg", folder / "PROC_CONFIG.CFG")
    queue.move_in(folder)
    assert "heard" in said(queue.wait_done("shouting"))


def test_a_manager_that_is_killed_finds_its_jobs_again(queue: Queue) -> None:
    queue.drop("goes on", "while [ ! -e go ]; do sleep 0.02; done; exit 5")
    queue.wait_running("goes on")
    queue.kill_manager()
    queue.start()
    (queue.folder / "QM_Jobs" / "goes on" / "go").touch()
    done = queue.wait_done("goes on")
    assert queue.record("goes on", "exit.json")["exit_code"] == 5
    wait_for("it is shown", lambda: (queue.row("goes on") or {}).get("state") == "FAILED")
    # Numbers of files are given again on this file system: the next job is another one.
    shutil.rmtree(done)
    queue.drop("another", "echo another")
    queue.wait_done("another")
    assert wait_for("it is shown", lambda: queue.row("another"))["id"] == 2

"""Folders that are taken away, renamed or mounted over while jobs wait and run, and a dead watch.

What people do to QM_qJobs alone is tried in test_bad_drops_mounts.py and test_people.py.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
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
from tests.live.mounts import mounted

if not sys.platform.startswith("linux"):
    pytest.skip("mounts, and a manager that hears SIGUSR1", allow_module_level=True)

pytestmark = pytest.mark.live


@pytest.fixture
def quick(make_queue: Callable[..., Queue]) -> Queue:
    """A queue that looks at everything often."""
    return make_queue(Rescan="0.5").start()


@contextmanager
def elsewhere(folder: Path) -> Iterator[Path]:
    """The folder has another name meanwhile."""
    aside = folder.with_name(f"{folder.name}-aside")
    folder.rename(aside)
    try:
        yield aside
    finally:
        aside.rename(folder)


@pytest.mark.slow
def test_qm_folder_may_be_renamed_for_a_while(quick: Queue) -> None:
    one_runs_and_one_waits(quick)
    with elsewhere(quick.folder) as aside:
        said_in_log(quick, "is not the folder that it was (unmounted, or moved?)")
        (aside / "QM_Jobs" / "runs" / "go").touch()
        wait_for("its end is recorded", (aside / "QM_Jobs/runs/.qm/exit.json").exists)
    all_finished(quick, "runs", "waits")
    assert documented("jobs are started again") in quick.log_text()


def test_a_start_with_one_of_the_four_folders_on_another_disk_is_refused(tmp_path: Path) -> None:
    queue = Queue(tmp_path / "q" / "QM")
    queue.config.write_text(f"[QMServer]\nQM_FOLDER = {queue.folder}\n", encoding="utf-8")
    assert queue.run("init").returncode == 0
    with mounted(queue.folder / "QM_dJobs", "-t", "tmpfs", "tmpfs"):
        refused = queue.run("serve", "--no-web")
    assert refused.returncode == 1 and "Traceback" not in refused.stderr
    assert documented("on through the four folders fails: Invalid cross-device") in refused.stderr
    advice = "All four must be ordinary folders of one file system (not separate mounts)"
    assert documented(advice) in refused.stderr


@pytest.mark.slow
def test_a_disk_that_is_mounted_over_one_of_the_four_while_qm_runs_holds_up_and_hides_nothing(
    quick: Queue,
) -> None:
    one_runs_and_one_waits(quick)
    with mounted(quick.folder / "QM_dJobs", "-t", "tmpfs", "tmpfs"):
        let_go(quick, "runs")
        said_in_log(quick, "it cannot be moved to QM_dJobs: Invalid cross-device link; tried again")
        said_by(quick, "on through the four folders fails: Invalid cross-device", "doctor")
    quick.wait_done("runs", 60)
    quick.wait_done("waits", 60)
    with mounted(quick.folder / "QM_Jobs", "-t", "tmpfs", "tmpfs"):
        quick.drop("later", "true")
        said_of(quick, "later", "Apart: QM_qJobs and QM_Jobs are not on one file system any more")
    all_finished(quick, "runs", "waits", "later")


@pytest.mark.slow
def test_what_a_person_removes_of_qm_s_own_folders_is_made_again(quick: Queue) -> None:
    one_runs_and_one_waits(quick)
    own = quick.folder / ".qm"
    names = ["requests", "intents", "trash", "notices"]
    for name in names:
        shutil.rmtree(own / name)
    for name in names:
        wait_for(f"{name} is made again", (own / name).is_dir, 30)
    assert quick.run("kill", "waits").returncode == 0
    quick.wait_lost("waits")
    let_go(quick, "runs")
    all_finished(quick, "runs")
    assert quick.run("rm", "runs").returncode == 0
    assert quick.where("runs") is None and len(os.listdir(own / "trash")) == 1


_DEAF = """
import signal, sys, threading
from watchdog.observers.api import EventEmitter

def end_the_watch(number, frame):
    for thread in threading.enumerate():
        if isinstance(thread, EventEmitter):
            thread.stop()
            sys.stderr.write("a watch was ended\\n")

signal.signal(signal.SIGUSR1, end_the_watch)
from qm.cli import main
main()
"""


class MayGoDeaf(Queue):
    """A queue whose manager ends the threads that watch its folders at SIGUSR1."""

    def command(self, *arguments: str) -> list[str]:
        python, _, _, *rest = super().command(*arguments)
        return [python, "-c", _DEAF, *rest]


def watches(pid: int) -> int:
    """How many inotify instances the process has."""
    fds = Path(f"/proc/{pid}/fd")
    return sum(os.readlink(fds / fd) == "anon_inode:inotify" for fd in os.listdir(fds))


@pytest.mark.slow
def test_a_watch_that_died_is_replaced_and_drops_are_found_without_it(tmp_path: Path) -> None:
    queue = MayGoDeaf(tmp_path / "q" / "QM", Rescan="3", Poll="0.2").start()
    try:
        assert queue.process is not None
        pid = queue.process.pid
        wait_for("it watches", lambda: watches(pid))
        queue.process.send_signal(signal.SIGUSR1)
        wait_for("it is deaf", lambda: "a watch was ended" in queue.log_text())
        queue.drop("unheard", "true")
        queue.wait_done("unheard")
        assert queue.run("hold", "nobody").returncode == 1  # A request is found as well.
        wait_for("it watches again", lambda: watches(pid) >= 1, 30)
        all_finished(queue, "unheard")
    finally:
        left = queue.end_everything()
    assert left == []

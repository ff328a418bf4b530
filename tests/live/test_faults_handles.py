"""A manager that may open no more files, start no more threads, or watch no more folders."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from tests.live.faults import UNTIL_GO, all_finished, let_go, said_by, said_in_log
from tests.live.harness import Queue, wait_for

if not sys.platform.startswith("linux"):
    pytest.skip("limits of a running process are set by prlimit", allow_module_level=True)

import resource

pytestmark = [pytest.mark.live, pytest.mark.slow]


def pid_of(queue: Queue) -> int:
    assert queue.process is not None
    return queue.process.pid


@contextmanager
def at_most(queue: Queue, more: int | None) -> Iterator[None]:
    """The running manager may have only so many more files open than it has now; None: it may
    open none at all.
    """
    pid = pid_of(queue)
    # Files that are open for a moment only do not count.
    open_now = min(psutil.Process(pid).num_fds() for _ in range(1000))
    before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    resource.prlimit(
        pid, resource.RLIMIT_NOFILE, (3 if more is None else open_now + more, before[1])
    )
    try:
        yield
    finally:
        resource.prlimit(pid, resource.RLIMIT_NOFILE, before)


def test_without_any_more_files_nothing_is_lost_and_the_reason_names_the_limit(
    make_queue: Callable[..., Queue],
) -> None:
    """Drops, an end, and a request come while no file can be opened."""
    queue = make_queue(MaxNbProcessors="3", Rescan="0.5").start()
    queue.drop("runs", UNTIL_GO)
    queue.wait_running("runs")
    queue.drop("held", "true", hold="yes")
    wait_for("it is held", lambda: (queue.row("held") or {}).get("state") == "HELD")
    with at_most(queue, None):
        for name in ("one", "two"):
            queue.drop(name, "true")
        let_go(queue, "runs")
        said_by(queue, "files open that it may (ulimit -n)", "status")
        asked = subprocess.Popen(
            queue.command("release", "held"), stdout=subprocess.DEVNULL, env=queue.environment
        )
        said_in_log(queue, "requests cannot be read: [Errno 24] Too many open files")
    assert asked.wait(60) == 0
    all_finished(queue, "runs", "held", "one", "two")


@pytest.mark.parametrize("more", [2, 4, 6])
def test_with_too_few_files_for_a_start_no_job_is_held_or_refused(
    make_queue: Callable[..., Queue], more: int
) -> None:
    """A start fails at another step with each number, and is tried again by itself."""
    queue = make_queue(MaxNbProcessors="4", Rescan="0.5").start()
    names = [f"job{number}" for number in range(6)]
    with at_most(queue, more):
        for name in names:
            queue.drop(name, "sleep 0.2")
        wait_for("it meets the limit, or all have run", lambda: met(queue) or not waiting(queue))
        assert all(row["state"] not in ("HELD", "REJECTED", "LOST") for row in queue.listed())
    all_finished(queue, *names)


def met(queue: Queue) -> bool:
    return "(ulimit -n)" in queue.log_text() + queue.run("list").stdout


def waiting(queue: Queue) -> list[str]:
    return os.listdir(queue.folder / "QM_qJobs")


class OwnLimits(Queue):
    """A queue whose manager runs in a user namespace: its inotify limits are its own."""

    inside = ("unshare", "--user", "--map-root-user", "sh", "-c")
    none = "echo 0 > /proc/sys/user/max_inotify_instances"

    def command(self, *arguments: str) -> list[str]:
        plain = super().command(*arguments)
        if arguments[0] != "serve":
            return plain
        return [*self.inside, f'{self.none}; exec "$@"', "sh", *plain]


@pytest.fixture
def own_limits(tmp_path: Path) -> Iterator[Queue]:
    if shutil.which("unshare") is None or shutil.which("nsenter") is None:
        pytest.skip("SKIPPED: unshare and nsenter are not installed")
    tried = subprocess.run([*OwnLimits.inside, OwnLimits.none], capture_output=True, text=True)
    if tried.returncode != 0:
        pytest.skip(f"SKIPPED: no user namespaces here: {tried.stderr.strip()}")
    queue = OwnLimits(tmp_path / "q" / "QM", Rescan="0.5")
    yield queue
    assert queue.end_everything() == []


def test_without_inotify_qm_lists_its_folders_and_says_so_and_watches_again_later(
    own_limits: Queue,
) -> None:
    queue = own_limits.start()
    said_in_log(queue, "no file events: ")
    said_in_log(queue, "the folder is polled")
    all_finished(queue)
    assert queue.run("hold", "nobody").returncode == 1  # Requests are found as well.
    pid = pid_of(queue)
    assert not instances(pid)
    allow = "echo 64 > /proc/sys/user/max_inotify_instances"
    subprocess.run(["nsenter", "--user", "--target", str(pid), "sh", "-c", allow], check=True)
    wait_for("it watches again", lambda: instances(pid), 30)
    queue.drop("watched", "true")
    queue.wait_done("watched")


def instances(pid: int) -> list[str]:
    """The inotify instances of a process."""
    found = []
    for fd in os.listdir(f"/proc/{pid}/fd"):
        try:
            target = os.readlink(f"/proc/{pid}/fd/{fd}")
        except FileNotFoundError:
            continue
        if target == "anon_inode:inotify":
            found.append(target)
    return found

"""The dashboard beside a real manager, and in a real terminal."""

from __future__ import annotations

import os
import select
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from qm.cli.dashboard import Verbs
from qm.cli.session import Session
from qm.dashboard.app import Dashboard
from qm.dashboard.look import Meters
from qm.osops.usage import machine_usage, tree_usage
from tests.fakes.terminal import Terminal, sit_at
from tests.live.harness import Queue, wait_for

pytestmark = pytest.mark.live

COUNTS = "for i in 1 2 3 4 5 6 7 8 9; do echo $i / 10; sleep 0.2; done; sleep 60"


def dashboard_on(queue: Queue) -> Dashboard:
    session = Session(queue.config, None)
    meters = Meters(machine_usage, tree_usage)
    return Dashboard(session.layout, Verbs(session).carry_out, meters)


def test_a_job_is_watched_and_killed(queue: Queue) -> None:
    queue.drop("counts", COUNTS)
    queue.wait_running("counts")

    async def steps(terminal: Terminal) -> None:
        await terminal.sees("running since", "1/2 proc", "counts", "9 / 10", "LOG of job 1")
        await terminal.sees("███████░ 9 / 10")
        await terminal.select("counts")
        await terminal.press("k")
        await terminal.sees("Kill job 1 (counts)?")
        await terminal.press("y")
        await terminal.told("Killed job 1 (counts)")
        await terminal.sees("RUNNING 0", "RECENT 1", "KILLED")
        assert terminal.selected == "counts"
        await terminal.sees("Job finished at")
        await terminal.press("q")
        await terminal.wait_for(lambda: not terminal.app.is_running)

    sit_at(dashboard_on(queue), steps)
    assert queue.where("counts") == "QM_dJobs"


def test_a_waiting_job_is_held_released_and_cancelled(queue: Queue) -> None:
    queue.drop("long", "sleep 60", nb_proc=2)
    queue.wait_running("long")
    queue.drop("next", "true", nb_proc=2)

    async def steps(terminal: Terminal) -> None:
        await terminal.sees("WAITING 1", "QUEUED", "Resources: needs 2 proc")
        await terminal.select("next")
        await terminal.press("h", "y")
        await terminal.told("Held job 2 (next)")
        await terminal.sees("HELD")
        await terminal.press("r", "y")
        await terminal.told("Released job 2 (next)")
        await terminal.sees("QUEUED")
        await terminal.press("k", "y")
        await terminal.told("Cancelled job 2 (next)")
        await terminal.sees("CANCELLED")

    sit_at(dashboard_on(queue), steps)
    assert queue.where("next") == "QM_lost+found"


def test_a_job_is_suspended_resumed_and_run_again_after_its_end(queue: Queue) -> None:
    queue.drop("work", "sleep 60")
    queue.wait_running("work")

    async def steps(terminal: Terminal) -> None:
        # The script may run before the index says so, and a job that waits is not suspended.
        await terminal.sees("1 R work")
        await terminal.select("work")
        await terminal.press("s")
        await terminal.sees("Suspend job 1 (work)?")
        await terminal.press("y")
        await terminal.told("Suspended job 1 (work)")
        await terminal.sees("1 P work")
        await terminal.press("s")
        await terminal.sees("Resume job 1 (work)?")
        await terminal.press("y")
        await terminal.told("Resumed job 1 (work)")
        await terminal.sees("1 R work")
        await terminal.press("k", "y")
        await terminal.sees("RECENT 1", "KILLED")
        await terminal.press("R")
        await terminal.sees("Rerun job 1 (work)?")
        await terminal.press("y")
        await terminal.told("Queued again: job 1 (work)")
        await terminal.sees("RUNNING 1", "RECENT 0")
        assert terminal.selected == "work"

    sit_at(dashboard_on(queue), steps)


def test_when_the_manager_dies_it_is_said_in_red_and_a_job_can_still_be_killed(
    queue: Queue,
) -> None:
    queue.drop("goes_on", "sleep 60")
    queue.wait_running("goes_on")

    async def steps(terminal: Terminal) -> None:
        await terminal.sees("running since", "goes_on")
        queue.kill_manager()
        await terminal.sees("NOT RUNNING", "`qm serve`", "RUNNING 1")
        await terminal.select("goes_on")
        await terminal.press("k", "y")
        await terminal.told("Killed job 1 (goes_on)")
        queue.start()
        await terminal.sees("running since", "KILLED")

    sit_at(dashboard_on(queue), steps)


@contextmanager
def in_terminal(queue: Queue, **environment: str) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """``qm dashboard`` in a terminal of 80 x 24: its process, and the other end."""
    termios = pytest.importorskip("termios", reason="terminals as POSIX has them")
    ours, theirs = pytest.importorskip("pty").openpty()
    termios.tcsetwinsize(theirs, (24, 80))
    process = subprocess.Popen(
        queue.command("dashboard"),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={**queue.environment, "TERM": "xterm-256color", **environment},
    )
    os.close(theirs)
    try:
        yield process, ours
    finally:
        process.kill()
        process.wait(10)
        os.close(ours)


def read_until(ours: int, text: bytes) -> bytes:
    """What the terminal gets until this comes, or 20 s have passed."""
    seen, until = b"", time.monotonic() + 20
    while text not in seen and time.monotonic() < until:
        ready, _, _ = select.select([ours], [], [], 0.1)
        try:
            seen += os.read(ours, 65536) if ready else b""
        except OSError:
            break  # The other end is closed.
    return seen


def test_in_a_real_terminal_it_draws_and_q_gives_the_terminal_back(queue: Queue) -> None:
    queue.drop("seen", "sleep 60")
    queue.wait_running("seen")
    with in_terminal(queue) as (process, ours):
        assert b"seen" in read_until(ours, b"seen")
        os.write(ours, b"q")
        # The alternate screen is left.
        assert b"\x1b[?1049l" in read_until(ours, b"\x1b[?1049l")
        wait_for("it ends", lambda: process.poll() is not None)
        assert process.returncode == 0
    assert queue.where("seen") == "QM_Jobs"


def test_without_colours_it_says_everything_in_words(queue: Queue) -> None:
    with in_terminal(queue, NO_COLOR="1") as (process, ours):
        seen = read_until(ours, b"qm submit")
        os.write(ours, b"q")
        wait_for("it ends", lambda: process.poll() is not None)
    assert b"qm submit" in seen


def test_a_dumb_terminal_is_told_plainly(queue: Queue) -> None:
    with in_terminal(queue, TERM="dumb") as (process, ours):
        assert b"the dashboard needs a terminal" in read_until(ours, b"without one")
        wait_for("it ends", lambda: process.poll() is not None)
        assert process.returncode == 2


def test_without_a_terminal_it_is_told_plainly(queue: Queue) -> None:
    result = subprocess.run(
        queue.command("dashboard"),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=30,
        env=queue.environment,
    )
    assert result.returncode == 2 and "needs a terminal" in result.stderr

"""The clock of the machine jumps, by hours and by years, while jobs settle, wait and run.

The clock of this machine is not touched: manager, supervisors and commands are started with a
library that shifts their wall clock. The file system keeps the true time, as a file server does.
What the core makes of jumps is tried in the unit tests, where the clock is an argument.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.live.faults import UNTIL_GO, all_finished, let_go
from tests.live.harness import Queue, wait_for

if not sys.platform.startswith("linux"):
    pytest.skip("LD_PRELOAD", allow_module_level=True)

pytestmark = [pytest.mark.live, pytest.mark.slow]

SOURCE = Path(__file__).resolve().parents[1] / "fakes" / "clock.c"
HOUR = 3600
YEAR = 365 * 24 * HOUR


class Shifted(Queue):
    """A queue whose processes have a clock that the test sets."""

    def __init__(self, folder: Path, library: Path, **options: object) -> None:
        super().__init__(folder, **options)
        self.shift_file = folder.parent / "shift"
        self.environment["LD_PRELOAD"] = str(library)
        self.environment["QM_TEST_CLOCK"] = str(self.shift_file)
        self.shift(0)

    def shift(self, seconds: int) -> None:
        """From now on their clock is off by so many seconds."""
        staged = self.shift_file.with_suffix(".new")
        staged.write_text(str(seconds), encoding="ascii")
        os.replace(staged, self.shift_file)


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("SKIPPED: no C compiler, so no clock that a test can set")
    built = tmp_path_factory.mktemp("clock") / "clock.so"
    command = [compiler, "-shared", "-fPIC", "-O1", "-o", str(built), str(SOURCE), "-ldl"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    if done.returncode != 0:
        pytest.skip(f"SKIPPED: {SOURCE.name} cannot be compiled here: {done.stderr[:200]}")
    return built


@contextmanager
def running(queue: Shifted) -> Iterator[Shifted]:
    """Started, and ended whatever happens."""
    try:
        queue.start()
        yield queue
    finally:
        queue.shift(0)
        left = queue.end_everything()
    assert left == []


@pytest.fixture
def shifted(tmp_path: Path, library: Path) -> Iterator[Shifted]:
    with running(Shifted(tmp_path / "q" / "QM", library, Rescan="0.5")) as queue:
        yield queue


@pytest.mark.parametrize("jump", [-YEAR, 2 * HOUR])
def test_a_jump_of_the_clock_starts_nothing_twice_ends_nothing_early_and_hangs_nothing(
    shifted: Shifted, jump: int
) -> None:
    shifted.drop("runs", UNTIL_GO, walltime=HOUR)
    shifted.wait_running("runs")
    shifted.drop("waits", "true", hold="yes")
    wait_for("it is held", lambda: (shifted.row("waits") or {}).get("state") == "HELD")
    shifted.shift(jump)
    shifted.drop("late", "sleep 0.2")
    shifted.wait_done("late")
    # Requests, which expire by the clock, are answered; a walltime is not a time of day.
    assert shifted.run("release", "waits").returncode == 0
    assert (shifted.row("runs") or {})["state"] == "RUNNING"
    shifted.kill_manager()
    shifted.start()
    wait_for("it is followed", lambda: (shifted.row("runs") or {}).get("state") == "RUNNING")
    shifted.shift(0)
    let_go(shifted, "runs")
    all_finished(shifted, "runs", "waits", "late")


def pause(seconds: float) -> None:
    """A slow writer's, by a clock that does not jump."""
    until = time.monotonic() + seconds
    wait_for("the pause is over", lambda: time.monotonic() > until)


def test_a_drop_that_is_being_copied_while_the_clock_jumps_is_not_taken_half(
    tmp_path: Path, library: Path
) -> None:
    """The clock is set forward by an hour with each file that comes."""
    with running(Shifted(tmp_path / "q" / "QM", library, Settle="1.5", Refuse_after="20")) as queue:
        folder = queue.folder / "QM_qJobs" / "copied"
        folder.mkdir()
        (folder / "proc_config.cfg").write_text(
            "[QMOptions]\nscript : ls part* | wc -l > count\n", encoding="utf-8"
        )
        for number in range(20):
            (folder / f"part{number:02}").touch()
            queue.shift((number - 10) * HOUR)
            pause(0.1)
        queue.shift(0)
        queue.wait_done("copied")
        assert (queue.path("copied") / "count").read_text(encoding="ascii").strip() == "20"


def test_a_begin_time_follows_the_clock_as_it_is_set(shifted: Shifted) -> None:
    shifted.drop("tomorrow", "true", begin="+20h")
    wait_for("it waits", lambda: "BeginTime" in str((shifted.row("tomorrow") or {}).get("reason")))
    shifted.shift(21 * HOUR)
    shifted.wait_done("tomorrow", timeout=60)

"""Processes left behind: whose they are is read from records, and what runs is never touched."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from qm.cleaning import Leftover, end_leftovers, find_leftovers
from qm.folders.layout import Layout
from qm.jobdir import own_folder, write_job
from qm.model import Place
from qm.osops import identity_of
from qm.records import Claim, encode
from tests.fakes.jobs import a_job
from tests.unit.test_trash import EXIT

SLEEPER = "import time; print('there', flush=True); time.sleep(100)"
STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); " + SLEEPER

Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    made = Layout(str(tmp_path / "QM"))
    made.create()
    return made


@pytest.fixture
def start() -> Iterator[Start]:
    """Start a process that carries a token, as a job's processes do; ended after the test."""
    started: list[subprocess.Popen[str]] = []

    def start_one(
        token: str, job_id: int | str = 7, program: str = SLEEPER
    ) -> subprocess.Popen[str]:
        env = {**os.environ, "QM_JOB_TOKEN": token, "QM_JOB_ID": str(job_id)}
        process = subprocess.Popen(
            [sys.executable, "-c", program], env=env, stdout=subprocess.PIPE, text=True
        )
        started.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "there\n"
        return process

    yield start_one
    for process in started:
        process.kill()
        process.communicate(timeout=10)


def a_folder(layout: Layout, token: str, *, ended: bool, job_id: int = 7, name: str = "a") -> Path:
    place = Place.DONE if ended else Place.RUNNING
    folder = Path(layout.path(place, name))
    folder.mkdir()
    identity = identity_of(str(folder))
    job = a_job(job_id, name=name, identity=identity, attempt=1, token=token)
    with own_folder(str(folder), create=True) as own:
        write_job(own, job, Claim("boot", claimed=True))
        if ended:
            own.write("exit.json", encode(EXIT))
    return folder


def pids(layout: Layout) -> list[int]:
    return [one.pid for one in find_leftovers(layout)]


def test_a_process_of_an_ended_job_is_found(layout: Layout, start: Start) -> None:
    a_folder(layout, "t-ended", ended=True)
    process = start("t-ended")
    (found,) = find_leftovers(layout)
    assert (found.pid, found.job_id, found.job_name) == (process.pid, 7, "a")
    assert found.command.startswith(sys.executable)
    assert abs(found.started - psutil.Process(process.pid).create_time()) < 1


def test_a_process_of_a_running_job_is_not(layout: Layout, start: Start) -> None:
    a_folder(layout, "t-runs", ended=False)
    start("t-runs")
    assert pids(layout) == []


def test_the_token_tells_not_the_id_nor_the_name(layout: Layout, start: Start) -> None:
    a_folder(layout, "t-mine", ended=True)
    start("t-of-another-folder", 7)
    start("t-mine", "no number")
    assert pids(layout) == []


def test_a_copy_of_a_running_jobs_folder_makes_nobody_end_it(layout: Layout, start: Start) -> None:
    runs = a_folder(layout, "t-runs", ended=False)
    copy = Path(layout.path(Place.DONE, "copy"))
    shutil.copytree(runs, copy)
    (copy / ".qm" / "exit.json").write_bytes(encode(EXIT))
    start("t-runs")
    assert pids(layout) == []


def test_an_earlier_attempt_of_a_running_job_has_ended(layout: Layout, start: Start) -> None:
    folder = a_folder(layout, "t-second", ended=False)
    archive = folder / ".qm" / "attempt-1"
    archive.mkdir()
    (archive / "start.json").write_bytes(encode({"attempt": 1, "token": "t-first"}))
    first, _ = start("t-first"), start("t-second")
    assert pids(layout) == [first.pid]


def test_a_removed_job_has_ended_too(layout: Layout, start: Start) -> None:
    folder = a_folder(layout, "t-removed", ended=True)
    folder.rename(Path(layout.trash, "a"))
    process = start("t-removed")
    assert pids(layout) == [process.pid]


def test_who_asks_is_no_leftover(layout: Layout) -> None:
    a_folder(layout, "t-asks", ended=True)
    program = (
        "import sys; from qm.folders.layout import Layout; from qm.cleaning import find_leftovers;"
        "print(find_leftovers(Layout(sys.argv[1])))"
    )
    env = {**os.environ, "QM_JOB_TOKEN": "t-asks", "QM_JOB_ID": "7"}
    command = [sys.executable, "-c", program, layout.root]
    said = subprocess.run(
        command, env=env, capture_output=True, text=True, timeout=60, cwd=Path(__file__).parents[2]
    )
    assert (said.stdout, said.stderr) == ("[]\n", "")


def test_processes_are_asked_to_end(layout: Layout, start: Start) -> None:
    a_folder(layout, "t-ended", ended=True)
    process, other = start("t-ended"), start("t-other")
    assert end_leftovers(find_leftovers(layout), 20.0) == []
    assert process.wait(10) == -15 if sys.platform != "win32" else process.wait(10)
    assert other.poll() is None


@pytest.mark.skipif(sys.platform == "win32", reason="there, asking to end is ending")
def test_what_does_not_listen_is_made_to_end_after_the_grace(layout: Layout, start: Start) -> None:
    a_folder(layout, "t-deaf", ended=True)
    process = start("t-deaf", program=STUBBORN)
    assert end_leftovers(find_leftovers(layout), 0.2) == []
    assert process.wait(10) == -9


def test_what_cannot_be_ended_is_told_in_the_end(start: Start) -> None:
    process = start("t-eternal")
    found = Leftover(process.pid, "x", 0.0, "t-eternal", 7, "a")
    now = [0.0]

    def wait_a_while(seconds: float) -> None:
        now[0] += 1000.0

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("qm.cleaning._end", lambda process, force: None)
        alive = end_leftovers([found], 1.0, clock=lambda: now[0], wait=wait_a_while)
    assert alive == [process.pid]
    assert end_leftovers([replace(found, token="t-nobody")], 1.0) == []

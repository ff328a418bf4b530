"""Records spoilt in every way, while a manager runs and before one starts."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.live.faults import UNTIL_GO, let_go, said_by, said_in_log
from tests.live.harness import Queue, wait_for

if sys.platform == "win32":
    pytest.skip("links and pipes need rights on Windows", allow_module_level=True)

pytestmark = pytest.mark.live

HUGE = 3 << 30


def huge(path: Path) -> None:
    path.write_bytes(b'{"format": 1, "text": "')
    os.truncate(path, HUGE)


def types(path: Path) -> None:
    path.write_bytes(b'{"format": 1, "id": "x", "attempt": [], "token": {}, "options": 5}')


SPOILS: dict[str, Callable[[Path], object]] = {
    "empty": lambda path: path.write_bytes(b""),
    "cut": lambda path: path.write_bytes(b'{"format": 1, "id": 7, "na'),
    "garbage": lambda path: path.write_bytes(os.urandom(5000)),
    "huge": huge,
    "types": types,
    "folder": lambda path: path.mkdir(),
    "link": lambda path: path.symlink_to("/etc/passwd"),
    "pipe": os.mkfifo,
}
RUNNING_SPOILS = ("garbage", "huge", "folder")


def spoil(path: Path, how: str) -> None:
    """Put something else where a record lies."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
    SPOILS[how](path)


def states(queue: Queue) -> dict[str, str]:
    return {row["name"]: row["state"] for row in queue.listed()}


def all_are(queue: Queue, state: str, names: list[str]) -> None:
    wait_for(
        f"all are {state}", lambda: all(states(queue).get(name) == state for name in names), 60
    )


@pytest.fixture
def wide(make_queue: Callable[..., Queue]) -> Queue:
    """A queue in which every job has a processor."""
    return make_queue(MaxNbProcessors=str(len(SPOILS) + 1), Rescan="0.5").start()


@pytest.mark.slow
def test_a_waiting_job_whose_record_is_spoilt_is_a_new_job_for_the_next_manager(
    wide: Queue,
) -> None:
    """Its info file says everything; what lay there is kept beside it."""
    names = [*SPOILS]
    for name in names:
        wide.drop(name, "true", hold="yes")
    all_are(wide, "HELD", names)
    wide.kill_manager()
    for name in names:
        spoil(wide.path(name) / ".qm" / "job.json", name)
    wide.start()
    all_are(wide, "HELD", names)
    said_in_log(wide, "its job.json could not be understood; what lay in .qm is kept beside it")
    assert wide.run("release", *names).returncode == 0
    all_are(wide, "FINISHED", names)
    assert all((wide.path(name) / ".qm.1").is_dir() for name in names)
    ids = [row["id"] for row in wide.listed()]
    assert len(set(ids)) == len(ids)


@pytest.mark.slow
def test_a_running_job_whose_records_are_spoilt_ends_as_it_would_have(
    make_queue: Callable[..., Queue],
) -> None:
    """Under its manager no record of it is needed; for the next manager start.json is not."""
    records = ("job.json", "start.json", "kill", "suspend", "lock")
    names = {f"{kind}-{record}": (record, kind) for record in records for kind in RUNNING_SPOILS}
    queue = make_queue(MaxNbProcessors=str(len(names)), Rescan="0.5").start()
    for name in names:
        queue.drop(name, f"{UNTIL_GO}; exit 3")
    for name, (record, kind) in names.items():
        spoil(queue.wait_running(name) / ".qm" / record, kind)
    for name, (record, _) in names.items():
        if record != "start.json":
            let_go(queue, name)
    for_the_next = [name for name in names if "start.json" in name]
    all_are(queue, "FAILED", [name for name in names if name not in for_the_next])
    queue.kill_manager()
    queue.start()
    all_are(queue, "RUNNING", for_the_next)
    for name in for_the_next:
        let_go(queue, name)
    all_are(queue, "FAILED", [*names])
    assert all(row["exit_code"] == 3 for row in queue.listed())
    assert "Traceback" not in queue.log_text()


@pytest.mark.slow
def test_a_running_job_whose_job_record_is_spoilt_between_two_managers_is_told_and_kept(
    wide: Queue,
) -> None:
    """Nobody knows its id any more: its script runs on, and a person is told what to do."""
    wide.drop("runs", f"{UNTIL_GO}; echo done > result")
    wide.wait_running("runs")
    wide.kill_manager()
    spoil(wide.path("runs") / ".qm" / "job.json", "garbage")
    wide.start()
    said_in_log(
        wide, "in QM_Jobs cannot be followed, for its job.json cannot be understood: left alone"
    )
    said_by(wide, "its script may run, and its files are whole", "doctor")
    let_go(wide, "runs")
    wait_for("it ends", (wide.path("runs") / ".qm" / "exit.json").exists)
    assert (wide.path("runs") / "result").read_text(encoding="utf-8") == "done\n"
    wide.drop("other", "true")
    wide.wait_done("other")


@pytest.mark.slow
def test_an_exit_record_that_is_spoilt_while_no_manager_runs_leaves_the_job_lost_with_its_files(
    wide: Queue,
) -> None:
    names = [*RUNNING_SPOILS, "empty", "link"]
    for name in names:
        wide.drop(name, f"{UNTIL_GO}; echo done > result")
    for name in names:
        wide.wait_running(name)
    wide.kill_manager()
    for name in names:
        let_go(wide, name)
        wait_for("it ends", (wide.path(name) / ".qm" / "exit.json").exists)
        spoil(wide.path(name) / ".qm" / "exit.json", name)
    wide.start()
    all_are(wide, "LOST", names)
    for name in names:
        assert (wide.path(name) / "result").read_text(encoding="utf-8") == "done\n"


@pytest.mark.slow
def test_requests_and_intents_of_every_kind_of_garbage_hinder_nobody(wide: Queue) -> None:
    own = wide.folder / ".qm"
    for name in SPOILS:
        spoil(own / "requests" / f"{name}.json", name)
    wide.drop("held", "true", hold="yes")
    all_are(wide, "HELD", ["held"])
    assert wide.run("release", "held").returncode == 0
    wide.wait_done("held")
    wide.kill_manager()
    for name in SPOILS:
        spoil(own / "intents" / f"{name}.json", name)
        spoil(own / "notices" / f"{name}.json", name)
    wide.start()
    said_in_log(wide, "the intent garbage.json is damaged and was left alone")
    wide.drop("after", "true")
    wide.wait_done("after")
    assert "Traceback" not in wide.log_text()


def test_lines_of_garbage_in_the_history_are_passed_over(queue: Queue) -> None:
    queue.drop("before", "true")
    queue.wait_done("before")
    history = queue.folder / ".qm" / "history.jsonl"
    with open(history, "ab") as file:
        file.write(os.urandom(3000) + b'\n{"id": 7\n[]\n{"id": "x", "attempt": 1}\nhalf a li')
    queue.drop("after", "exit 4")
    queue.wait_done("after")
    queue.kill_manager()
    queue.start()
    assert states(queue) == {"before": "FINISHED", "after": "FAILED"}
    shown = queue.run("history").stdout
    assert "before" in shown and "after" in shown


def test_a_history_that_cannot_be_written_holds_up_the_folders_of_ended_jobs_only(
    queue: Queue,
) -> None:
    history, aside = queue.folder / ".qm" / "history.jsonl", queue.folder / "aside"
    queue.drop("first", "true")
    queue.wait_done("first")
    history.rename(aside)
    history.mkdir()
    queue.drop("second", "exit 4")
    said_in_log(queue, "history.jsonl: Is a directory; tried again")
    # Its processors are free all the same.
    queue.drop("third", f"echo > started; {UNTIL_GO}", nb_proc=2)
    wait_for("another starts", (queue.wait_running("third") / "started").exists)
    let_go(queue, "third")
    history.rmdir()
    aside.rename(history)
    queue.wait_done("second")
    queue.wait_done("third")
    assert states(queue) == {"first": "FINISHED", "second": "FAILED", "third": "FINISHED"}


@pytest.mark.parametrize("how", ["garbage", "folder", "link", "types"])
def test_a_state_file_that_cannot_be_understood_is_never_replaced(queue: Queue, how: str) -> None:
    queue.drop("first", "true")
    queue.wait_done("first")
    queue.stop()
    for state in (queue.folder / ".qm").glob("state*.json"):
        spoil(state, how)
    refused = queue.run("serve", "--no-web")
    assert refused.returncode == 1 and "state.json" in refused.stderr, refused.stderr
    assert "Traceback" not in refused.stderr
    for state in (queue.folder / ".qm").glob("state*.json"):
        state.rmdir() if state.is_dir() and not state.is_symlink() else state.unlink()
    queue.start()
    queue.drop("second", "true")
    queue.wait_done("second")
    assert [row["id"] for row in queue.listed()] == [1, 2]

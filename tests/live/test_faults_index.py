"""The index spoilt in every way while the manager runs, and before it starts."""

from __future__ import annotations

import os
import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tests.live.faults import said_in_log
from tests.live.harness import Queue, wait_for
from tests.live.mounts import immutable

if sys.platform == "win32":
    pytest.skip("an open file cannot be replaced on Windows", allow_module_level=True)

pytestmark = pytest.mark.live


def files(queue: Queue) -> list[Path]:
    return [file for file in (queue.folder / ".qm").glob("index.sqlite3*") if file.is_file()]


def index(queue: Queue) -> Path:
    return queue.folder / ".qm" / "index.sqlite3"


def garbage(queue: Queue) -> None:
    index(queue).write_bytes(os.urandom(20000))


def empty(queue: Queue) -> None:
    os.truncate(index(queue), 0)


def cut(queue: Queue) -> None:
    os.truncate(index(queue), 5000)


def deleted(queue: Queue) -> None:
    for file in files(queue):
        file.unlink()


def a_folder(queue: Queue) -> None:
    deleted(queue)
    index(queue).mkdir()
    (index(queue) / "somebody's").touch()


def a_link(queue: Queue) -> None:
    deleted(queue)
    index(queue).symlink_to("/nowhere/at/all")


def of_a_later_version(queue: Queue) -> None:
    with closing(sqlite3.connect(index(queue))) as connection:
        connection.execute("PRAGMA user_version=99")


SPOILT = [garbage, empty, cut, deleted, a_folder, a_link, of_a_later_version]


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Queue]:
    """One queue with some ended jobs for all tests of the module."""
    queue = Queue(tmp_path_factory.mktemp("index") / "QM", Rescan="0.5").start()
    for number in range(3):
        queue.drop(f"old{number}", "true")
    for number in range(3):
        queue.wait_done(f"old{number}")
    yield queue
    assert queue.end_everything() == []


def goes_on(queue: Queue, name: str) -> None:
    """A new job runs, and in the end every folder among the ended ones is listed once."""
    queue.drop(name, "true")
    queue.wait_done(name, timeout=60)

    def complete() -> bool:
        listed = sorted(row["name"] for row in queue.listed() if row["state"] == "FINISHED")
        return listed == sorted(os.listdir(queue.folder / "QM_dJobs"))

    wait_for("all ended jobs are listed, each once", complete, 60)


@pytest.mark.parametrize("spoil", SPOILT, ids=lambda spoil: spoil.__name__)
def test_a_spoilt_index_is_made_anew_at_the_start_and_while_qm_runs(
    shared: Queue, spoil: Callable[[Queue], None]
) -> None:
    spoil(shared)
    goes_on(shared, f"running-{spoil.__name__}")
    shared.kill_manager()
    spoil(shared)
    shared.start()
    goes_on(shared, f"started-{spoil.__name__}")
    assert "Traceback" not in shared.log_text()
    assert not [row for row in shared.listed() if row["id"] is None]


@contextmanager
def locked(queue: Queue) -> Iterator[None]:
    with closing(sqlite3.connect(index(queue), timeout=30, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.execute("ROLLBACK")


def test_jobs_run_while_somebody_keeps_the_index_locked_and_are_listed_afterwards(
    shared: Queue,
) -> None:
    with locked(shared):
        for number in range(3):
            shared.drop(f"locked{number}", "true")
            shared.wait_done(f"locked{number}")
        said_in_log(shared, "the index cannot be written: database is locked")
    goes_on(shared, "unlocked")
    said_in_log(shared, "the index is written again")


def test_a_start_does_not_wait_for_whoever_keeps_the_index_locked(shared: Queue) -> None:
    shared.kill_manager()
    with locked(shared):
        shared.start()
        goes_on(shared, "locked-at-the-start")


def test_an_index_that_nobody_may_write_or_remove_is_done_without(shared: Queue) -> None:
    shared.kill_manager()
    with immutable(index(shared)):
        shared.start()
        said_in_log(shared, "the index cannot be opened: ")
        goes_on(shared, "without-an-index")
    goes_on(shared, "with-an-index")

"""The index: a view that may be damaged, deleted and read at any moment."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from qm.index import ArrivalRow, Index, IndexReader, reading, remove_index, row_of
from qm.model import Outcome, Place, Reason, State
from tests.fakes.jobs import a_job


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "index.sqlite3")


@pytest.fixture
def index(path: str) -> Iterator[Index]:
    index = Index(path)
    assert index.open()
    yield index
    index.close()


def test_a_row_comes_back_as_it_was_put(path: str, index: Index) -> None:
    outcome = Outcome("2026-01-01T00:00:09.000Z", exit_code=3, cpu_seconds=0.5, peak_memory=7)
    ended = a_job(2, state=State.FAILED, reason=Reason("ExitCode", "3"), outcome=outcome, attempt=1)
    rows = [row_of(a_job(1, options={"mem": 1 << 40, "walltime": 1.5})), row_of(ended)]
    for row in rows:
        index.put(row)
    index.flush()
    with reading(path) as reader:
        assert reader.rows(tail="ORDER BY id") == rows
        assert reader.waiting_and_running() == rows[:1]
        assert reader.ended_since("2026-01-01T00:00:09.000Z") == rows[1:]
        assert reader.ended_since("2026-01-01T00:00:09.001Z") == []
    assert index.known(Place.DONE) == [(2, "job2", ended.identity.inode)]


def test_nothing_is_seen_before_the_flush_and_everything_after(path: str, index: Index) -> None:
    index.put(row_of(a_job(1)))
    index.put_arrival("drop", ArrivalRow("drop", "Settling: 1 s", "now"))
    index.put_fact("obstacle", "DiskFull: no space")
    with reading(path) as reader:
        assert (reader.rows(), reader.arrivals(), reader.fact("obstacle")) == ([], [], None)
        index.flush()
        assert len(reader.rows()) == len(reader.arrivals()) == 1
        assert reader.fact("obstacle") == "DiskFull: no space"
        index.remove(1)
        index.put_arrival("drop", None)
        index.flush()
        assert (reader.rows(), reader.arrivals()) == ([], [])
    assert not index.dirty


def test_the_latest_word_on_a_job_counts(path: str, index: Index) -> None:
    index.put(row_of(a_job(1)))
    index.remove(1)
    index.remove(2)
    index.put(row_of(a_job(2)))
    index.flush()
    with reading(path) as reader:
        assert [row.id for row in reader.rows()] == [2]


def test_what_could_not_be_written_is_kept_for_the_next_time(path: str, index: Index) -> None:
    index.put(row_of(a_job(1)))
    index.put_arrival("drop", ArrivalRow("drop", None, "now"))  # type: ignore[arg-type]
    with pytest.raises(AttributeError):
        index.flush()
    index.put_arrival("drop", None)
    index.flush()
    with reading(path) as reader:
        assert [row.id for row in reader.rows()] == [1]


def test_texts_and_numbers_that_sqlite_cannot_keep_are_kept_as_near_as_can_be(
    path: str, index: Index
) -> None:
    reason = Reason("Launch", "could not be started: /data/caf\udce9/sub: No such file")
    job = a_job(1, name="caf\udce9", reason=reason, owner="\ud800", options={"priority": 10**30})
    index.put(row_of(job))
    index.put_arrival("n\udcff", ArrivalRow("n\udcff", "Stuck: \udcff", "now"))
    index.put_fact("obstacle", "\udcff")
    index.flush()
    with reading(path) as reader:
        (row,) = reader.rows()
        assert reader.arrivals() == [ArrivalRow("n\\xff", "Stuck: \\xff", "now")]
    assert (row.name, row.owner, row.priority) == ("caf\\xe9", "\\ud800", (1 << 63) - 1)
    assert row.reason == "Launch: could not be started: /data/caf\\xe9/sub: No such file"
    index.put_arrival("n\udcff", None)
    index.flush()
    with reading(path) as reader:
        assert reader.arrivals() == []


@pytest.mark.parametrize("damage", ["text", "empty", "version", "torn"])
def test_a_damaged_index_is_made_anew(path: str, damage: str) -> None:
    index = Index(path)
    index.open()
    for number in range(300):
        index.put(row_of(a_job(number + 1)))
    index.close()
    if damage == "version":
        connection = sqlite3.connect(path)
        connection.execute("PRAGMA user_version=99")
        connection.close()
    else:
        data = {"text": b"no database " * 500, "empty": b"", "torn": b"\0" * 5000}[damage]
        Path(path).write_bytes(data)
        for suffix in ("-wal", "-shm"):
            Path(path + suffix).unlink(missing_ok=True)
    again = Index(path)
    again.open()
    again.put(row_of(a_job(1)))
    again.flush()
    with reading(path) as reader:
        assert [row.id for row in reader.rows()] == [1]
    again.close()


def test_an_index_that_is_deleted_while_open_is_noticed_and_made_anew(
    path: str, index: Index
) -> None:
    index.put_fact("manager", "me")
    index.put(row_of(a_job(1)))
    index.flush()
    assert not index.is_lost()
    remove_index(path)
    assert index.is_lost()
    index.put(row_of(a_job(2)))
    index.make_anew()
    assert not index.is_lost()
    index.flush()
    with reading(path) as reader:
        # Jobs are told again by who knows them, facts by the index itself.
        assert [row.id for row in reader.rows()] == [2]
        assert reader.fact("manager") == "me"


def test_an_index_that_is_replaced_while_open_is_noticed(path: str, index: Index) -> None:
    Path(path + ".other").write_bytes(b"")
    os.replace(path + ".other", path)
    assert index.is_lost()
    index.make_anew()
    assert not index.is_lost()


def test_a_start_forgets_what_waited_and_keeps_what_has_ended(path: str, index: Index) -> None:
    ended = a_job(2, state=State.FINISHED, outcome=Outcome("2026-01-01T00:00:00.000Z"))
    index.put(row_of(a_job(1)))
    index.put(row_of(ended))
    index.put_arrival("drop", ArrivalRow("drop", "x", "now"))
    index.close()
    again = Index(path)
    assert not again.open()
    again.clear_open()
    with reading(path) as reader:
        assert [row.id for row in reader.rows()] == [2]
        assert reader.arrivals() == []
    again.close()


def test_readers_see_whole_transactions_while_rows_are_written(path: str, index: Index) -> None:
    seen: list[int] = []
    failures: list[BaseException] = []
    done = threading.Event()

    def read() -> None:
        try:
            while not done.is_set():
                with reading(path) as reader:
                    seen.append(len(reader.rows()))
        except sqlite3.Error as error:
            failures.append(error)

    threads = [threading.Thread(target=read) for _ in range(2)]
    for thread in threads:
        thread.start()
    for batch in range(30):
        for number in range(10):
            index.put(row_of(a_job(batch * 10 + number + 1)))
        index.flush()
    done.set()
    for thread in threads:
        thread.join(10)
    assert not failures
    assert seen and {count % 10 for count in seen} == {0}


@pytest.mark.parametrize("content", [None, b"", b"junk" * 1000])
def test_a_reader_of_no_index_gets_an_sqlite_error(path: str, content: bytes | None) -> None:
    if content is not None:
        Path(path).write_bytes(content)
    with pytest.raises(sqlite3.Error):
        IndexReader(path)


def test_a_vanished_job_has_no_place() -> None:
    job = replace(a_job(1), state=State.LOST)
    assert row_of(job).place == "QM_lost+found" and row_of(job, vanished=True).place is None

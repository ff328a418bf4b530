"""What the dashboard reads of a folder: seldom, little, and whatever is there."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from qm.dashboard.activity import ActivityReader
from qm.dashboard.jobs import Jobs, JobsReader
from qm.dashboard.logtail import read_tail
from qm.dashboard.look import Meters, Observer
from qm.jobdir import own_folder
from qm.model import State
from qm.records import encode
from qm.view import find
from tests.fakes.served import ServedFolder


@dataclass(frozen=True)
class Used:
    cpu_seconds: float
    memory: int


@dataclass(frozen=True)
class Busy:
    cpu_percent: float = 10.0
    memory_used: int = 1 << 30
    memory_total: int = 4 << 30
    load: float | None = 0.5


@pytest.fixture
def served(tmp_path: Path) -> Iterator[ServedFolder]:
    with ServedFolder(tmp_path / "QM") as folder:
        yield folder


def ids(entries: tuple[object, ...]) -> list[int | None]:
    return [getattr(entry, "id", None) for entry in entries]


def jobs_of(served: ServedFolder) -> Jobs:
    return JobsReader(served.layout).read()


def test_jobs_come_sorted_into_running_waiting_and_recent(served: ServedFolder) -> None:
    served.put(1, State.RUNNING)
    served.put(2, State.QUEUED)
    served.put(3, State.HELD)
    served.put(4, State.QUEUED, options={"priority": 5})
    served.put(20, State.FINISHED)
    served.put(10, State.FAILED)
    served.arrive("new")
    jobs = jobs_of(served)
    assert jobs.manager is not None and jobs.manager.holder == "host here, process 4711"
    assert jobs.processors == 8
    assert ids(jobs.running) == [1]
    assert ids(jobs.waiting) == [4, 2, 3, None]
    assert ids(jobs.recent) == [10, 20]


def test_what_keeps_jobs_from_starting_comes_with_the_manager(served: ServedFolder) -> None:
    served.fact("obstacle", "Drain: nothing new is started")
    manager = jobs_of(served).manager
    assert manager is not None and manager.obstacle == "Drain: nothing new is started"


def test_a_part_of_a_name_chooses_whatever_its_case_and_its_signs(served: ServedFolder) -> None:
    served.put(1, State.RUNNING, name="Train [a*]")
    served.put(2, State.QUEUED, name="train ab")
    served.put(3, State.FINISHED, name="other")
    reader = JobsReader(served.layout)
    found = reader.read("TRAIN")
    assert (ids(found.running), ids(found.waiting), found.recent) == ([1], [2], ())
    found = reader.read("[a*")
    assert (ids(found.running), ids(found.waiting), found.recent) == ([1], [], ())
    assert ids(reader.read("]").running) == [1] and not reader.read("!").running
    assert ids(reader.read("").recent) == [3]


def test_gpus_in_use_are_counted(served: ServedFolder) -> None:
    served.fact("capacity", json.dumps({"processors": 8, "blocking": False, "gpus": 2}))
    served.put(1, State.RUNNING, options={"nb_gpu": 1})
    gauge = an_observer(served).look(time.time()).machine.gpus
    assert gauge is not None and (gauge.used, gauge.total) == (1, 2)


def test_only_the_last_ends_are_read_however_many_there_were(served: ServedFolder) -> None:
    for number in range(1, 61):
        served.put(number, State.FINISHED)
    assert ids(jobs_of(served).recent) == list(range(1, 51))


def test_jobs_are_not_read_again_while_nothing_has_changed(served: ServedFolder) -> None:
    job = served.put(1, State.QUEUED)
    reader = JobsReader(served.layout)
    first = reader.read()
    assert reader.read() is first
    job = served.move(job, State.RUNNING)
    # Reading takes no more than its share of the time, so the change is seen a little later.
    seen = wait_for_other(reader, first)
    assert ids(seen.running) == [1] and seen.waiting == ()
    served.move(job, State.FINISHED)
    reader.hurry()
    assert ids(reader.read().recent) == [1]


def wait_for_other(reader: JobsReader, first: Jobs) -> Jobs:
    until = time.monotonic() + 10
    while (jobs := reader.read()) is first:
        assert time.monotonic() < until, "the change was not seen"
        time.sleep(0.01)
    return jobs


def test_that_the_manager_died_is_seen_at_once_and_the_jobs_stay(served: ServedFolder) -> None:
    served.put(1, State.QUEUED)
    reader = JobsReader(served.layout)
    assert reader.read().manager is not None
    served.die()
    jobs = reader.read()
    assert jobs.manager is None and ids(jobs.waiting) == [1]


def test_a_folder_that_is_not_there_is_an_empty_view(tmp_path: Path) -> None:
    from qm.folders.layout import Layout

    jobs = JobsReader(Layout(str(tmp_path / "no"))).read()
    assert jobs == Jobs(None, None, None, (), (), 0, ())


def test_progress_and_use_of_a_running_job(served: ServedFolder) -> None:
    job = served.put(1, State.RUNNING, log="13 / 100\n")
    folder = Path(served.layout.root, "QM_Jobs", "job1")
    start = {"attempt": 1, "token": "token1", "host": "h", "boot": "b", "supervisor": 77}
    with own_folder(str(folder)) as own:
        own.write("start.json", encode({**start, "supervisor_started": 1.0, "started": ""}))
    asked = []

    def read_tree(pid: int, token: str) -> Used:
        asked.append((pid, token))
        return Used(3.0 * len(asked), 5000)

    reader = ActivityReader(served.layout, read_tree)
    entry = find(served.layout, str(job.id))
    first = reader.read([entry])["1"]
    assert first.progress is not None and first.progress.text == "13 / 100"
    assert (first.memory, first.cpu_percent) == (5000, None)
    (folder / "process.log").write_text("13 / 100\n14 / 100\n", encoding="ascii")
    reader._next_count = 0.0
    second = reader.read([entry])["1"]
    assert second.progress is not None and second.progress.text == "14 / 100"
    assert second.cpu_percent is not None and second.cpu_percent > 0
    assert asked == [(77, "token1"), (77, "token1")]


def test_a_job_without_log_or_start_record_does_something_unknown(served: ServedFolder) -> None:
    served.put(1, State.RUNNING)
    reader = ActivityReader(served.layout, lambda pid, token: None)
    activity = reader.read([find(served.layout, "1")])["1"]
    assert (activity.progress, activity.cpu_percent, activity.memory) == (None, None, None)


def test_of_a_log_of_a_gigabyte_only_the_end_is_read(tmp_path: Path) -> None:
    log = tmp_path / "process.log"
    with open(log, "wb") as file:
        file.truncate(1 << 30)
        file.seek(0, os.SEEK_END)
        file.write(b"\n99 / 100\n")
    start = time.perf_counter()
    tail = read_tail(str(log), 1000)
    assert time.perf_counter() - start < 0.2
    assert tail is not None and len(tail.data) == 1000 and tail.data.endswith(b"99 / 100\n")
    assert tail.before == (1 << 30) + 10 - 1000
    assert read_tail(str(log), 1000, tail.stamp) is None


def test_a_log_that_is_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret", encoding="ascii")
    (tmp_path / "process.log").symlink_to(tmp_path / "secret")
    with pytest.raises(OSError, match=r"process\.log"):
        read_tail(str(tmp_path / "process.log"), 1000)


def test_a_log_that_is_a_folder_is_no_log(tmp_path: Path) -> None:
    with pytest.raises(OSError):
        read_tail(str(tmp_path), 1000)


def an_observer(served: ServedFolder) -> Observer:
    return Observer(served.layout, Meters(Busy, lambda pid, token: None))


def test_a_look_has_everything(served: ServedFolder) -> None:
    served.put(1, State.RUNNING, log="1 of 4", options={"nb_proc": 3})
    snapshot = an_observer(served).look(time.time())
    assert snapshot.exists and snapshot.manager is not None
    assert (snapshot.machine.processors.used, snapshot.machine.processors.total) == (3, 8)
    assert (snapshot.machine.cpu_percent, snapshot.machine.load) == (10.0, 0.5)
    assert set(snapshot.activity) == {"1"}


def test_the_log_of_a_job_is_read_again_only_when_it_has_grown(served: ServedFolder) -> None:
    served.put(1, State.RUNNING, log=b"one\n\x1b[31mtwo\x1b[0m\n")
    observer = an_observer(served)
    entry = find(served.layout, "1")
    tail = observer.read_log(entry, 1000)
    assert tail is not None and (tail.key, tail.lines, tail.before) == ("1", ("one", "two"), 0)
    assert observer.read_log(entry, 1000) is None
    assert observer.read_log(entry, 4) is not None


def test_why_a_job_has_no_log_is_told_in_its_place(served: ServedFolder) -> None:
    served.put(1, State.QUEUED)
    tail = an_observer(served).read_log(find(served.layout, "1"), 1000)
    assert tail is not None and tail.lines[0].startswith("(job 1 (job1) has no log, it is QUEUED")

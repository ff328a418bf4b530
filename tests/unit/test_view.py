"""What lists and pages show: by the index of a running manager, else by the folders."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from qm.errors import NoSuchJob
from qm.folders.layout import Layout
from qm.index import ArrivalRow, Index, Row, row_of
from qm.jobdir import own_folder, write_hold, write_job
from qm.model import Job, JobOptions, Outcome, Place, Reason, State
from qm.osops import FolderHandle, identity_of
from qm.records import Claim, encode
from qm.view import Entry, find, load, locate, target_of
from qm.view.follow import follow
from qm.view.joblog import LogReader

RECENTLY = "2026-01-02T00:00:00.000Z"
LONG_AGO = "2025-01-02T00:00:00.000Z"


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    made = Layout(str(tmp_path / "QM"))
    made.create()
    return made


@pytest.fixture
def index(layout: Layout) -> Iterator[Index]:
    made = Index(layout.index_file)
    made.open()
    yield made
    made.close()


@pytest.fixture
def manager(layout: Layout, index: Index) -> Iterator[Index]:
    """A manager as far as others can tell: its lock is held, its index has its facts."""
    with FolderHandle.open(layout.own) as own:
        lock = own.lock("manager.lock")
    assert lock is not None
    lock.write("host here, process 4711\n")
    index.put_fact("capacity", json.dumps({"processors": 4, "blocking": False}))
    index.put_fact("manager", json.dumps({"host": "here", "pid": 4711, "started": 1.0}))
    index.put_fact("obstacle", "")
    index.flush()
    yield index
    lock.release()


def make_job(
    layout: Layout,
    place: Place,
    name: str,
    job_id: int,
    state: State = State.QUEUED,
    *,
    nb_proc: int = 1,
    priority: int = 0,
    ended: str | None = None,
) -> Job:
    """A job folder with its records; returns the job as the manager knows it."""
    folder = Path(layout.path(place, name))
    folder.mkdir()
    outcome = None if ended is None else Outcome(ended=ended, started=LONG_AGO, exit_code=0)
    job = Job(
        id=job_id,
        name=name,
        identity=identity_of(str(folder)),
        options=JobOptions(script="true", nb_proc=nb_proc, priority=priority),
        info_file="proc_config.cfg",
        owner="anna",
        arrival=job_id,
        submitted=LONG_AGO,
        state=state,
        attempt=0 if state is State.QUEUED else 1,
        token=None if state is State.QUEUED else "t",
        outcome=outcome,
    )
    with own_folder(str(folder), create=True) as own:
        write_job(own, job, Claim("boot", claimed=state is not State.QUEUED))
        if outcome is not None:
            own.write("exit.json", encode(exit_record(outcome)))
    return job


def exit_record(outcome: Outcome) -> dict[str, object]:
    return {
        "attempt": 1,
        "token": "t",
        "exit_code": outcome.exit_code,
        "signal": None,
        "reason": None,
        "started": outcome.started,
        "ended": outcome.ended,
    }


def put(index: Index, *jobs: Job) -> list[Row]:
    rows = [row_of(job) for job in jobs]
    for row in rows:
        index.put(row)
    index.flush()
    return rows


def states(entries: tuple[Entry, ...]) -> list[tuple[int | None, str, str]]:
    return [(entry.id, entry.name, entry.state) for entry in entries]


def test_with_a_manager_its_index_is_shown_with_arrivals_last(
    layout: Layout, manager: Index
) -> None:
    put(manager, make_job(layout, Place.WAITING, "b", 2), make_job(layout, Place.WAITING, "a", 1))
    manager.put_arrival("new", ArrivalRow("new", "Settling: 1 file", LONG_AGO))
    manager.flush()
    view = load(layout, None)
    assert view.manager_runs
    assert states(view.entries) == [
        (1, "a", "QUEUED"),
        (2, "b", "QUEUED"),
        (None, "new", "ARRIVING"),
    ]
    assert view.entries[0].folder == layout.path(Place.WAITING, "a")


def test_every_queued_job_has_a_reason_with_numbers(layout: Layout, manager: Index) -> None:
    running = make_job(layout, Place.RUNNING, "runs", 1, State.RUNNING, nb_proc=3)
    put(
        manager,
        running,
        make_job(layout, Place.WAITING, "large", 2, nb_proc=4),
        make_job(layout, Place.WAITING, "small", 3),
        make_job(layout, Place.WAITING, "urgent", 4, priority=5),
    )
    reasons = {entry.name: entry.reason for entry in load(layout, None).entries}
    assert reasons == {
        "runs": None,
        "large": "Resources: needs 4 processors, 1 free (1 holds 3)",
        "small": "Priority: 1 job starts before it",
        "urgent": "Priority: starts next",
    }


def test_what_stops_everything_is_the_reason_of_all_that_wait(
    layout: Layout, manager: Index
) -> None:
    put(manager, make_job(layout, Place.WAITING, "a", 1))
    manager.put_fact("obstacle", "DiskFull: no space left")
    manager.flush()
    assert find(layout, "a").reason == "DiskFull: no space left"


def test_ended_jobs_are_shown_since_the_given_time(layout: Layout, manager: Index) -> None:
    put(
        manager,
        make_job(layout, Place.DONE, "old", 1, State.FINISHED, ended=LONG_AGO),
        make_job(layout, Place.DONE, "new", 2, State.FINISHED, ended=RECENTLY),
    )
    assert [e.name for e in load(layout, RECENTLY).entries] == ["new"]
    assert [e.name for e in load(layout, None).entries] == ["old", "new"]


def test_an_entry_that_became_a_job_between_two_reads_is_shown_once(
    layout: Layout, manager: Index
) -> None:
    manager.put_arrival("a", ArrivalRow("a", "Settling: 1 file", LONG_AGO))
    put(manager, make_job(layout, Place.WAITING, "a", 1))
    assert states(load(layout, None).entries) == [(1, "a", "QUEUED")]


@pytest.mark.parametrize("damage", [b"", b"this is no database, whatever its name says" * 100])
def test_a_missing_or_damaged_index_is_no_reason_to_show_nothing(
    layout: Layout, manager: Index, damage: bytes
) -> None:
    make_job(layout, Place.WAITING, "a", 1)
    make_job(layout, Place.DONE, "b", 2, State.FINISHED, ended=RECENTLY)
    manager.close()
    for suffix in ("-wal", "-shm"):
        Path(layout.index_file + suffix).unlink(missing_ok=True)
    Path(layout.index_file).write_bytes(damage) if damage else Path(layout.index_file).unlink()
    view = load(layout, None)
    assert states(view.entries) == [(1, "a", "QUEUED"), (2, "b", "FINISHED")]
    assert view.entries[0].reason is not None and view.entries[0].reason.startswith("Indexing: ")
    assert find(layout, "b").state == "FINISHED"


@pytest.mark.parametrize(
    ("fact", "value"),
    [
        ("manager", json.dumps({"pid": 1})),
        ("manager", ""),
        ("obstacle", "Starting: QM has just started"),
        ("capacity", "?"),
    ],
)
def test_the_index_of_an_earlier_manager_is_not_taken_for_that_of_this_one(
    layout: Layout, manager: Index, fact: str, value: str
) -> None:
    make_job(layout, Place.WAITING, "a", 1)
    manager.put_fact(fact, value)
    manager.flush()
    assert states(load(layout, None).entries) == [(1, "a", "QUEUED")]


def test_without_a_manager_everything_that_waits_says_so(layout: Layout) -> None:
    make_job(layout, Place.WAITING, "a", 1)
    Path(layout.path(Place.WAITING, "drop")).mkdir()
    Path(layout.path(Place.WAITING, ".copying")).mkdir()
    view = load(layout, None)
    assert not view.manager_runs
    assert states(view.entries) == [(1, "a", "QUEUED"), (None, "drop", "ARRIVING")]
    assert {e.reason for e in view.entries} == {"NotRunning: no QM runs here; qm serve starts one"}


def test_without_a_manager_a_held_job_keeps_its_own_reason(layout: Layout) -> None:
    make_job(layout, Place.WAITING, "a", 1)
    with own_folder(layout.path(Place.WAITING, "a")) as own:
        write_hold(own, Reason("User", "held by anna"))
    entry = find(layout, "a")
    assert (entry.state, entry.reason) == ("HELD", "User: held by anna")


def test_without_a_manager_rows_whose_folder_is_gone_are_left_out(
    layout: Layout, index: Index
) -> None:
    kept, gone = (make_job(layout, Place.WAITING, name, n) for n, name in enumerate("ab", 1))
    put(index, kept, gone)
    index.close()
    os.rename(layout.path(Place.WAITING, "b"), str(Path(layout.root) / "elsewhere"))
    assert [e.name for e in load(layout, None).entries] == ["a"]


def test_without_a_manager_a_job_that_has_ended_meanwhile_is_shown_so(
    layout: Layout, index: Index
) -> None:
    job = make_job(layout, Place.RUNNING, "a", 1, State.RUNNING)
    put(index, job)
    index.close()
    assert find(layout, "a").state == "RUNNING"
    with own_folder(layout.path(Place.RUNNING, "a")) as own:
        own.write("exit.json", encode(exit_record(Outcome(ended=RECENTLY, exit_code=0))))
    assert find(layout, "a").state == "FINISHED"


def test_a_new_drop_under_the_name_of_a_known_job_is_an_arrival(
    layout: Layout, index: Index
) -> None:
    row = put(index, make_job(layout, Place.WAITING, "a", 1))[0]
    index.put(row)
    index.close()
    os.rename(
        layout.path(Place.WAITING, "a") + "/.qm", str(Path(layout.root) / "records, taken away")
    )
    assert states(load(layout, None).entries) == [(None, "a", "ARRIVING")]


def test_a_folder_in_qm_jobs_without_records_is_no_job(layout: Layout) -> None:
    Path(layout.path(Place.RUNNING, "stranger")).mkdir()
    assert load(layout, None).entries == ()


def test_a_copy_of_an_ended_job_beside_it_is_not_shown_twice(layout: Layout) -> None:
    make_job(layout, Place.DONE, "a", 1, State.FINISHED, ended=RECENTLY)
    copy = Path(layout.path(Place.DONE, "copy of a"))
    (copy / ".qm").mkdir(parents=True)
    for record in (Path(layout.path(Place.DONE, "a")) / ".qm").iterdir():
        (copy / ".qm" / record.name).write_bytes(record.read_bytes())
    assert states(load(layout, None).entries) == [(1, "a", "FINISHED")]


def test_an_ended_job_that_was_restored_from_a_backup_is_shown(layout: Layout) -> None:
    make_job(layout, Place.WAITING, "a", 1, State.FINISHED, ended=RECENTLY)
    restored = Path(layout.path(Place.DONE, "a"))
    (restored / ".qm").mkdir(parents=True)
    for record in (Path(layout.path(Place.WAITING, "a")) / ".qm").iterdir():
        (restored / ".qm" / record.name).write_bytes(record.read_bytes())
    assert (1, "a", "FINISHED") in states(load(layout, None).entries)


def test_a_job_is_found_by_id_name_and_path(layout: Layout, manager: Index) -> None:
    put(manager, make_job(layout, Place.WAITING, "a", 7))
    path = layout.path(Place.WAITING, "a")
    assert [find(layout, t).id for t in ("7", "a", path, path + os.sep)] == [7, 7, 7, 7]


def test_of_several_jobs_of_one_name_the_one_that_has_not_ended_is_meant(
    layout: Layout, manager: Index
) -> None:
    put(
        manager,
        make_job(layout, Place.WAITING, "a", 1),
        make_job(layout, Place.DONE, "a", 5, State.FINISHED, ended=RECENTLY),
    )
    assert find(layout, "a").id == 1


def test_an_arriving_folder_is_found_by_its_name_and_after_an_ended_job_of_that_name(
    layout: Layout, manager: Index
) -> None:
    put(manager, make_job(layout, Place.DONE, "a", 5, State.FINISHED, ended=RECENTLY))
    Path(layout.path(Place.WAITING, "a")).mkdir()
    manager.put_arrival("a", ArrivalRow("a", "Settling: 1 file", LONG_AGO))
    manager.flush()
    assert find(layout, "a").state == "ARRIVING"


@pytest.mark.parametrize("target", ["nobody", "99", "9" * 40, "../x", "", "/"])
def test_a_job_that_is_not_there_is_told(layout: Layout, manager: Index, target: str) -> None:
    with pytest.raises(NoSuchJob):
        find(layout, target)


def test_a_drop_that_the_index_does_not_know_yet_is_found(layout: Layout, manager: Index) -> None:
    Path(layout.path(Place.WAITING, "drop")).mkdir()
    assert find(layout, "drop").reason == "Settling: QM has just seen it"


def test_an_arrival_that_has_just_been_started_is_found_where_it_is(
    layout: Layout, manager: Index
) -> None:
    manager.put_arrival("a", ArrivalRow("a", "Settling: 1 file", LONG_AGO))
    manager.flush()
    make_job(layout, Place.RUNNING, "a", 1, State.RUNNING)
    assert find(layout, "a").state == "RUNNING"


def test_without_any_folder_there_are_no_jobs(tmp_path: Path) -> None:
    assert load(Layout(str(tmp_path / "nowhere")), None).entries == ()


def test_the_folder_of_a_job_is_found_wherever_it_was_moved(layout: Layout, manager: Index) -> None:
    put(manager, make_job(layout, Place.WAITING, "a", 1))
    entry = find(layout, "a")
    os.rename(layout.path(Place.WAITING, "a"), layout.path(Place.DONE, "b"))
    assert locate(layout, entry) == layout.path(Place.DONE, "b")


def test_a_name_that_is_no_utf8_can_be_shown_and_found(layout: Layout) -> None:
    name = os.fsdecode(b"caf\xe9")
    try:
        make_job(layout, Place.WAITING, name, 1)
    except (OSError, UnicodeError):
        pytest.skip("this file system takes only names in UTF-8")
    entry = find(layout, name)
    assert entry.name == "caf\\xe9"
    assert locate(layout, entry) == layout.path(Place.WAITING, name)
    assert json.loads(json.dumps(entry.as_json()))["name"] == "caf\\xe9"


def test_json_has_every_promised_member(layout: Layout) -> None:
    Path(layout.path(Place.WAITING, "drop")).mkdir()
    members = load(layout, None).entries[0].as_json()
    promised = "id name state reason exit_code signal nb_proc priority owner info submitted"
    assert {*promised.split(), "started", "ended", "folder"} <= set(members)
    assert members["id"] is None


def test_only_a_path_is_cut_to_its_last_part() -> None:
    assert target_of("7") == "7"
    assert target_of(os.path.join("QM_qJobs", "a")) == "a"
    assert target_of(os.path.join("QM_qJobs", "a", "")) == "a"


def read_all(reader: LogReader) -> str:
    parts: list[str] = []
    reader.read(parts.append)
    return "".join(parts)


def test_a_log_is_read_on_across_moves_and_from_the_start_of_another_attempt(
    layout: Layout,
) -> None:
    make_job(layout, Place.RUNNING, "a", 1, State.RUNNING)
    log = Path(layout.path(Place.RUNNING, "a")) / "process.log"
    log.write_bytes(b"one\n")
    reader = LogReader(layout, find(layout, "a"))
    assert read_all(reader) == "one\n"
    with log.open("ab") as file:
        file.write("zwei ü".encode()[:-1])
    assert read_all(reader) == "zwei "
    moved = layout.path(Place.DONE, "a.2")
    os.rename(layout.path(Place.RUNNING, "a"), moved)
    with open(os.path.join(moved, "process.log"), "ab") as file:
        file.write("ü".encode()[1:] + b"\xff\n")
    assert read_all(reader) == "ü\N{REPLACEMENT CHARACTER}\n"
    os.rename(os.path.join(moved, "process.log"), os.path.join(moved, "process.log.1"))
    Path(moved, "process.log").write_bytes(b"again\n")
    assert read_all(reader) == "again\n"


@pytest.mark.parametrize(
    ("text", "lines", "shown"),
    [
        ("a\nb\nc\n", 2, "b\nc\n"),
        ("a\nb\nc", 2, "b\nc"),
        ("a\nb\n", 9, "a\nb\n"),
        ("a\nb\n", 0, ""),
        ("", 3, ""),
        ("x" * 200_000 + "\nlast\n", 1, "last\n"),
        ("first\n" + "x" * 200_000 + "\n", 1, "x" * 200_000 + "\n"),
    ],
)
def test_the_last_lines_of_a_log(layout: Layout, text: str, lines: int, shown: str) -> None:
    make_job(layout, Place.RUNNING, "a", 1, State.RUNNING)
    log = Path(layout.path(Place.RUNNING, "a")) / "process.log"
    log.write_bytes(text.encode())
    reader = LogReader(layout, find(layout, "a"))
    reader.skip_to_last(lines)
    assert read_all(reader) == shown


def test_following_ends_with_the_job_and_misses_nothing(layout: Layout) -> None:
    make_job(layout, Place.DONE, "a", 1, State.FINISHED, ended=RECENTLY)
    (Path(layout.path(Place.DONE, "a")) / "process.log").write_bytes(b"all of it\n")
    written: list[str] = []
    told: list[str] = []
    follow(LogReader(layout, find(layout, "a")), written.append, told.append)
    assert ("".join(written), told) == ("all of it\n", [])

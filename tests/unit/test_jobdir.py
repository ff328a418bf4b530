"""The records of one job folder, on real folders."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from qm.jobdir import (
    archive_attempt,
    own_folder,
    read_hold,
    read_records,
    set_aside_old,
    write_end,
    write_hold,
    write_job,
    write_kill,
)
from qm.model import Job, Outcome, Reason, State
from qm.osops import FolderHandle
from qm.records import Claim, End, decode, encode, outcome_record
from tests.fakes.jobs import a_job_folder

OUTCOME = Outcome(ended="2026-01-01T00:00:01.000Z", exit_code=0)


def make_pipe(path: Path) -> None:
    mkfifo = getattr(os, "mkfifo", None)
    if mkfifo is None:
        pytest.skip("no named pipes in folders here")
    mkfifo(path)


@pytest.fixture
def job(tmp_path: Path) -> Job:
    job = a_job_folder(tmp_path / "job", attempt=2, token="t2")
    with own_folder(str(tmp_path / "job"), create=True) as own:
        write_job(own, job, Claim("boot", claimed=True), sync=True)
    return job


def put(folder: Path, name: str, **record: object) -> None:
    (folder / ".qm" / name).write_bytes(encode(record))


def test_a_folder_without_records_says_only_what_it_is(tmp_path: Path) -> None:
    records = read_records(str(tmp_path), "x")
    assert records.job is None and not records.is_ours and not records.ended
    assert records.damaged == ()


def test_what_is_written_is_read(tmp_path: Path, job: Job) -> None:
    records = read_records(str(tmp_path / "job"), "job")
    assert (records.job, records.claim) == (job, Claim("boot", claimed=True))
    assert records.is_ours and not records.ended


def test_records_of_a_copy_are_not_its_own(tmp_path: Path, job: Job) -> None:
    other = tmp_path / "copy"
    other.mkdir()
    (other / ".qm").mkdir()
    (other / ".qm" / "job.json").write_bytes((tmp_path / "job/.qm/job.json").read_bytes())
    assert not read_records(str(other), "copy").is_ours


def test_exit_end_and_start_records_of_another_attempt_do_not_count(
    tmp_path: Path, job: Job
) -> None:
    folder = tmp_path / "job"
    put(folder, "exit.json", attempt=1, **outcome_record(OUTCOME))
    put(folder, "end.json", attempt=1, state="LOST", **outcome_record(OUTCOME))
    put(folder, "start.json", attempt=1)
    records = read_records(str(folder), "job")
    assert (records.exit, records.end, records.start) == (None, None, None)
    put(folder, "exit.json", attempt=2, **outcome_record(OUTCOME))
    with own_folder(str(folder)) as own:
        write_end(own, End(2, State.LOST, OUTCOME), sync=False)
    records = read_records(str(folder), "job")
    assert records.exit == OUTCOME
    assert records.end == End(2, State.LOST, OUTCOME)


def test_a_damaged_start_record_says_still_that_the_script_may_have_run(
    tmp_path: Path, job: Job
) -> None:
    put(tmp_path / "job", "start.json", attempt=2, supervisor=10**400, supervisor_started=1e999)
    start = read_records(str(tmp_path / "job"), "job").start
    assert start is not None and start.host == ""


def test_a_damaged_exit_record_is_none_and_is_named(tmp_path: Path, job: Job) -> None:
    put(tmp_path / "job", "exit.json", attempt=2, exit_code="zero")
    records = read_records(str(tmp_path / "job"), "job")
    assert records.exit is None and records.damaged == ("exit.json",)


def test_where_the_job_record_is_damaged_the_job_that_was_claimed_there_counts(
    tmp_path: Path, job: Job
) -> None:
    (tmp_path / "job/.qm/job.json").write_bytes(b"\0" * 50)
    assert read_records(str(tmp_path / "job"), "job").job is None
    records = read_records(str(tmp_path / "job"), "job", expected=job)
    assert (records.job, records.claim) == (job, Claim("", claimed=True))
    assert records.damaged == ("job.json",)


@pytest.mark.parametrize("kind", ["link", "pipe", "folder"])
def test_a_record_that_is_no_plain_file_is_damaged_and_never_opened(
    tmp_path: Path, job: Job, kind: str
) -> None:
    record = tmp_path / "job/.qm/job.json"
    record.unlink()
    if kind == "link":
        record.symlink_to("/dev/zero")
    elif kind == "pipe":
        make_pipe(record)
    else:
        record.mkdir()
    assert read_records(str(tmp_path / "job"), "job").damaged == ("job.json",)


@pytest.mark.parametrize(
    ("mark", "reason"),
    [
        (b"", Reason("Held", "by a hold mark")),
        (b"until monday\n", Reason("Held", "until monday")),
        (b"User: held by anna\n", Reason("User", "held by anna")),
        (b"\xff\xfe", Reason("Held", "\ufffd\ufffd")),
    ],
)
def test_anybody_may_make_a_hold_mark(
    tmp_path: Path, job: Job, mark: bytes, reason: Reason
) -> None:
    (tmp_path / "job/.qm/hold").write_bytes(mark)
    assert read_records(str(tmp_path / "job"), "job").hold == reason


def test_a_hold_mark_that_cannot_be_read_holds(tmp_path: Path, job: Job) -> None:
    (tmp_path / "job/.qm/hold").mkdir()
    with own_folder(str(tmp_path / "job")) as own:
        hold = read_hold(own)
    assert hold is not None and hold.word == "Held"


def test_hold_marks_come_and_go(tmp_path: Path, job: Job) -> None:
    reason = Reason("LaunchFailed", "no shell: here")
    with own_folder(str(tmp_path / "job")) as own:
        write_hold(own, reason)
        assert read_hold(own) == reason
        write_hold(own, None)
        write_hold(own, None)
        assert read_hold(own) is None


def test_a_kill_mark_names_attempt_and_token(tmp_path: Path, job: Job) -> None:
    with own_folder(str(tmp_path / "job")) as own:
        write_kill(own, job, Reason("User", "killed by anna"), 3.0, "r1")
    mark = decode((tmp_path / "job/.qm/kill").read_bytes())
    assert (mark["attempt"], mark["token"], mark["grace"]) == (2, "t2", 3.0)


def test_archiving_an_attempt_can_be_repeated_at_any_point(tmp_path: Path, job: Job) -> None:
    folder = tmp_path / "job"
    put(folder, "start.json", attempt=2)
    (folder / "process.log").write_text("first", encoding="ascii")
    for _ in range(2):
        with FolderHandle.open(str(folder)) as handle, handle.sub(".qm") as own:
            archive_attempt(handle, own, 2)
    archive = folder / ".qm" / "attempt-2"
    assert sorted(os.listdir(archive)) == ["process.log", "start.json"]
    assert not (folder / "process.log").exists()
    assert read_records(str(folder), "job").start is None


def test_what_a_drop_brought_along_steps_aside_unopened(tmp_path: Path) -> None:
    (tmp_path / ".qm").symlink_to("/etc")
    (tmp_path / ".qm.1").mkdir()
    make_pipe(tmp_path / "process.log")
    with FolderHandle.open(str(tmp_path)) as folder:
        set_aside_old(folder)
        set_aside_old(folder)
    assert sorted(os.listdir(tmp_path)) == [".qm.1", ".qm.2", "process.log.1"]
    assert (tmp_path / ".qm.2").is_symlink()

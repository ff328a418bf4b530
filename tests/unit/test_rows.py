"""Records of a job folder as the row that is shown of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from qm.index import Row
from qm.jobdir import own_folder, read_records, write_end, write_hold, write_job
from qm.model import Job, JobOptions, Outcome, Place, Reason, State
from qm.osops import identity_of
from qm.records import Claim, End, encode
from qm.rows import row_from_records

STARTED = "2026-01-02T03:04:05.000Z"
ENDED = "2026-01-02T03:05:05.000Z"


def make_job(folder: Path, *, claimed: bool = False, attempt: int = 0) -> Job:
    """A job folder with its job record."""
    folder.mkdir(parents=True)
    job = Job(
        id=7,
        name=folder.name,
        identity=identity_of(str(folder)),
        options=JobOptions(script="true", nb_proc=4, priority=3, info="a test"),
        info_file="proc_config.cfg",
        owner="anna",
        arrival=12,
        submitted="2026-01-01T00:00:00.000Z",
        attempt=attempt,
        token="t" if attempt else None,
    )
    with own_folder(str(folder), create=True) as own:
        write_job(own, job, Claim("boot", claimed))
    return job


def row(folder: Path, place: Place, *, adopt: bool = False) -> Row | None:
    return row_from_records(read_records(str(folder), folder.name), folder.name, place, adopt=adopt)


def write_record(folder: Path, name: str, **record: object) -> None:
    (folder / ".qm" / name).write_bytes(encode(record))


def write_start(folder: Path) -> None:
    write_record(
        folder,
        "start.json",
        attempt=1,
        token="t",
        host="h",
        boot="boot",
        supervisor=1,
        supervisor_started=None,
        started=STARTED,
    )


def write_exit(
    folder: Path, *, code: int | None = 0, signal: str | None = None, reason: str | None = None
) -> None:
    write_record(
        folder,
        "exit.json",
        attempt=1,
        token="t",
        exit_code=code,
        signal=signal,
        reason=reason,
        started=STARTED,
        ended=ENDED,
        cpu_seconds=1.5,
        peak_memory=1024,
    )


def test_an_accepted_job_waits_and_its_reason_is_left_to_the_planner(tmp_path: Path) -> None:
    make_job(tmp_path / "a")
    found = row(tmp_path / "a", Place.WAITING)
    assert found is not None
    assert (found.id, found.name, found.state, found.reason) == (7, "a", "QUEUED", None)
    assert (found.nb_proc, found.priority, found.info, found.owner) == (4, 3, "a test", "anna")
    assert (found.place, found.ended) == ("QM_qJobs", None)


def test_a_hold_mark_makes_it_a_held_job_with_the_marks_reason(tmp_path: Path) -> None:
    make_job(tmp_path / "a")
    with own_folder(str(tmp_path / "a")) as own:
        write_hold(own, Reason("User", "held by anna"))
    found = row(tmp_path / "a", Place.WAITING)
    assert found is not None and (found.state, found.reason) == ("HELD", "User: held by anna")


def test_a_claimed_job_runs_from_the_time_of_its_start_record(tmp_path: Path) -> None:
    make_job(tmp_path / "a", claimed=True, attempt=1)
    found = row(tmp_path / "a", Place.RUNNING)
    assert found is not None and (found.state, found.started) == ("RUNNING", None)
    write_start(tmp_path / "a")
    found = row(tmp_path / "a", Place.RUNNING)
    assert found is not None and (found.state, found.started) == ("RUNNING", STARTED)


def test_a_running_job_that_was_moved_back_into_the_queue_still_runs(tmp_path: Path) -> None:
    make_job(tmp_path / "a", claimed=True, attempt=1)
    found = row(tmp_path / "a", Place.WAITING)
    assert found is not None and (found.state, found.place) == ("RUNNING", "QM_qJobs")


@pytest.mark.parametrize(
    ("code", "signal", "reason", "state", "shown"),
    [
        (0, None, None, "FINISHED", None),
        (3, None, None, "FAILED", "ExitCode: 3"),
        (None, "SIGKILL", None, "FAILED", "Signal: SIGKILL"),
        (None, "SIGTERM", "User: killed by anna", "KILLED", "User: killed by anna"),
        (127, None, "Launch: could not be started", "FAILED", "Launch: could not be started"),
    ],
)
def test_the_exit_record_says_how_it_ended(
    tmp_path: Path,
    code: int | None,
    signal: str | None,
    reason: str | None,
    state: str,
    shown: str | None,
) -> None:
    make_job(tmp_path / "a", claimed=True, attempt=1)
    write_start(tmp_path / "a")
    write_exit(tmp_path / "a", code=code, signal=signal, reason=reason)
    found = row(tmp_path / "a", Place.DONE)
    assert found is not None
    assert (found.state, found.reason, found.exit_code, found.signal) == (
        state,
        shown,
        code,
        signal,
    )
    assert (found.started, found.ended, found.cpu_seconds) == (STARTED, ENDED, 1.5)


def test_an_ended_job_whose_folder_has_not_moved_yet_has_ended_all_the_same(
    tmp_path: Path,
) -> None:
    make_job(tmp_path / "a", claimed=True, attempt=1)
    write_exit(tmp_path / "a")
    found = row(tmp_path / "a", Place.RUNNING)
    assert found is not None and (found.state, found.place) == ("FINISHED", "QM_Jobs")


def test_an_end_record_says_how_a_job_without_exit_record_ended(tmp_path: Path) -> None:
    make_job(tmp_path / "a")
    outcome = Outcome(ended=ENDED, reason=Reason("BadInfo", "nb_proc is no number"))
    with own_folder(str(tmp_path / "a")) as own:
        write_end(own, End(0, State.REJECTED, outcome), sync=False)
    found = row(tmp_path / "a", Place.LOST)
    assert found is not None
    assert (found.state, found.reason) == ("REJECTED", "BadInfo: nb_proc is no number")


def test_an_ended_job_in_the_queue_is_a_new_drop(tmp_path: Path) -> None:
    make_job(tmp_path / "a", claimed=True, attempt=1)
    write_exit(tmp_path / "a")
    assert row(tmp_path / "a", Place.WAITING) is None


def test_a_folder_of_ended_jobs_shows_nothing_that_has_not_ended(tmp_path: Path) -> None:
    make_job(tmp_path / "a")
    assert row(tmp_path / "a", Place.DONE) is None


def test_a_folder_without_records_has_no_row(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    assert row(tmp_path / "a", Place.DONE) is None


def test_records_of_another_folder_count_only_after_a_restore(tmp_path: Path) -> None:
    make_job(tmp_path / "a")
    (tmp_path / "b" / ".qm").mkdir(parents=True)
    (tmp_path / "b" / ".qm" / "job.json").write_bytes(
        (tmp_path / "a" / ".qm" / "job.json").read_bytes()
    )
    assert row(tmp_path / "b", Place.WAITING) is None
    found = row(tmp_path / "b", Place.WAITING, adopt=True)
    assert found is not None
    assert found.inode == (tmp_path / "b").stat().st_ino

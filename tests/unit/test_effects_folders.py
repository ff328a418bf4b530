"""Acceptances, claims, returns and ends on real folders."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import qm.effects.claim
from qm.core import actions as act
from qm.core import events as ev
from qm.effects.accept import accept
from qm.effects.claim import Claimer, probe, take_back
from qm.effects.finish import Finisher, remove_to_trash
from qm.folders.inspect import Inspector
from qm.folders.layout import Layout
from qm.history import History, read_history
from qm.index import Index
from qm.jobdir import own_folder, read_records, write_hold, write_job
from qm.jobinfo.limits import Limits
from qm.model import Job, Outcome, Place, Reason, State
from qm.osops import FolderHandle, identity_of
from qm.osops.scanning import FsClock, scan_folder
from qm.records import Claim, End, encode, outcome_record
from tests.fakes.jobs import a_job

TEXT = "[QMOptions]\nscript : true\n"
OUTCOME = Outcome("2026-01-01T00:00:09.000Z", exit_code=0)


class Folders:
    """One QM_FOLDER and the effects on it."""

    def __init__(self, root: Path) -> None:
        self.layout = Layout(str(root / "queue"))
        self.layout.create()
        self.clock = FsClock(os.path.join(self.layout.own, "clock"))
        self.inspector = Inspector(self.layout, Limits(max_processors=4), self.clock)
        self.left: list[str] = []
        self.claimer = Claimer(
            self.layout, self.inspector, "boot", self.left.append, settle=0.0, sync=False
        )
        self.history = History(self.layout.history_file)
        index = Index(self.layout.index_file)
        self.finisher = Finisher(self.layout, self.history, index, "boot", False, self.left.append)

    def path(self, place: Place, name: str = "job") -> Path:
        return Path(self.layout.path(place, name))

    def drop(self, name: str = "job", place: Place = Place.WAITING, **changes: Any) -> Job:
        path = self.path(place, name)
        path.mkdir()
        (path / "proc_config.cfg").write_text(TEXT, encoding="ascii")
        return a_job(name=name, identity=identity_of(str(path)), **changes)

    def waiting(self, name: str = "job") -> Job:
        """An accepted job."""
        job = self.drop(name)
        with own_folder(str(self.path(Place.WAITING, name)), create=True) as own:
            write_job(own, job, Claim("boot", claimed=False))
        return job

    def claim(self, job: Job, fingerprint: int | None = None) -> ev.Event:
        claimed = replace(job, attempt=job.attempt + 1, token="t1")
        (end,) = self.claimer.claim([act.Claim(claimed, fingerprint)])
        return end

    def claimed(self, name: str = "job") -> Job:
        end = self.claim(self.waiting(name))
        assert isinstance(end, ev.Claimed)
        return end.job

    def fingerprint(self, name: str = "job") -> int:
        path = str(self.path(Place.WAITING, name))
        return scan_folder(path, self.clock, look_for_writers=False).fingerprint

    def where(self) -> dict[str, list[str]]:
        found = {place.value: sorted(os.listdir(self.layout.place(place))) for place in Place}
        return {place: names for place, names in found.items() if names}


@pytest.fixture
def folders(tmp_path: Path) -> Iterator[Folders]:
    folders = Folders(tmp_path)
    yield folders
    folders.clock.close()


# Acceptance.


def test_an_acceptance_writes_the_record_and_sets_aside_what_came_along(folders: Folders) -> None:
    job = folders.drop()
    path = folders.path(Place.WAITING)
    (path / ".qm").symlink_to("/etc")
    (path / "process.log").write_text("of old", encoding="ascii")
    assert accept(folders.layout, act.Accept(job, True, None), "b", sync=True) == ev.Accepted(
        7, None
    )
    records = read_records(str(path), "job")
    assert records.job == job and records.is_ours
    assert (path / ".qm.1").is_symlink()
    assert (path / "process.log.1").read_text(encoding="ascii") == "of old"


def test_an_acceptance_sets_the_hold_mark_it_is_told(folders: Folders) -> None:
    job = folders.drop()
    hold = Reason("User", "submitted on hold")
    assert accept(folders.layout, act.Accept(job, True, hold), "b", sync=True) == ev.Accepted(
        7, hold
    )
    assert read_records(str(folders.path(Place.WAITING)), "job").hold == hold


def test_another_folder_under_the_name_is_not_accepted(folders: Folders) -> None:
    job = folders.drop()
    folders.path(Place.WAITING).rename(folders.path(Place.WAITING, "other"))
    gone = accept(folders.layout, act.Accept(job, True, None), "b", sync=True)
    assert isinstance(gone, ev.NotAccepted) and gone.gone
    folders.drop()
    replaced = accept(folders.layout, act.Accept(job, True, None), "b", sync=True)
    assert isinstance(replaced, ev.NotAccepted) and replaced.gone
    assert not (folders.path(Place.WAITING) / ".qm").exists()


def test_a_folder_from_a_read_only_place_is_made_writable(folders: Folders) -> None:
    job = folders.drop()
    folders.path(Place.WAITING).chmod(0o555)
    assert accept(folders.layout, act.Accept(job, True, None), "b", sync=True) == ev.Accepted(
        7, None
    )


# Claims.


def test_a_claim_moves_the_folder_and_records_attempt_token_and_boot(folders: Folders) -> None:
    job = folders.waiting()
    end = folders.claim(job, folders.fingerprint())
    assert isinstance(end, ev.Claimed) and end.command == "true"
    assert folders.where() == {"QM_Jobs": ["job"]} and folders.left == ["job"]
    records = read_records(str(folders.path(Place.RUNNING)), "job")
    assert records.claim == Claim("boot", claimed=True)
    assert records.job is not None
    assert (records.job.attempt, records.job.token) == (1, "t1")


def test_a_taken_name_gets_a_number(folders: Folders) -> None:
    folders.claimed()
    end = folders.claim(folders.waiting())
    assert isinstance(end, ev.Claimed) and end.job.name == "job.2"
    assert folders.where() == {"QM_Jobs": ["job", "job.2"]}


def test_what_was_edited_since_its_acceptance_is_not_claimed(folders: Folders) -> None:
    job = folders.waiting()
    before = folders.fingerprint()
    (folders.path(Place.WAITING) / "more").touch()
    assert folders.claim(job, before) == ev.Changed(7, "job")
    assert folders.where() == {"QM_qJobs": ["job"]}


@pytest.mark.parametrize("text", ["[QMOptions]\nscript : other\n", "no section", None])
def test_what_an_earlier_manager_accepted_must_still_say_the_same(
    folders: Folders, text: str | None
) -> None:
    job = folders.waiting()
    file = folders.path(Place.WAITING) / "proc_config.cfg"
    if text is None:
        file.unlink()
    else:
        file.write_text(text, encoding="ascii")
    assert folders.claim(job) == ev.Changed(7, "job")


def test_a_folder_that_changed_between_look_and_move_goes_back(
    folders: Folders, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = folders.waiting()
    fingerprint = folders.fingerprint()
    move = Layout.move

    def move_late(layout: Layout, path: str, place: Place, name: str) -> str:
        if place is Place.RUNNING:
            Path(path, "late").touch()
        return move(layout, path, place, name)

    monkeypatch.setattr(Layout, "move", move_late)
    assert folders.claim(job, fingerprint) == ev.Changed(7, "job")
    assert folders.where() == {"QM_qJobs": ["job"]}


def test_a_folder_goes_back_under_another_name_where_its_own_was_taken(
    folders: Folders, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = folders.waiting()
    fingerprint = folders.fingerprint()

    def full(*arguments: object, **options: object) -> None:
        folders.path(Place.WAITING).mkdir()
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(qm.effects.claim, "write_job", full)
    assert folders.claim(job, fingerprint) == ev.Changed(7, "job.2")


@pytest.mark.parametrize(
    ("number", "full", "text"),
    [
        (errno.ENOSPC, True, "cannot write"),
        (errno.EROFS, True, "can only be read"),
        (errno.EMFILE, True, "files open that it may"),
        (errno.EXDEV, False, "not on one file system"),
        (errno.EBUSY, False, "a mount point"),
        (errno.EACCES, False, "cannot be moved"),
    ],
)
def test_a_folder_that_cannot_be_moved_stays_and_the_reason_is_told(
    folders: Folders, monkeypatch: pytest.MonkeyPatch, number: int, full: bool, text: str
) -> None:
    job = folders.waiting()

    def fail(*arguments: object) -> str:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(Layout, "move", fail)
    end = folders.claim(job, folders.fingerprint())
    assert isinstance(end, ev.Unclaimable)
    assert (end.full, text in end.reason.text) == (full, True)
    assert folders.where() == {"QM_qJobs": ["job"]}


def test_a_full_disk_after_the_move_puts_the_folder_back(
    folders: Folders, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = folders.waiting()

    def full(*arguments: object, **options: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(qm.effects.claim, "write_job", full)
    end = folders.claim(job, folders.fingerprint())
    assert isinstance(end, ev.Unclaimable) and end.full
    assert folders.where() == {"QM_qJobs": ["job"]}


def test_a_hold_mark_and_a_hold_file_keep_a_job_from_its_claim(folders: Folders) -> None:
    job = folders.waiting()
    (folders.path(Place.WAITING) / ".qm-hold").touch()
    assert folders.claim(job, folders.fingerprint()) == ev.Changed(7, "job")
    mark = Reason("User", "later")
    with own_folder(str(folders.path(Place.WAITING))) as own:
        write_hold(own, mark)
    assert folders.claim(job, folders.fingerprint()) == ev.Held(7, mark)


def test_a_file_that_somebody_writes_keeps_a_job_from_its_claim(folders: Folders) -> None:
    job = folders.waiting()
    with open(folders.path(Place.WAITING) / "data", "w", encoding="ascii") as data:
        path = str(folders.path(Place.WAITING))
        scan = scan_folder(path, folders.clock, look_for_writers=True)
        if scan.writer is None:
            pytest.skip("this system does not tell who writes")
        assert folders.claim(job, scan.fingerprint) == ev.Changed(7, "job")
        data.write("x")


@pytest.mark.parametrize("how", ["gone", "another", "no records"])
def test_a_folder_that_is_not_the_job_is_never_claimed(folders: Folders, how: str) -> None:
    job = folders.waiting()
    path = folders.path(Place.WAITING)
    if how == "no records":
        (path / ".qm" / "job.json").unlink()
        (path / ".qm").rmdir()
    else:
        path.rename(path.parent / ".away")
        if how == "another":
            folders.waiting()
    assert folders.claim(job, 1) == ev.Vanished(7)
    assert "QM_Jobs" not in folders.where()


# Back into the queue.


def give_back(folders: Folders, job: Job, hold: Reason | None = None) -> ev.Event:
    action = act.Requeue(job, Place.RUNNING, hold)
    return take_back(folders.layout, action, "boot", "fence", sync=False)


def test_a_job_that_is_taken_back_is_fenced_and_its_attempt_archived(folders: Folders) -> None:
    job = folders.claimed()
    (folders.path(Place.RUNNING) / "process.log").write_text("try 1", encoding="ascii")
    hold = Reason("LaunchFailed", "no shell")
    assert give_back(folders, job, hold) == ev.Requeued(7, "job", hold)
    path = folders.path(Place.WAITING)
    records = read_records(str(path), "job")
    assert records.job is not None and records.claim is not None
    assert (records.job.token, records.claim.claimed, records.hold) == ("fence", False, hold)
    assert (path / ".qm" / "attempt-1" / "process.log").read_text(encoding="ascii") == "try 1"


def test_a_job_whose_lock_is_held_is_not_taken_back(folders: Folders) -> None:
    job = folders.claimed()
    with FolderHandle.open(str(folders.path(Place.RUNNING) / ".qm")) as own:
        lock = own.lock("lock")
        assert lock is not None
        assert give_back(folders, job) == ev.StillLocked(7)
        lock.release()
    records = read_records(str(folders.path(Place.RUNNING)), "job")
    assert records.job is not None and records.job.token == "t1"


def test_a_job_is_taken_back_from_wherever_people_moved_it(folders: Folders) -> None:
    job = folders.claimed()
    folders.path(Place.RUNNING).rename(folders.path(Place.LOST, "moved"))
    assert give_back(folders, job) == ev.Requeued(7, "moved", None)
    folders.path(Place.WAITING, "moved").rename(Path(folders.layout.root) / "away")
    assert give_back(folders, job) == ev.Vanished(7)


def test_a_probe_tells_lock_and_records(folders: Folders) -> None:
    job = folders.claimed()
    action = act.Probe(job, Place.RUNNING)
    free = probe(folders.layout, action)
    assert isinstance(free, ev.Probed) and not free.locked
    assert free.records.claim == Claim("boot", claimed=True)
    with FolderHandle.open(str(folders.path(Place.RUNNING) / ".qm")) as own:
        lock = own.lock("lock")
        held = probe(folders.layout, action)
        assert lock is not None and isinstance(held, ev.Probed) and held.locked
        lock.release()


def test_an_end_that_no_supervisor_told_is_on_disk_before_it_is_counted_on(
    folders: Folders, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = folders.claimed()
    own = folders.path(Place.RUNNING) / ".qm"
    record = {"attempt": job.attempt, "token": job.token, **outcome_record(OUTCOME)}
    (own / "exit.json").write_bytes(encode(record))
    synced: list[int] = []
    monkeypatch.setattr("qm.effects.claim.sync_file", lambda fd: synced.append(os.fstat(fd).st_ino))
    told = probe(folders.layout, act.Probe(job, Place.RUNNING))
    assert isinstance(told, ev.Probed) and told.records.exit == OUTCOME
    assert synced == [(own / "exit.json").stat().st_ino]


# Ends.


def finished(job: Job) -> act.Finish:
    return act.Finish(replace(job, state=State.FINISHED, outcome=OUTCOME), Place.RUNNING)


def a_close(job: Job, *, state: State = State.CANCELLED, **changes: Any) -> act.Close:
    reason = Reason("User", "cancelled by anna")
    outcome = Outcome("2026-01-01T00:00:09.000Z", reason=reason)
    ended = replace(job, state=state, reason=reason, outcome=outcome)
    end = End(job.attempt, state, outcome)
    close = act.Close(ended, Place.WAITING, end, "Job cancelled by QM at: now\n")
    return replace(close, **changes)


def test_ended_jobs_are_told_in_the_history_and_lie_in_their_place(folders: Folders) -> None:
    jobs = [replace(folders.claimed(f"job{n}"), id=n) for n in (1, 2)]
    folders.path(Place.DONE, "job2").mkdir()
    ends = folders.finisher.finish([finished(job) for job in jobs])
    assert [(end.id, getattr(end, "name", "")) for end in ends] == [(1, "job1"), (2, "job2.2")]
    assert folders.where() == {"QM_dJobs": ["job1", "job2", "job2.2"]}
    assert [line["id"] for line in read_history(folders.layout.history_file)] == [1, 2]


def test_a_finish_that_is_repeated_changes_nothing(folders: Folders) -> None:
    action = finished(folders.claimed())
    first = folders.finisher.finish([action])
    assert folders.finisher.finish([action]) == first
    assert len(list(read_history(folders.layout.history_file))) == 1


def test_a_folder_that_a_viewer_holds_is_told_as_unmovable(
    folders: Folders, monkeypatch: pytest.MonkeyPatch
) -> None:
    action = finished(folders.claimed())

    def held(*arguments: object) -> str:
        raise PermissionError(errno.EACCES, "in use")

    with monkeypatch.context() as patch:
        patch.setattr(Layout, "move", held)
        (end,) = folders.finisher.finish([action])
    assert isinstance(end, ev.Unmovable) and "QM_dJobs: in use" in end.why
    (end,) = folders.finisher.finish([action])
    assert isinstance(end, ev.Moved)


def test_a_job_whose_folder_is_nowhere_is_told_as_gone(folders: Folders) -> None:
    action = finished(folders.claimed())
    folders.path(Place.RUNNING).rename(Path(folders.layout.root) / "away")
    (end,) = folders.finisher.finish([action])
    assert isinstance(end, ev.Moved) and end.gone


def test_a_cancelled_job_has_its_end_its_log_and_no_intent_left(folders: Folders) -> None:
    moved = folders.finisher.close(a_close(folders.waiting()))
    assert moved == ev.Moved(7, State.CANCELLED, "job")
    path = folders.path(Place.LOST)
    assert (path / "process.log").read_text(encoding="ascii") == "Job cancelled by QM at: now\n"
    end = read_records(str(path), "job").end
    assert end is not None and end.state is State.CANCELLED
    assert os.listdir(folders.layout.intents) == [] and folders.left == ["job"]


def _with_an_end_that_could_not_be_carried_out(
    folders: Folders, monkeypatch: pytest.MonkeyPatch
) -> Job:
    """Job 7 is refused, and somebody's program keeps its folder from being moved."""

    def held(*arguments: object) -> str:
        raise PermissionError(errno.EACCES, "in use")

    job = folders.waiting()
    with monkeypatch.context() as patch:
        patch.setattr(Layout, "move", held)
        end = folders.finisher.close(a_close(job, state=State.REJECTED))
    assert isinstance(end, ev.Unmovable)
    assert os.listdir(folders.layout.intents) == ["7.json"]
    return job


def test_the_end_of_an_earlier_job_is_void_once_its_folder_is_accepted_as_another(
    folders: Folders, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only mended and renamed by a person does it come to that."""
    job = replace(_with_an_end_that_could_not_be_carried_out(folders, monkeypatch), id=8)
    accepted = accept(folders.layout, act.Accept(job, True, None, replaces=7), "b", sync=False)
    assert accepted == ev.Accepted(8, None)
    assert os.listdir(folders.layout.intents) == []


def test_the_end_of_an_earlier_job_is_void_once_its_folder_has_ended_as_another(
    folders: Folders, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = replace(_with_an_end_that_could_not_be_carried_out(folders, monkeypatch), id=8)
    end = folders.finisher.close(a_close(job, state=State.REJECTED, fresh=True, replaces=7))
    assert isinstance(end, ev.Moved)
    assert os.listdir(folders.layout.intents) == []


def test_the_log_of_a_lost_job_is_kept_and_gets_its_last_line(folders: Folders) -> None:
    job = folders.claimed()
    (folders.path(Place.RUNNING) / "process.log").write_text("half\n", encoding="ascii")
    close = a_close(job, state=State.LOST, place=Place.RUNNING, log="Job lost\n")
    assert isinstance(folders.finisher.close(close), ev.Moved)
    log = folders.path(Place.LOST) / "process.log"
    assert log.read_text(encoding="ascii") == "half\nJob lost\n"


def test_what_a_refused_drop_brought_along_is_set_aside_and_its_name_may_be_another(
    folders: Folders,
) -> None:
    job = folders.drop()
    (folders.path(Place.WAITING) / ".qm").symlink_to("/etc")
    close = a_close(job, state=State.REJECTED, fresh=True, target="job.late")
    assert folders.finisher.close(close) == ev.Moved(7, State.REJECTED, "job.late")
    path = folders.path(Place.LOST, "job.late")
    assert (path / ".qm.1").is_symlink() and not (path / ".qm").is_symlink()


def test_a_removed_job_lies_in_the_trash_with_the_request_that_asked(folders: Folders) -> None:
    job = folders.claimed()
    folders.finisher.finish([finished(job)])
    assert remove_to_trash(folders.layout, Place.DONE, "job", "r1") == "job"
    assert (Path(folders.layout.trash) / "job" / ".qm" / "removed").exists()
    folders.drop(place=Place.DONE)
    assert remove_to_trash(folders.layout, Place.DONE, "job", "r2") == "job.2"

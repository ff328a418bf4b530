"""The librarian: the index says what lies in the folders of ended jobs, whoever put it there."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from qm.effects.reconcile import VERIFIED, Librarian
from qm.folders.layout import Layout
from qm.history import History
from qm.index import Index, reading, row_of
from qm.jobdir import own_folder, write_end, write_job
from qm.model import PLACE_OF, Job, Outcome, Place, Reason, State
from qm.records import Claim, End, encode, outcome_record
from tests.fakes.jobs import a_job_folder


class Shelves:
    """A QM_FOLDER, its index, and who keeps it."""

    def __init__(self, root: Path) -> None:
        self.layout = Layout(str(root))
        self.layout.create()
        self.index = Index(self.layout.index_file)
        self.index.open()
        self.strayed: list[tuple[int, Place]] = []
        self.librarian = Librarian(
            self.layout, self.index, lambda job, place: self.strayed.append((job.id, place))
        )

    def doubting(self) -> Librarian:
        """Of a manager that starts after a power cut."""
        strayed = self.strayed
        return Librarian(
            self.layout,
            self.index,
            lambda job, place: strayed.append((job.id, place)),
            boot="this",
            unread=True,
            doubt=True,
        )

    def path(self, place: Place, name: str) -> Path:
        return Path(self.layout.path(place, name))

    def ended(self, job_id: int, name: str, *, shown: bool = True) -> Job:
        """A cancelled job in its last place; in the index, where it is ``shown``."""
        job = a_job_folder(self.path(Place.LOST, name), job_id)
        return self.record(job, shown=shown)

    def record(self, job: Job, *, shown: bool = True) -> Job:
        """The folder's records say that it is this job, cancelled."""
        outcome = Outcome(ended="2026-01-01T00:00:09.000Z", reason=Reason("User", "x"))
        job = replace(job, state=State.CANCELLED, reason=outcome.reason, outcome=outcome)
        path = self.layout.path(PLACE_OF[State.CANCELLED], job.name)
        with own_folder(path, create=True) as own:
            write_job(own, job, Claim("b", claimed=False))
            write_end(own, End(job.attempt, State.CANCELLED, outcome), sync=False)
        if shown:
            self.index.put(row_of(job))
            self.index.flush()
        return job

    def rows(self) -> dict[int, tuple[str, str | None]]:
        self.index.flush()
        with reading(self.layout.index_file) as index:
            return {row.id: (row.name, row.place) for row in index.rows()}


@pytest.fixture
def shelves(tmp_path: Path) -> Iterator[Shelves]:
    made = Shelves(tmp_path)
    yield made
    made.index.close()


def test_of_two_rows_of_one_folder_the_newer_job_stays(shelves: Shelves) -> None:
    """A refused job was dropped again, and refused again: it is another job by then."""
    old = shelves.ended(1, "a")
    shelves.record(replace(old, id=2))
    assert shelves.rows().keys() == {1, 2}
    shelves.librarian.reconcile()
    shelves.librarian.reconcile()
    assert shelves.rows() == {2: ("a", "QM_lost+found")}


def test_of_two_rows_of_one_name_that_of_the_folder_stays(shelves: Shelves) -> None:
    old = shelves.ended(1, "a")
    shelves.index.put(row_of(replace(old, id=2, identity=old.identity._replace(inode=1))))
    shelves.index.flush()
    shelves.librarian.reconcile()
    shelves.librarian.reconcile()
    assert shelves.rows() == {1: ("a", "QM_lost+found")}


@pytest.mark.parametrize("copy", ["QM_dJobs/z", "QM_dJobs/0", "QM_lost+found/0", "QM_lost+found/z"])
def test_a_copy_of_an_ended_job_does_not_take_its_place_in_a_new_index(
    shelves: Shelves, copy: str
) -> None:
    job = shelves.ended(1, "job", shown=False)
    source = shelves.path(Place.LOST, job.name)
    shutil.copytree(source, Path(shelves.layout.root) / copy)
    shelves.librarian.rebuild()
    assert shelves.rows() == {1: ("job", "QM_lost+found")}


def test_a_copy_of_a_job_that_runs_again_does_not_take_its_place(shelves: Shelves) -> None:
    job = shelves.ended(1, "job")
    shutil.copytree(shelves.path(Place.LOST, "job"), shelves.path(Place.LOST, "copy"))
    shelves.path(Place.LOST, "job").rename(shelves.path(Place.WAITING, "job"))
    shelves.index.put(row_of(replace(job, state=State.QUEUED, reason=None, outcome=None)))
    shelves.librarian.reconcile()
    assert shelves.rows() == {1: ("job", "QM_qJobs")}


def test_what_is_left_of_a_deleted_job_is_its_copy(shelves: Shelves) -> None:
    shelves.ended(1, "job")
    shutil.copytree(shelves.path(Place.LOST, "job"), shelves.path(Place.DONE, "copy"))
    shelves.librarian.reconcile()
    shutil.rmtree(shelves.path(Place.LOST, "job"))
    for _ in range(3):
        shelves.librarian.reconcile()
    assert shelves.rows() == {1: ("copy", "QM_dJobs")}


def test_an_ended_job_that_a_person_moved_to_the_running_ones_is_told(shelves: Shelves) -> None:
    """At the second look: one that has just ended lies there as well."""
    shelves.ended(1, "job")
    shelves.path(Place.LOST, "job").rename(shelves.path(Place.RUNNING, "job"))
    shelves.librarian.reconcile()
    assert shelves.strayed == []
    shelves.librarian.reconcile()
    assert shelves.strayed == [(1, Place.RUNNING)]


def test_a_job_whose_name_another_folder_has_now_is_gone(shelves: Shelves) -> None:
    shelves.ended(1, "job")
    shelves.path(Place.DONE, "new").mkdir()
    shutil.rmtree(shelves.path(Place.LOST, "job"))
    shelves.path(Place.DONE, "new").rename(shelves.path(Place.LOST, "job"))
    shelves.librarian.reconcile()
    shelves.librarian.reconcile()
    assert shelves.rows() == {}


def test_an_index_from_before_a_power_cut_is_held_against_every_folder(shelves: Shelves) -> None:
    """It shows that the job has ended; the job was put back since, and its folder was not moved."""
    job = shelves.ended(1, "job")
    with own_folder(str(shelves.path(Place.LOST, "job"))) as own:
        write_job(own, replace(job, attempt=1), Claim("b", claimed=True))
    shelves.librarian.reconcile()
    assert shelves.strayed == [] and shelves.rows().keys() == {1}
    librarian = shelves.doubting()
    librarian.reconcile()
    librarian.reconcile()
    assert shelves.strayed and shelves.rows() == {}


def test_a_folder_that_another_job_has_since_is_shown_as_that(shelves: Shelves) -> None:
    job = shelves.ended(1, "job")
    shelves.record(replace(job, id=2), shown=False)
    librarian = shelves.doubting()
    librarian.reconcile()
    librarian.reconcile()
    assert shelves.rows() == {2: ("job", "QM_lost+found")}


@pytest.mark.parametrize("rebuild", [False, True])
def test_a_job_that_ended_where_a_person_had_moved_it_is_told_unless_the_history_knows(
    shelves: Shelves, rebuild: bool
) -> None:
    """It ran there, and no manager saw its end."""
    job = a_job_folder(shelves.path(Place.LOST, "job"), attempt=1, token="t")
    outcome = Outcome(ended="2026-01-01T00:00:09.000Z", exit_code=0)
    with own_folder(str(shelves.path(Place.LOST, "job")), create=True) as own:
        write_job(own, job, Claim("b", claimed=True))
        own.write("exit.json", encode({"attempt": 1, **outcome_record(outcome)}))
    look = shelves.librarian.rebuild if rebuild else shelves.librarian.reconcile
    look()
    assert shelves.strayed == [(job.id, Place.LOST)]
    shelves.strayed.clear()
    history = History(shelves.layout.history_file)
    history.append([replace(job, state=State.FINISHED, outcome=outcome)])
    shelves.index.remove(job.id)
    shelves.index.flush()
    shelves.librarian.rebuild()
    assert shelves.strayed == []


def test_a_row_that_was_put_while_the_index_was_lost_is_held_against_the_folders(
    shelves: Shelves,
) -> None:
    job = shelves.ended(1, "job")
    shelves.index.make_anew()
    shelves.index.put(row_of(job))
    shutil.rmtree(shelves.path(Place.LOST, "job"))
    shelves.librarian.rebuild()
    shelves.librarian.reconcile()
    assert shelves.rows() == {}


def test_a_copy_takes_the_place_of_its_original_once_that_has_no_row(shelves: Shelves) -> None:
    """It was removed, or dropped again; nothing changes in the folder of the copy by that."""
    shelves.ended(1, "job")
    shutil.copytree(shelves.path(Place.LOST, "job"), shelves.path(Place.LOST, "copy"))
    shelves.librarian.reconcile()
    assert shelves.rows() == {1: ("job", "QM_lost+found")}
    before = os.stat(shelves.path(Place.LOST, "copy").parent).st_mtime_ns
    shutil.rmtree(shelves.path(Place.LOST, "job"))
    for _ in range(2):
        # The row of the original, and then that of the copy, is taken away by others.
        shelves.index.remove(1)
        shelves.index.flush()
        os.utime(shelves.path(Place.LOST, "copy").parent, ns=(before, before))
        shelves.librarian.reconcile()
        assert shelves.rows() == {1: ("copy", "QM_lost+found")}


def test_every_folder_is_read_after_a_power_cut_even_if_the_first_manager_after_it_is_killed(
    shelves: Shelves,
) -> None:
    shelves.index.put_fact(VERIFIED, "the boot before")
    shelves.index.flush()
    assert shelves.index.fact(VERIFIED) == "the boot before"
    shelves.doubting()  # Killed before it has looked.
    assert shelves.index.fact(VERIFIED) != "this"
    shelves.doubting().reconcile()
    shelves.index.flush()
    assert shelves.index.fact(VERIFIED) == "this"
    assert shelves.index.fact("nothing") is None


def test_what_could_not_be_read_after_a_power_cut_is_still_to_be_read(shelves: Shelves) -> None:
    """One of the folders is not there: its disk is mounted later, perhaps."""
    librarian = shelves.doubting()
    done = shelves.path(Place.DONE, "x").parent
    away = done.rename(done.with_name("elsewhere"))
    librarian.reconcile()
    assert shelves.index.fact(VERIFIED) is None
    away.rename(done)
    librarian.reconcile()
    shelves.index.flush()
    assert shelves.index.fact(VERIFIED) == "this"


def test_a_claimed_job_that_a_person_brings_to_the_running_ones_is_told_at_the_second_look(
    shelves: Shelves,
) -> None:
    """A power cut had left it elsewhere; at the first look it may be one that is just claimed."""
    shelves.librarian.reconcile()
    job = a_job_folder(shelves.path(Place.RUNNING, "job"), attempt=1, token="t")
    with own_folder(str(shelves.path(Place.RUNNING, "job")), create=True) as own:
        write_job(own, job, Claim("the boot before", claimed=True))
    shelves.librarian.reconcile()
    assert shelves.strayed == []
    shelves.librarian.reconcile()
    assert shelves.strayed == [(job.id, Place.RUNNING)]

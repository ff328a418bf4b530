"""The trash: what lies there and since when, what a name means, and deleting for good."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from qm.errors import NoSuchJob, Refused
from qm.folders.layout import Layout
from qm.jobdir import own_folder, write_job
from qm.model import Place, State
from qm.osops import identity_of
from qm.records import Claim, encode
from qm.trash import (
    delete_for_good,
    delete_leftovers,
    find_in_trash,
    leftovers,
    list_trash,
    size_of,
)
from tests.fakes.jobs import a_job

EXIT = {
    "attempt": 1,
    "exit_code": 0,
    "signal": None,
    "reason": None,
    "started": "2026-01-01T00:00:01.000Z",
    "ended": "2026-01-01T00:00:04.500Z",
}
END = {"attempt": 1, "state": "CANCELLED", **EXIT, "reason": "User: cancelled"}


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    made = Layout(str(tmp_path / "QM"))
    made.create()
    return made


def trash_job(
    layout: Layout, folder: str, job_id: int, *, at: float = 100.0, ended: bool = True, **said: str
) -> Path:
    """A removed job; ``said`` is what the record of its removal says beside the request."""
    path = Path(layout.trash, folder)
    path.mkdir()
    job = a_job(job_id, name=folder, identity=identity_of(str(path)), attempt=1, token="t")
    with own_folder(str(path), create=True) as own:
        write_job(own, job, Claim("boot", claimed=True))
        record = ("exit.json", EXIT) if ended else ("end.json", END)
        own.write(record[0], encode(record[1]))
        own.write("removed", encode({"request": "1", **said}))
    os.utime(path / ".qm" / "removed", (at, at))
    return path


def test_no_folder_is_an_empty_trash(tmp_path: Path) -> None:
    assert list_trash(str(tmp_path / "nowhere")) == []
    assert leftovers(str(tmp_path / "nowhere")) == []


def test_a_removed_job_is_listed_with_where_it_lay_and_since_when(layout: Layout) -> None:
    trash_job(layout, "b", 8, at=200.0, ended=False)
    trash_job(layout, "a", 7, at=100.0)
    first, second = list_trash(layout.trash)
    assert (first.id, first.name, first.place) == (7, "a", Place.DONE)
    assert (first.state, first.removed, first.label) == (State.FINISHED, 100.0, "job 7 (a)")
    assert (second.state, second.place) == (State.CANCELLED, Place.LOST)


def test_the_record_of_the_removal_tells_the_name_that_it_had(layout: Layout) -> None:
    trash_job(layout, "a.2", 7, name="a", place="QM_lost+found")
    (found,) = list_trash(layout.trash)
    assert (found.folder, found.name, found.place) == ("a.2", "a", Place.LOST)


@pytest.mark.parametrize("name", ["", "../x", "x/y", ".qm", ".."])
def test_a_name_that_leads_elsewhere_is_not_believed(layout: Layout, name: str) -> None:
    trash_job(layout, "a.2", 7, name=name, place="elsewhere")
    (found,) = list_trash(layout.trash)
    assert (found.name, found.place) == ("a.2", Place.DONE)


def test_what_is_no_job_is_listed_without_an_id(layout: Layout) -> None:
    Path(layout.trash, "note.txt").write_text("x", encoding="ascii")
    Path(layout.trash, "folder").mkdir()
    assert {(one.name, one.id, one.place) for one in list_trash(layout.trash)} == {
        ("note.txt", None, None),
        ("folder", None, None),
    }


def test_a_removed_job_is_found_by_id_by_name_and_by_its_name_in_the_trash(layout: Layout) -> None:
    trash_job(layout, "7", 9)
    trash_job(layout, "a", 7)
    trash_job(layout, "b.2", 8, name="b")
    assert find_in_trash(layout.trash, "7").folder == "a"
    assert find_in_trash(layout.trash, "9").folder == "7"
    assert find_in_trash(layout.trash, "a").id == 7
    assert find_in_trash(layout.trash, "b").id == 8
    assert find_in_trash(layout.trash, "b.2").id == 8


def test_a_name_of_several_removed_jobs_is_refused_with_their_ids(layout: Layout) -> None:
    trash_job(layout, "a", 7)
    trash_job(layout, "a.2", 12, name="a")
    with pytest.raises(Refused, match="name of 2 jobs") as refused:
        find_in_trash(layout.trash, "a")
    assert refused.value.hint == "Say which: 7, 12."


def test_what_is_not_there_is_said_so(layout: Layout) -> None:
    with pytest.raises(NoSuchJob, match="no job nobody in the trash"):
        find_in_trash(layout.trash, "nobody")


def test_the_size_counts_all_files_and_a_file_with_two_names_once(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a").write_bytes(b"x" * 1000)
    (tmp_path / "b").write_bytes(b"x" * 10)
    os.link(tmp_path / "b", tmp_path / "in" / "c")
    assert size_of(str(tmp_path)) == 1010
    assert size_of(str(tmp_path / "nowhere")) == 0


def test_deleting_takes_the_folder_and_nothing_beside_it(layout: Layout, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "mine").touch()
    job = trash_job(layout, "a", 7)
    (job / "link").symlink_to(outside, target_is_directory=True)
    kept = trash_job(layout, "b", 8)
    assert delete_for_good(layout.trash, find_in_trash(layout.trash, "7"))
    assert os.listdir(layout.trash) == ["b"] and kept.is_dir()
    assert (outside / "mine").exists()


def test_a_file_in_the_trash_is_deleted_as_well(layout: Layout) -> None:
    Path(layout.trash, "note.txt").touch()
    (item,) = list_trash(layout.trash)
    assert delete_for_good(layout.trash, item) and os.listdir(layout.trash) == []


def test_what_was_just_restored_is_not_deleted(layout: Layout) -> None:
    job = trash_job(layout, "a", 7)
    item = find_in_trash(layout.trash, "7")
    back = Path(layout.path(Place.DONE, "a"))
    job.rename(back)
    assert not delete_for_good(layout.trash, item) and back.is_dir()


def test_read_only_folders_are_deleted_too(layout: Layout) -> None:
    job = trash_job(layout, "a", 7)
    locked = job / "locked"
    locked.mkdir()
    (locked / "file").touch(mode=0o444)
    locked.chmod(stat.S_IRUSR | stat.S_IXUSR)
    assert delete_for_good(layout.trash, find_in_trash(layout.trash, "a"))
    assert os.listdir(layout.trash) == []


def test_what_cannot_be_deleted_at_first_is_made_deletable(
    layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Root may delete everywhere, so the refusal of the system is played here."""
    job = trash_job(layout, "a", 7)
    (job / "sub").mkdir()
    for path in (job, job / "sub"):
        path.chmod(0o500)
    import shutil

    whole = shutil.rmtree

    def refusing(path: str) -> None:
        for folder, _, _ in os.walk(path):
            if not os.lstat(folder).st_mode & stat.S_IWUSR:
                raise PermissionError(13, "Permission denied", folder)
        whole(path)

    monkeypatch.setattr("qm.trash.shutil.rmtree", refusing)
    # The folder that is renamed itself need not be writable on most systems.
    assert delete_for_good(layout.trash, find_in_trash(layout.trash, "a"))
    assert os.listdir(layout.trash) == []


def test_half_a_deletion_is_never_offered_and_is_finished_later(
    layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    trash_job(layout, "a", 7)
    (item,) = list_trash(layout.trash)

    def crash(path: str) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("qm.trash.shutil.rmtree", crash)
        with pytest.raises(KeyboardInterrupt):
            delete_for_good(layout.trash, item)
    assert list_trash(layout.trash) == [] and len(leftovers(layout.trash)) == 1
    delete_leftovers(layout.trash)
    assert os.listdir(layout.trash) == []

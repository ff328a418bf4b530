"""What is in QM_qJobs: the listing tells every difference, and events only where to look."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from qm.core import events as ev
from qm.effects.listing import Lister
from qm.folders.layout import Layout
from qm.watch import Hint


class Queue:
    """A QM_qJobs with its lister."""

    def __init__(self, root: Path) -> None:
        self.layout = Layout(str(root / "queue"))
        self.layout.create()
        self.path = Path(self.layout.root) / "QM_qJobs"
        self.lister = Lister(self.layout)

    def make(self, *names: str) -> None:
        for name in names:
            (self.path / name).mkdir()


@pytest.fixture
def queue(tmp_path: Path) -> Queue:
    return Queue(tmp_path)


def test_everything_that_lies_there_appears_once(queue: Queue) -> None:
    queue.make("a", "b")
    (queue.path / "file.sh").touch()
    events = queue.lister.look()
    assert sorted(event.name for event in events if isinstance(event, ev.Appeared)) == [
        "a",
        "b",
        "file.sh",
    ]
    assert queue.lister.look() == []
    assert queue.lister.present() == ev.Present(frozenset({"a", "b", "file.sh"}))


def test_dot_names_and_junk_never_appear(queue: Queue) -> None:
    queue.make(".incoming", "@eaDir", "lost+found")
    (queue.path / ".DS_Store").touch()
    (queue.path / "Thumbs.db").touch()
    assert queue.lister.look() == []


def test_a_stat_tells_that_something_changed(queue: Queue) -> None:
    queue.lister.look()
    assert not queue.lister.changed()
    os.utime(queue.path, ns=(0, 0))
    assert queue.lister.changed()


def test_several_that_came_at_once_are_told_in_the_order_in_which_they_came(queue: Queue) -> None:
    names = [f"job{number}" for number in (7, 3, 9, 1)]
    stage = queue.path.parent / "stage"
    stage.mkdir()
    for name in names:
        (stage / name).mkdir()
        before = os.stat(stage / name).st_ctime_ns
        os.rename(stage / name, queue.path / name)
        while os.stat(queue.path / name).st_ctime_ns == before:
            os.utime(queue.path / name)
        stamp = os.stat(queue.path / name).st_ctime_ns
        probe = stage / "probe"
        probe.touch()
        while os.stat(probe).st_ctime_ns <= stamp:
            os.utime(probe)
    assert [event.name for event in queue.lister.look() if isinstance(event, ev.Appeared)] == names


def test_a_folder_under_a_new_name_was_renamed(queue: Queue) -> None:
    queue.make("a")
    queue.lister.look()
    os.rename(queue.path / "a", queue.path / "b")
    assert queue.lister.look() == [ev.Renamed("a", "b")]


def test_a_folder_in_the_place_of_another_has_appeared(queue: Queue) -> None:
    queue.make("a", "b")
    queue.lister.look()
    os.rmdir(queue.path / "b")
    os.rename(queue.path / "a", queue.path / "b")
    assert queue.lister.look() == [ev.Renamed("a", "b")]
    queue.make("c")
    os.rename(queue.path / "b", queue.path / "old")
    os.rename(queue.path / "c", queue.path / "b")
    assert set(queue.lister.look()) == {ev.Appeared("b"), ev.Appeared("old")}


def test_what_is_gone_is_told_before_what_came(queue: Queue) -> None:
    queue.make("a")
    queue.lister.look()
    os.rename(queue.path / "a", queue.path.parent / "elsewhere")
    queue.make("b")
    assert queue.lister.look() == [ev.Gone("a"), ev.Appeared("b")]


def test_what_had_a_dot_name_at_the_look_before_is_committed(queue: Queue) -> None:
    queue.make(".copying")
    queue.lister.look()
    os.rename(queue.path / ".copying", queue.path / "job")
    assert queue.lister.look() == [ev.Appeared("job", committed=True)]


def test_what_was_moved_away_by_us_and_comes_again_is_new(queue: Queue) -> None:
    queue.make("a")
    queue.lister.look()
    queue.lister.forget("a")
    assert queue.lister.look() == [ev.Appeared("a")]
    queue.lister.forget("never there")


@pytest.mark.parametrize("how", ["removed", "a link", "a file", "unmounted"])
def test_while_the_folder_is_not_there_nothing_is_declared_gone(queue: Queue, how: str) -> None:
    queue.make("a")
    queue.lister.look()
    away = queue.path.parent / "away"
    if how == "unmounted":
        root = Path(queue.layout.root)
        root.rename(root.parent / "away")
        queue.layout.create()
    else:
        os.rename(queue.path, away)
        if how == "a link":
            queue.path.symlink_to(away)
        elif how == "a file":
            queue.path.touch()
    (frozen,) = queue.lister.look()
    assert isinstance(frozen, ev.Frozen) and frozen.reason is not None
    assert frozen.reason.word == "FolderGone"
    assert queue.lister.present().names == {"a"}
    if how == "unmounted":
        root = Path(queue.layout.root)
        root.rename(root.parent / "empty mount point")
        (root.parent / "away").rename(root)
    else:
        queue.path.unlink(missing_ok=True)
        os.rename(away, queue.path)
    assert queue.lister.look() == [ev.Frozen(None)]


def test_a_removed_folder_is_made_again_but_never_below_an_empty_mount_point(queue: Queue) -> None:
    os.rmdir(queue.path)
    queue.lister.mend()
    assert queue.path.is_dir()
    root = Path(queue.layout.root)
    root.rename(root.parent / "away")
    root.mkdir()
    queue.lister.mend()
    assert list(root.iterdir()) == []


def test_a_hint_looks_at_one_entry_alone(queue: Queue) -> None:
    queue.lister.look()
    queue.make("a")
    assert queue.lister.hint(Hint("a"), 0.0) == [ev.Appeared("a")]
    assert queue.lister.hint(Hint("a"), 0.0) == []
    assert queue.lister.hint(Hint("gone already"), 0.0) == []
    queue.make("Thumbs.db")
    assert queue.lister.hint(Hint("Thumbs.db"), 0.0) == []
    assert queue.lister.look() == []


def test_a_hint_of_a_rename_from_a_dot_name_is_a_commit(queue: Queue) -> None:
    # Both names are told, as on macOS and Windows.
    queue.make("a")
    assert queue.lister.hint(Hint("a", True, ".a"), 0.0) == [ev.Appeared("a", committed=True)]
    # The dot-name was seen before, as on Linux.
    queue.make(".b")
    assert queue.lister.hint(Hint(".b"), 0.0) == []
    os.rename(queue.path / ".b", queue.path / "b")
    assert queue.lister.hint(Hint("b", True), 0.0) == [ev.Appeared("b", committed=True)]
    # The dot-name was gone again when it was looked at.
    assert queue.lister.hint(Hint(".c"), 5.0) == []
    queue.make("c")
    assert queue.lister.hint(Hint("c", True), 5.5) == [ev.Appeared("c", committed=True)]


def test_a_plain_rename_long_after_a_dot_name_was_seen_is_no_commit(queue: Queue) -> None:
    queue.lister.hint(Hint(".c"), 5.0)
    queue.make("c", "d")
    assert queue.lister.hint(Hint("c", True), 7.0) == [ev.Appeared("c")]
    assert queue.lister.hint(Hint("d"), 7.0) == [ev.Appeared("d")]


def test_names_that_are_no_text_are_told_as_they_are(queue: Queue) -> None:
    name = os.fsdecode(b"caf\xe9")
    try:
        queue.make(name)
    except OSError:
        pytest.skip("this file system takes text only")
    assert queue.lister.look() == [ev.Appeared(name)]

"""The simulated disk: what a sync makes durable, and what a power cut takes."""

from __future__ import annotations

from random import Random

import pytest

from bench.simulate.disk import Disk, Node


class Cut(Random):
    """The worst cut: nothing survives that need not."""

    def randrange(self, *arguments: int) -> int:  # type: ignore[override]
        return 0


class Keep(Random):
    """The mildest cut: all names survive, and all data."""

    def randrange(self, *arguments: int) -> int:  # type: ignore[override]
        return arguments[-1] - 1 if arguments[-1] != 5 else 0


def a_disk() -> tuple[Disk, Node, Node]:
    clock = iter(range(10**9))
    disk = Disk(lambda: next(clock))
    a, b = disk.make_folder(), disk.make_folder()
    disk.link(disk.root, "a", a)
    disk.link(disk.root, "b", b)
    disk.settle()
    return disk, a, b


def paths(disk: Disk) -> set[str]:
    return {path for path, _ in disk.walk()}


def a_file(disk: Disk, folder: Node, name: str, data: bytes = b"text") -> Node:
    file = disk.make_file()
    disk.link(folder, name, file)
    disk.write(file, None, data)
    return file


def test_a_file_that_was_not_synced_is_gone() -> None:
    disk, a, _ = a_disk()
    a_file(disk, a, "file")
    disk.cut(Cut())
    assert paths(disk) == {"/a", "/b"}


def test_a_name_may_survive_without_its_data() -> None:
    disk, a, _ = a_disk()
    file = a_file(disk, a, "file")
    disk.sync(a)
    disk.cut(Cut())
    assert paths(disk) == {"/a", "/b", "/a/file"}
    assert bytes(file.data or b"") in {b"", b"text"}


def test_a_synced_file_is_there_with_its_data_and_its_name() -> None:
    disk, a, _ = a_disk()
    file = a_file(disk, a, "file")
    disk.sync(file)
    disk.cut(Cut())
    assert "/a/file" in paths(disk) and bytes(file.data or b"") == b"text"


def test_data_that_was_added_after_the_sync_may_be_lost_and_nothing_before_it() -> None:
    for seed in range(40):
        disk, a, _ = a_disk()
        file = a_file(disk, a, "file", b"first\n")
        disk.sync(file)
        disk.write(file, None, b"second\n")
        disk.cut(Random(seed))
        assert bytes(file.data or b"").startswith(b"first\n")


def test_a_rename_is_done_in_both_folders_or_in_none() -> None:
    for seed in range(20):
        disk, a, b = a_disk()
        a_file(disk, a, "file")
        disk.settle()
        disk.rename(a, "file", b, "file")
        disk.cut(Random(seed))
        assert len(paths(disk) & {"/a/file", "/b/file"}) == 1


@pytest.mark.parametrize("synced", ["a", "b"])
def test_a_rename_is_durable_when_either_folder_was_synced(synced: str) -> None:
    disk, a, b = a_disk()
    a_file(disk, a, "file")
    disk.settle()
    disk.rename(a, "file", b, "file")
    disk.sync({"a": a, "b": b}[synced])
    disk.cut(Cut())
    assert paths(disk) == {"/a", "/b", "/b/file"}


def test_a_sync_takes_earlier_changes_of_the_same_things_with_it_and_no_others() -> None:
    disk, a, b = a_disk()
    inner = disk.make_folder()
    disk.link(a, "inner", inner)
    a_file(disk, b, "other")
    disk.sync(a_file(disk, inner, "file"))
    disk.cut(Cut())
    assert paths(disk) == {"/a", "/b", "/a/inner", "/a/inner/file"}


def test_a_replaced_file_is_the_old_one_again_where_the_rename_is_undone() -> None:
    disk, a, _ = a_disk()
    a_file(disk, a, "record", b"old")
    disk.settle()
    a_file(disk, a, "new", b"new")
    disk.rename(a, "new", a, "record")
    disk.cut(Cut())
    assert paths(disk) == {"/a", "/b", "/a/record"}
    assert bytes(a.entries["record"].data or b"") == b"old"


def test_what_came_later_never_survives_what_came_before() -> None:
    for seed in range(60):
        disk, a, b = a_disk()
        for number in range(6):
            disk.link((a, b)[number % 2], str(number), disk.make_folder())
        disk.cut(Random(seed))
        left = sorted(int(path[-1]) for path in paths(disk) if path[-1].isdecimal())
        assert left == [*range(len(left))]


def test_a_mild_cut_takes_nothing() -> None:
    disk, a, _ = a_disk()
    file = a_file(disk, a, "file")
    disk.cut(Keep())
    assert "/a/file" in paths(disk) and bytes(file.data or b"") == b"text"


def test_a_cut_frees_all_locks() -> None:
    disk, a, _ = a_disk()
    file = a_file(disk, a, "lock")
    disk.settle()
    file.locked_by = object()
    disk.cut(Cut())
    assert file.locked_by is None

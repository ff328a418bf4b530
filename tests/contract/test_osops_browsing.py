"""Looking into folders that anybody may have filled."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path

import pytest

from qm.osops import FolderHandle, NotAPlainFile
from qm.osops.browsing import Kind, item_of, items_of, natural, open_file

posix_only = pytest.mark.skipif(sys.platform == "win32", reason="no such files on Windows")


def test_numbers_in_names_sort_as_numbers_whatever_the_case() -> None:
    names = ["b10", "B9", "a", "b9x", "10", "9", "", "²", "a٣"]
    assert sorted(names, key=natural) == ["", "9", "10", "a", "a٣", "B9", "b9x", "b10", "²"]


def test_folders_come_first_and_the_first_of_many_are_the_first_by_name(tmp_path: Path) -> None:
    for number in range(30):
        (tmp_path / f"f{number}").write_bytes(b"x" * number)
    (tmp_path / "zz").mkdir()
    with FolderHandle.open(str(tmp_path)) as folder:
        items, total = items_of(folder, 4)
    assert total == 31
    assert [(item.name, item.kind, item.size) for item in items] == [
        ("zz", Kind.FOLDER, 0),
        ("f0", Kind.FILE, 0),
        ("f1", Kind.FILE, 1),
        ("f2", Kind.FILE, 2),
    ]


def test_links_pipes_and_sockets_are_told_and_never_opened(tmp_path: Path) -> None:
    if sys.platform == "win32":
        pytest.skip("no such files on Windows")
    (tmp_path / "real").write_text("data")
    (tmp_path / "link").symlink_to("real")
    (tmp_path / "nowhere").symlink_to("/no/such/file")
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as listener, FolderHandle.open(str(tmp_path)) as folder:
        listener.bind(os.path.relpath(tmp_path / "socket"))
        kinds = {item.name: item.kind for item in items_of(folder, 10)[0]}
        assert kinds == {
            "link": Kind.LINK,
            "nowhere": Kind.LINK,
            "pipe": Kind.OTHER,
            "real": Kind.FILE,
            "socket": Kind.OTHER,
        }
        for name in ("link", "nowhere", "pipe", "socket"):
            with pytest.raises(NotAPlainFile):
                open_file(folder, name)
        assert item_of(folder, "link").size == 0


@posix_only
def test_an_open_file_stays_the_same_one_when_its_folder_is_moved(tmp_path: Path) -> None:
    place = tmp_path / "a"
    place.mkdir()
    (place / "f").write_bytes(b"0123456789")
    with FolderHandle.open(str(place)) as folder, open_file(folder, "f") as file:
        os.rename(place, tmp_path / "b")
        assert (file.size, file.read_at(2, 3), file.read_at(8, 9)) == (10, b"234", b"89")
        (tmp_path / "b" / "f").write_bytes(b"")
        assert file.read_at(0, 10) == b""


def test_a_piece_of_a_file_is_read_into_what_is_there_already(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"0123456789")
    buffer = bytearray(b"....")
    with FolderHandle.open(str(tmp_path)) as folder, open_file(folder, "f") as file:
        assert (file.read_into(3, memoryview(buffer)), bytes(buffer)) == (4, b"3456")
        assert (file.read_into(8, memoryview(buffer)), bytes(buffer)) == (2, b"8956")
        assert file.read_into(20, memoryview(buffer)) == 0
        assert file.read_at(8, 9) == b"89"


def test_a_folder_is_no_plain_file(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    with FolderHandle.open(str(tmp_path)) as folder:
        with pytest.raises(NotAPlainFile):
            open_file(folder, "sub")
        with pytest.raises(FileNotFoundError):
            open_file(folder, "none")

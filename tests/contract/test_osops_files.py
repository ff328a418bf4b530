"""Folders, records, locks and renames: the same contract on every system."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from qm.osops import (
    FolderHandle,
    Lock,
    NotAPlainFile,
    file_system_type,
    identity_of,
    rename_folder,
    sync_folder,
)
from tests.contract.system_under_test import (
    end,
    not_in_wine,
    posix_only,
    python,
    wait_until,
    windows_only,
)

HOLDER = """
import sys
from qm.osops import FolderHandle
lock = FolderHandle.open(sys.argv[1]).lock("lock")
lock.write("held by the other one")
print("held", flush=True)
sys.stdin.read()
"""

REWRITER = """
import sys
from qm.osops import FolderHandle
folder = FolderHandle.open(sys.argv[1])
for number in range(100):
    folder.write("state.json", b"%06d" % number * (1 + number % 50), sync=number % 20 == 0)
print("done", flush=True)
"""


def over(process: subprocess.Popen[bytes]) -> bool:
    """Readers that never pause could keep a writer out on Windows: this one waits 1 ms."""
    try:
        process.wait(0.001)
    except subprocess.TimeoutExpired:
        return False
    return True


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[FolderHandle]:
    with FolderHandle.open(str(tmp_path)) as handle:
        yield handle


def test_a_record_is_read_as_it_was_written(folder: FolderHandle) -> None:
    folder.write("job.json", b"one", sync=True)
    folder.write("job.json", b"two \xff\x00\r\n")
    folder.sync()
    assert folder.read("job.json", 100) == b"two \xff\x00\r\n"
    assert folder.names() == ["job.json"]


def test_a_record_that_is_not_there_reads_as_none(folder: FolderHandle) -> None:
    assert folder.read("job.json", 100) is None
    assert not folder.exists("job.json")


def test_no_more_is_read_than_was_asked_for(folder: FolderHandle) -> None:
    folder.write("job.json", b"0123456789")
    assert folder.read("job.json", 4) == b"0123"


def test_readers_see_a_whole_record_while_another_process_rewrites_it(
    folder: FolderHandle,
) -> None:
    folder.write("state.json", b"000000")
    writer = python("-c", REWRITER, folder.path)
    seen = set()
    try:
        while not over(writer):
            data = folder.read("state.json", 100_000)
            assert data
            number = int(data[:6])
            assert data == b"%06d" % number * (1 + number % 50)
            seen.add(number)
        output, _ = writer.communicate()
        assert output.strip() == b"done"
    finally:
        end(writer)
    assert len(seen) > 2
    assert folder.names() == ["state.json"]


def test_what_a_crash_left_beside_a_record_is_no_hindrance(folder: FolderHandle) -> None:
    Path(folder.path, f".job.json.{os.getpid()}.new").write_bytes(b"half a rec")
    folder.write("job.json", b"whole")
    assert folder.names() == ["job.json"]


def test_a_folder_at_the_name_of_a_record_is_not_read(folder: FolderHandle) -> None:
    folder.sub("exit.json", create=True).close()
    with pytest.raises(NotAPlainFile):
        folder.read("exit.json", 100)


@posix_only("it has no named pipes in folders")
def test_a_pipe_at_the_name_of_a_record_is_neither_read_nor_waited_for(
    folder: FolderHandle,
) -> None:
    if sys.platform != "win32":
        os.mkfifo(os.path.join(folder.path, "exit.json"))
    with pytest.raises(NotAPlainFile):
        folder.read("exit.json", 100)
    with pytest.raises(NotAPlainFile):
        folder.append("exit.json")
    with pytest.raises(NotAPlainFile):
        folder.reserve("exit.json", 10)
    with pytest.raises(NotAPlainFile):
        folder.lock("exit.json")
    folder.write("exit.json", b"code 0")
    assert folder.read("exit.json", 100) == b"code 0"


@not_in_wine("os.symlink makes nothing")
def test_a_link_at_the_name_of_a_record_is_not_followed(
    folder: FolderHandle, tmp_path: Path
) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(b"secret")
    for name in ("exit.json", "process.log", ".job.json.new", "job.json"):
        (tmp_path / name).symlink_to(secret)
    with pytest.raises(NotAPlainFile):
        folder.read("exit.json", 100)
    with pytest.raises(NotAPlainFile):
        folder.append("process.log")
    folder.write("job.json", b"mine")
    assert not (tmp_path / "job.json").is_symlink()
    assert secret.read_bytes() == b"secret"


@not_in_wine("os.symlink makes nothing")
def test_a_link_to_a_folder_is_not_opened_as_a_folder(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real", target_is_directory=True)
    with pytest.raises(NotADirectoryError):
        FolderHandle.open(str(tmp_path / "link"))
    with FolderHandle.open(str(tmp_path)) as folder:
        folder.remove("link")
    assert (tmp_path / "real").is_dir()


def test_only_a_folder_is_opened_as_a_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(NotADirectoryError):
        FolderHandle.open(str(tmp_path / "file"))
    with pytest.raises(FileNotFoundError):
        FolderHandle.open(str(tmp_path / "absent"))


def test_a_log_is_continued_at_its_end_by_all_who_have_it_open(folder: FolderHandle) -> None:
    first = folder.create("process.log")
    second = folder.append("process.log")
    os.write(first, b"started\n")
    os.write(second, b"hello\n")
    os.write(first, b"finished\n")
    os.lseek(first, -2, os.SEEK_END)
    assert os.read(first, 2) == b"d\n"
    os.write(first, b"really\n")
    os.close(first)
    os.close(second)
    assert folder.read("process.log", 100) == b"started\nhello\nfinished\nreally\n"
    with pytest.raises(FileExistsError):
        folder.create("process.log")


def test_a_reserved_record_takes_its_name_with_the_data_only(folder: FolderHandle) -> None:
    folder.reserve("exit.reserved", 4096)
    assert Path(folder.path, "exit.reserved").stat().st_size == 4096
    folder.write_reserved("exit.reserved", "exit.json", b"code 0", sync=True)
    assert folder.read("exit.json", 100) == b"code 0"
    assert folder.names() == ["exit.json"]


def test_a_file_moves_into_another_folder_and_replaces_what_is_there(
    folder: FolderHandle,
) -> None:
    folder.write("exit.json", b"new")
    with folder.sub("attempt-1", create=True) as inner:
        inner.write("exit.json", b"old")
        folder.rename("exit.json", "exit.json", inner)
        assert inner.read("exit.json", 100) == b"new"
    assert folder.names() == ["attempt-1"]


def test_removing_what_is_not_there_is_no_fault(folder: FolderHandle) -> None:
    folder.write("kill", b"")
    os.chmod(os.path.join(folder.path, "kill"), 0o444)
    folder.remove("kill")
    folder.remove("kill")
    assert folder.names() == []


def test_a_folder_inside_is_made_once(folder: FolderHandle) -> None:
    with folder.sub(".qm", create=True) as inner, folder.sub(".qm", create=True) as again:
        assert inner.identity() == again.identity()
    with pytest.raises(FileNotFoundError):
        folder.sub("absent")


@pytest.mark.parametrize("name", ["NUL", "aux.txt", "trailing.", "blank ", "a" * 200])
def test_names_that_windows_would_read_otherwise_are_taken_as_they_are(
    folder: FolderHandle, name: str
) -> None:
    with folder.sub(name, create=True) as inner, inner.sub(name, create=True) as deepest:
        deepest.write("com1", b"no device")
        assert deepest.read("com1", 100) == b"no device"
        assert deepest.names() == ["com1"]
        assert inner.names() == [name]
    assert folder.names() == [name]
    target = os.path.join(folder.path, "target")
    rename_folder(os.path.join(folder.path, name), target)
    assert folder.names() == ["target"]


def test_a_lock_is_held_once(folder: FolderHandle) -> None:
    lock = folder.lock("lock")
    assert lock is not None
    assert folder.lock("lock") is None
    lock.release()
    lock.release()
    again = folder.lock("lock")
    assert again is not None
    again.release()


def test_the_text_of_a_held_lock_can_be_read(folder: FolderHandle) -> None:
    lock = folder.lock("manager.lock")
    assert lock is not None
    lock.write("a longer text than the next one")
    lock.write("host 1234")
    assert folder.read("manager.lock", 100) == b"host 1234"
    lock.release()


def test_a_lock_of_another_process_is_seen_and_is_free_once_that_is_killed(
    folder: FolderHandle,
) -> None:
    holder = python("-c", HOLDER, folder.path)
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline().strip() == b"held"
        assert folder.lock("lock") is None
        assert folder.read("lock", 100) == b"held by the other one"
    finally:
        end(holder)
    taken: list[Lock | None] = []

    def it_is_mine() -> bool:
        taken.append(folder.lock("lock"))
        return taken[-1] is not None

    wait_until(it_is_mine)
    assert taken[-1] is not None
    taken[-1].release()


def test_of_many_threads_one_gets_the_lock(folder: FolderHandle) -> None:
    got: list[Lock] = []

    def take() -> None:
        lock = folder.lock("lock")
        if lock is not None:
            got.append(lock)

    threads = [threading.Thread(target=take) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(got) == 1
    got[0].release()


def test_a_folder_keeps_its_identity_under_a_new_name(tmp_path: Path) -> None:
    source, target = tmp_path / "job", tmp_path / "Jobs"
    source.mkdir()
    target.mkdir()
    before = identity_of(str(source))
    (source / "result").write_bytes(b"more inside")
    rename_folder(str(source), str(target / "job"))
    after = identity_of(str(target / "job"))
    assert after == before
    assert after.same_folder(before)
    with FolderHandle.open(str(target / "job")) as handle:
        assert handle.identity() == before


def test_a_copy_of_a_folder_has_an_identity_of_its_own(tmp_path: Path) -> None:
    for name in ("job", "copy"):
        (tmp_path / name).mkdir()
    assert not identity_of(str(tmp_path / "job")).same_folder(identity_of(str(tmp_path / "copy")))


def test_an_open_folder_can_be_renamed(tmp_path: Path) -> None:
    (tmp_path / "job").mkdir()
    with FolderHandle.open(str(tmp_path / "job")) as folder:
        folder.write("job.json", b"1")
        assert folder.read("job.json", 10) == b"1"
        rename_folder(str(tmp_path / "job"), str(tmp_path / "renamed"))
    assert (tmp_path / "renamed" / "job.json").read_bytes() == b"1"


@posix_only("a folder is known by its path, see FolderHandle there")
def test_an_open_folder_stays_the_same_one_under_a_new_name(tmp_path: Path) -> None:
    (tmp_path / "job").mkdir()
    with FolderHandle.open(str(tmp_path / "job")) as folder:
        rename_folder(str(tmp_path / "job"), str(tmp_path / "renamed"))
        folder.write("exit.json", b"0")
    assert (tmp_path / "renamed" / "exit.json").read_bytes() == b"0"


@not_in_wine("it lets a folder with an open file in it be renamed")
@windows_only("an open file hinders no rename")
def test_a_folder_with_an_open_file_in_it_cannot_be_renamed(tmp_path: Path) -> None:
    (tmp_path / "job").mkdir()
    with FolderHandle.open(str(tmp_path / "job")) as folder:
        log = folder.create("process.log")
        try:
            with pytest.raises(PermissionError):
                rename_folder(str(tmp_path / "job"), str(tmp_path / "renamed"))
        finally:
            os.close(log)


@pytest.mark.parametrize("content", [(), ("file",)])
def test_a_rename_never_replaces_a_folder(tmp_path: Path, content: tuple[str, ...]) -> None:
    for name in ("job", "taken"):
        (tmp_path / name).mkdir()
    for name in content:
        (tmp_path / "taken" / name).write_bytes(b"")
    with pytest.raises(FileExistsError):
        rename_folder(str(tmp_path / "job"), str(tmp_path / "taken"))
    assert (tmp_path / "job").is_dir()


def test_a_rename_never_replaces_a_file(tmp_path: Path) -> None:
    (tmp_path / "job").mkdir()
    (tmp_path / "taken").write_bytes(b"kept")
    with pytest.raises(FileExistsError):
        rename_folder(str(tmp_path / "job"), str(tmp_path / "taken"))
    assert (tmp_path / "taken").read_bytes() == b"kept"


def test_a_rename_of_what_is_gone_says_so(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        rename_folder(str(tmp_path / "absent"), str(tmp_path / "target"))


@posix_only("a colon begins the name of a stream")
def test_a_colon_is_a_letter_of_a_name(folder: FolderHandle) -> None:
    folder.write("a:b", b"1")
    assert folder.names() == ["a:b"]


def test_a_local_folder_is_on_no_network_share(tmp_path: Path) -> None:
    sync_folder(str(tmp_path))
    kind = file_system_type(str(tmp_path))
    assert kind == kind.lower()
    assert kind not in {"smb", "cifs", "nfs", "nfs4"}

"""The look over a drop: the same contract on every system."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pytest

from qm.osops.scanning import FsClock, Scan, scan_folder
from tests.contract.system_under_test import (
    end,
    not_in_wine,
    posix_only,
    python,
    wait_until,
    windows_only,
)

WRITER = """
import sys
with open(sys.argv[1], "ab") as file:
    print("open", flush=True)
    sys.stdin.read()
"""


def scan(path: Path, *, look_for_writers: bool = False) -> Scan:
    return scan_folder(str(path), None, look_for_writers=look_for_writers)


@pytest.fixture
def job(tmp_path: Path) -> Path:
    path = tmp_path / "job"
    (path / "data" / "deep").mkdir(parents=True)
    (path / "proc_config.cfg").write_bytes(b"[QMOptions]\nscript : run\n")
    (path / "data" / "deep" / "values.txt").write_bytes(b"0123456789")
    return path


def test_a_look_counts_files_and_bytes_and_tells_the_names_at_the_top(job: Path) -> None:
    seen = scan(job)
    assert (seen.files, seen.size, seen.entries) == (2, 35, 4)
    assert seen.names == ("data", "proc_config.cfg")
    assert (seen.partial, seen.maybe_partial, seen.writer) == (None, None, None)
    assert (seen.ready, seen.hold, seen.unreadable) == (None, False, None)


def test_two_looks_at_an_unchanged_folder_are_alike(job: Path) -> None:
    first, second = scan(job), scan(job)
    assert first.fingerprint == second.fingerprint
    assert first.content_fingerprint == second.content_fingerprint
    assert first.newest_change == second.newest_change


def test_more_bytes_change_the_fingerprint(job: Path) -> None:
    before = scan(job)
    with (job / "data" / "deep" / "values.txt").open("ab") as file:
        file.write(b"more")
    after = scan(job)
    assert after.fingerprint != before.fingerprint
    assert after.content_fingerprint != before.content_fingerprint
    assert after.size == before.size + 4


def test_bytes_of_a_file_that_is_still_open_are_seen(job: Path) -> None:
    before = scan(job)
    with (job / "growing").open("wb", buffering=0) as file:
        file.write(b"x" * 5000)
        assert scan(job).size == before.size + 5000
        file.write(b"x" * 5000)
        assert scan(job).size == before.size + 10000


def test_other_bytes_of_the_same_size_and_time_change_the_fingerprint(job: Path) -> None:
    target = job / "data" / "deep" / "values.txt"
    before = scan(job)
    status = target.stat()
    target.write_bytes(b"9876543210")
    os.utime(target, ns=(status.st_atime_ns, status.st_mtime_ns))
    after = scan(job)
    assert after.content_fingerprint == before.content_fingerprint
    assert after.fingerprint != before.fingerprint
    assert after.newest_change > before.newest_change


def test_a_new_an_absent_and_a_renamed_file_change_the_fingerprint(job: Path) -> None:
    seen = {scan(job).fingerprint}
    (job / "new").write_bytes(b"")
    seen.add(scan(job).fingerprint)
    (job / "new").rename(job / "newer")
    seen.add(scan(job).fingerprint)
    (job / "proc_config.cfg").unlink()
    seen.add(scan(job).fingerprint)
    assert len(seen) == 4


def test_a_rename_of_the_folder_itself_leaves_the_fingerprint(job: Path) -> None:
    before = scan(job)
    job.rename(job.parent / "another name")
    after = scan(job.parent / "another name")
    assert after.fingerprint == before.fingerprint
    assert after.content_fingerprint == before.content_fingerprint


def test_what_qm_and_desktops_leave_does_not_count(job: Path) -> None:
    before = scan(job)
    for name in (".qm", ".qm.2"):
        (job / name).mkdir()
        (job / name / "job.json").write_bytes(b"{}")
    for name in (".DS_Store", "Thumbs.db", "~$letter.docx", "._values.txt"):
        (job / name).write_bytes(b"junk")
    after = scan(job)
    assert after.fingerprint == before.fingerprint
    assert after.names == before.names
    assert after.files == before.files


def test_what_desktops_leave_in_a_subfolder_does_not_count_as_a_change(job: Path) -> None:
    before = scan(job)
    (job / "data" / ".DS_Store").write_bytes(b"junk")
    (job / ".DS_Store").write_bytes(b"junk")
    after = scan(job)
    assert after.fingerprint == before.fingerprint
    assert after.content_fingerprint == before.content_fingerprint
    assert after.newest_change == before.newest_change


def test_a_new_empty_folder_and_one_that_is_moved_in_are_changes(job: Path, tmp_path: Path) -> None:
    (tmp_path / "old" / "inner").mkdir(parents=True)
    (tmp_path / "old" / "inner" / "file").write_bytes(b"1")
    newest = scan(job).newest_change
    wait_until(lambda: _stamp(tmp_path) > newest)
    (job / "data" / "empty").mkdir()
    made = scan(job)
    assert made.newest_change > newest
    wait_until(lambda: _stamp(tmp_path) > made.newest_change)
    (tmp_path / "old").rename(job / "data" / "moved")
    moved = scan(job)
    assert moved.newest_change > made.newest_change
    assert len({made.fingerprint, moved.fingerprint, scan(job).fingerprint}) == 2


def _stamp(path: Path) -> int:
    """The time that the file system gives to a new file."""
    probe = path / "probe"
    probe.unlink(missing_ok=True)
    probe.write_bytes(b"")
    return probe.stat().st_mtime_ns


def test_a_folder_named_qm_further_down_is_the_job_s_own(job: Path) -> None:
    before = scan(job)
    (job / "data" / ".qm").mkdir()
    assert scan(job).fingerprint != before.fingerprint


def test_the_ready_and_the_hold_file_are_told_and_do_not_count(job: Path) -> None:
    before = scan(job)
    (job / ".qm-ready").write_bytes(b"files 2\n")
    (job / ".qm-hold").write_bytes(b"")
    after = scan(job)
    assert after.ready == b"files 2\n"
    assert after.hold
    assert after.fingerprint == before.fingerprint
    (job / ".qm-ready").write_bytes(b"x" * 5000)
    ready = scan(job).ready
    assert ready is not None
    assert len(ready) == 1024


@not_in_wine("os.symlink makes nothing")
def test_links_are_counted_and_not_followed(job: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "big").write_bytes(b"x" * 1000)
    before = scan(job)
    (job / "loop").symlink_to(job, target_is_directory=True)
    (job / "away").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    (job / "nowhere").symlink_to(tmp_path / "absent")
    after = scan(job)
    assert after.entries == before.entries + 3
    assert (after.files, after.size) == (before.files, before.size)
    with pytest.raises(NotADirectoryError):
        scan(job / "away")


@posix_only("it has no named pipes in folders")
def test_a_pipe_is_counted_and_not_opened(job: Path) -> None:
    if sys.platform != "win32":
        os.mkfifo(job / "pipe")
    seen = scan(job, look_for_writers=True)
    assert seen.entries == 5
    assert seen.files == 2
    assert seen.writer is None


@pytest.mark.skipif(sys.platform == "darwin", reason="macOS cannot tell who writes")
def test_a_file_that_another_process_has_open_for_writing_is_told(job: Path) -> None:
    target = job / "data" / "deep" / "values.txt"
    writer = python("-c", WRITER, str(target))
    try:
        assert writer.stdout is not None
        assert writer.stdout.readline().strip() == b"open"
        assert scan(job, look_for_writers=True).writer == "data/deep/values.txt"
        assert scan(job).writer is None
    finally:
        end(writer)
    assert scan(job, look_for_writers=True).writer is None


def test_a_file_that_is_open_for_reading_has_no_writer(job: Path) -> None:
    with (job / "proc_config.cfg").open("rb"):
        assert scan(job, look_for_writers=True).writer is None


@windows_only("sync programs there leave no placeholders")
@pytest.mark.parametrize("attribute", [0x1000, 0x40000, 0x400000])
def test_a_file_that_is_still_in_the_cloud_is_told_as_one_that_is_being_written(
    job: Path, monkeypatch: pytest.MonkeyPatch, attribute: int
) -> None:
    if sys.platform == "win32":
        from qm.osops import windows_scan

        look = windows_scan._look

        def look_at_placeholder(path: str) -> windows_scan._Entry:
            seen = look(path)
            away = attribute if path.endswith("values.txt") else 0
            return seen._replace(attributes=seen.attributes | away)

        monkeypatch.setattr(windows_scan, "_look", look_at_placeholder)
    assert scan(job).writer == "data/deep/values.txt"


@pytest.mark.parametrize("name", ["movie.part", "setup.crdownload", ".syncthing.a.tmp", "x.Part"])
def test_the_names_of_half_copied_files_are_told(job: Path, name: str) -> None:
    (job / "data" / name).write_bytes(b"half")
    assert scan(job).partial == f"data/{name}"


def test_a_name_as_rsync_makes_it_is_told(job: Path) -> None:
    (job / ".values.txt.aB3xZ9").write_bytes(b"half")
    assert scan(job).maybe_partial == ".values.txt.aB3xZ9"


def test_deep_and_oddly_named_folders_are_seen_whole(job: Path) -> None:
    before = scan(job)
    place = job
    for _ in range(12):
        place /= "a folder with a name of forty characters"
    os.makedirs(_verbatim(place))
    with open(_verbatim(place / "NUL"), "wb") as file:
        file.write(b"12345")
    after = scan(job)
    assert after.entries == before.entries + 13
    assert after.size == before.size + 5
    assert after.unreadable is None


def _verbatim(path: Path) -> str:
    if sys.platform == "win32":
        return f"\\\\?\\{path}"
    return str(path)


def test_a_folder_that_is_gone_and_a_file_cannot_be_scanned(job: Path) -> None:
    with pytest.raises(FileNotFoundError):
        scan(job / "absent")
    with pytest.raises(NotADirectoryError):
        scan(job / "proc_config.cfg")


def test_the_file_system_s_clock_goes_on_and_is_the_one_that_stamps_files(tmp_path: Path) -> None:
    clock = FsClock(str(tmp_path / "clock"))
    (tmp_path / "job").mkdir()
    try:
        first = clock.now()
        wait_until(lambda: clock.now() > first)
        (tmp_path / "job" / "file").write_bytes(b"1")
        seen = scan(tmp_path / "job")
        wait_until(lambda: clock.now() > seen.newest_change)
        last = clock.now()
    finally:
        clock.close()
    assert first < seen.newest_change < last
    assert abs(last - time.time_ns()) < 60 * 10**9


def test_a_look_says_when_it_was_taken_by_the_file_system_s_clock(tmp_path: Path) -> None:
    clock = FsClock(str(tmp_path / "clock"))
    (tmp_path / "job").mkdir()
    try:
        before = clock.now()
        seen = scan_folder(str(tmp_path / "job"), clock, look_for_writers=False)
        assert before <= seen.fs_now <= clock.now()
    finally:
        clock.close()

"""Bad drops, rows 45, 46, 48 to 51 and 58 of the catalogue: odd things inside a job folder.

Row 52, a clock that jumps, is tested where the clock is an argument: tests/unit/test_drops.py.
"""

from __future__ import annotations

import os
import socket
import stat
import sys
import time

import pytest

from tests.live.bad_drops import cfg, contents, finished, refused, still_there, still_works, waits
from tests.live.harness import Queue

if sys.platform == "win32":
    pytest.skip("the scripts are for /bin/sh", allow_module_level=True)

pytestmark = pytest.mark.live

CFG = "proc_config.cfg"
FAR = {"row_51_2096": 4_000_000_000, "row_51_1970": 0, "row_51_1932": -1_200_000_000}


@pytest.fixture(scope="module")
def queue(shared: Queue) -> Queue:
    """What is to be refused is dropped first: it waits out its grace meanwhile."""
    for file in (CFG, "run.sh"):
        folder = shared.job(f"row_45_{file}", "sh run.sh")
        (folder / file).unlink(missing_ok=True)
        os.mkfifo(folder / file)
        shared.move_in(folder)
    broken_off = shared.folder / "QM_qJobs" / "row_58"
    broken_off.mkdir()
    (broken_off / CFG).write_bytes(cfg(script="sh run.sh"))
    return shared


def test_row_45_a_pipe_inside_is_never_opened(queue: Queue) -> None:
    folder = queue.job("row_45", "test -p pipe && echo a pipe")
    os.mkfifo(folder / "pipe")
    before = contents(folder)
    queue.move_in(folder)
    assert finished(queue, "row_45") == ["a pipe"]
    assert still_there(before, queue.path("row_45"))


def test_row_46_sockets_and_devices_inside_are_never_opened(
    queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = queue.job("row_46", "test -S socket && echo went on")
    # The whole path would be too long for a socket.
    monkeypatch.chdir(folder)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("socket")
    if os.geteuid() == 0:
        # 5:0 is the terminal, 10:255 is nothing: to open it fails or blocks.
        os.mknod(folder / "tty", 0o666 | stat.S_IFCHR, os.makedev(5, 0))
        os.mknod(folder / "disk", 0o666 | stat.S_IFBLK, os.makedev(10, 255))
    before = contents(folder)
    queue.move_in(folder)
    assert finished(queue, "row_46") == ["went on"]
    assert still_there(before, queue.path("row_46"))


def test_row_48_hard_links_to_files_outside_leave_those_as_they_are(queue: Queue) -> None:
    outside = queue.folder.parent / "precious"
    outside.write_bytes(b"precious data\n")
    folder = queue.job("row_48", "cat data")
    for name in ("data", "process.log"):
        os.link(outside, folder / name)
    queue.move_in(folder)
    assert finished(queue, "row_48") == ["precious data"]
    assert outside.read_bytes() == b"precious data\n"
    done = queue.path("row_48")
    assert (done / "data").stat().st_ino == outside.stat().st_ino
    assert (done / "process.log.1").stat().st_ino == outside.stat().st_ino


def test_row_49_a_sparse_file_of_a_terabyte_is_not_read(queue: Queue) -> None:
    folder = queue.job("row_49", "wc -c < info")
    size = 1 << 40
    with (folder / "sparse").open("wb") as file:
        try:
            file.truncate(size)
        except OSError:
            pytest.skip("SKIPPED: this file system has no files of a terabyte")
    (folder / "info").write_bytes(b"12345")
    queue.move_in(folder)
    (said,) = finished(queue, "row_49", timeout=10)
    assert said.strip() == "5"
    status = (queue.path("row_49") / "sparse").stat()
    assert status.st_size == size and status.st_blocks < 1000


@pytest.mark.slow
def test_row_50_very_many_files_are_looked_at_in_time_and_without_memory_for_each(
    queue: Queue,
) -> None:
    """50,000 instead of the catalogue's million, which takes minutes to make and to remove."""
    folder = queue.job("row_50", "ls data | wc -l | tr -d ' '")
    (folder / "data").mkdir()
    count = 50_000
    for number in range(count):
        os.close(os.open(folder / "data" / str(number), os.O_CREAT | os.O_WRONLY, 0o666))
    before = rss(queue)
    queue.move_in(folder)
    assert finished(queue, "row_50", timeout=60) == [str(count)]
    assert rss(queue) - before < 30 * 2**20
    still_works(queue)


def rss(queue: Queue) -> int:
    """Bytes of memory that the manager holds."""
    import psutil

    assert queue.process is not None
    return int(psutil.Process(queue.process.pid).memory_info().rss)


@pytest.mark.parametrize("row", FAR)
def test_row_51_times_in_the_far_future_and_past_neither_delay_nor_hasten(
    queue: Queue, row: str
) -> None:
    folder = queue.job(row, "cat data")
    (folder / "data").write_bytes(b"1\n")
    for path in (folder / "data", folder / CFG, folder):
        os.utime(path, (FAR[row], FAR[row]))
    began = time.monotonic()
    queue.move_in(folder)
    assert finished(queue, row, timeout=10) == ["1"]
    assert time.monotonic() - began < 5
    assert (queue.path(row) / "data").stat().st_mtime == FAR[row]


@pytest.mark.parametrize("name", ["values.filepart", ".big.Xy12Zw", "film.crdownload", ".~tmp~"])
def test_row_58_a_file_under_its_name_of_while_it_is_copied_is_waited_for(
    queue: Queue, name: str
) -> None:
    job = f"row_58_{name}"
    folder = queue.job(job, "ls *.dat")
    (folder / name).write_bytes(b"half of it")
    moved = queue.move_in(folder)
    waits(queue, job, f"Copying: {name} is the name of a file that is still being copied")
    assert queue.where(job) == "QM_qJobs"
    os.rename(moved / name, moved / "values.dat")
    assert finished(queue, job) == ["values.dat"]


def test_row_58_a_copy_that_was_broken_off_before_the_script_came_is_refused(
    queue: Queue,
) -> None:
    """Where info file and script are there nobody can know; `.qm-ready` is for that."""
    folder = refused(queue, "row_58", "NoScript", "run.sh, which the job runs, is not here")
    assert (folder / CFG).exists()
    still_works(queue)


@pytest.mark.parametrize("file", [CFG, "run.sh"])
def test_row_45_a_pipe_in_place_of_the_info_file_or_the_script_is_refused(
    queue: Queue, file: str
) -> None:
    word = "BadInfo" if file == CFG else "NoScript"
    folder = refused(queue, f"row_45_{file}", word, file)
    assert stat.S_ISFIFO((folder / file).lstat().st_mode)
    still_works(queue)

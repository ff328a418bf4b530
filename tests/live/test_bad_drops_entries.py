"""Bad drops, rows 1 to 8, 24, 25, 38 and 39: entries that are no job folders, or not whole ones."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.live.bad_drops import (
    Drop,
    cfg,
    contents,
    finished,
    refused,
    still_there,
    still_works,
    waits,
)
from tests.live.harness import Queue, wait_for

if sys.platform == "win32":
    pytest.skip("the scripts are for /bin/sh", allow_module_level=True)

pytestmark = pytest.mark.live

CFG = "proc_config.cfg"

JUNK = (
    ".hidden",
    "~$letter.docx",
    "._job",
    ".DS_Store",
    "Thumbs.db",
    "desktop.ini",
    "@eaDir",
    "System Volume Information",
    "lost+found",
    ".stfolder",
    ".Trash-1000",
    "#recycle",
)

REFUSED = [
    ("BadInfo", Drop("row_03_info", {}, (CFG, "expected a plain file"), {CFG: "nowhere"})),
    (
        "NoScript",
        Drop("row_03_script", {CFG: cfg(script="sh x.sh")}, ("x.sh", "not here"), {"x.sh": "y"}),
    ),
    (
        "BadInfo",
        Drop(
            "row_04",
            {},
            ("a link, a pipe or a folder; expected a plain file",),
            {CFG: "/etc/passwd"},
        ),
    ),
    ("Empty", Drop("row_06", {}, ("nothing is in the folder",))),
    ("NoInfo", Drop("row_07_none", {"data": b"1"}, ("no proc_config.cfg, infos.xml or job.sh",))),
    (
        "NoInfo",
        Drop("row_07_case", {"Proc_Config.CFG": cfg()}, ("rename it to proc_config.cfg",)),
    ),
    (
        "NoInfo",
        Drop("row_07_suffix", {f"{CFG}.txt": cfg()}, (f"There is {CFG}.txt: rename it to {CFG}",)),
    ),
    (
        "NoInfo",
        Drop(
            "row_08",
            {f"row_08/{CFG}": cfg(), "row_08/data/big": b"1"},
            ("There is row_08/proc_config.cfg: drop the folder row_08 itself",),
        ),
    ),
    ("NoScript", Drop("row_24_absent", {CFG: cfg(script="sh run.sh")}, ("run.sh", "not here"))),
    (
        "NoScript",
        Drop("row_24_a_folder", {CFG: cfg(script="python run"), "run/x": b""}, ("run", "not here")),
    ),
    (
        "NoScript",
        Drop("row_25_above", {CFG: cfg(script="sh ../../absent.sh")}, ("../../absent.sh",)),
    ),
    ("NoScript", Drop("row_25_absolute", {CFG: cfg(script="sh /absent/x.sh")}, ("/absent/x.sh",))),
]


@pytest.fixture(scope="module")
def queue(shared: Queue) -> Queue:
    """All of the refused ones dropped at once, side by side, as they wait out their grace."""
    for _, drop in REFUSED:
        shared.move_in(drop.make(shared))
    return shared


@pytest.mark.parametrize(("word", "drop"), REFUSED, ids=[drop.row for _, drop in REFUSED])
def test_a_folder_that_lacks_something_is_refused_with_what_and_a_hint(
    queue: Queue, word: str, drop: Drop
) -> None:
    folder = refused(queue, drop.row, word, *drop.says)
    assert still_there(drop.before, folder)


def test_refused_folders_are_shown_as_rejected_with_their_reason(queue: Queue) -> None:
    for _, drop in REFUSED:
        queue.wait_lost(drop.row)
    rows = {row["name"]: row for row in queue.listed()}
    for word, drop in REFUSED:
        assert rows[drop.row]["state"] == "REJECTED"
        assert str(rows[drop.row]["reason"]).startswith(f"{word}: ")
    still_works(queue)


def test_rows_03_06_07_10_and_24_wait_with_the_reason_until_their_time_is_over(
    make_queue: Callable[..., Queue],
) -> None:
    queue = make_queue(Refuse_after="30", Empty_after="60").start()
    drops = {
        "row_03": {},
        "row_06": {},
        "row_07": {"data": b"1"},
        "row_10": {CFG: b""},
        "row_24": {CFG: cfg(script="sh run.sh")},
    }
    for row, files in drops.items():
        folder = Drop(row, files).make(queue)
        if row == "row_03":
            (folder / CFG).symlink_to("nowhere")
        queue.move_in(folder)
    waits(queue, "row_03", "BadInfo: ", "a link", "refused in ")
    waits(queue, "row_06", "Empty: nothing is in the folder yet", "refused in ")
    waits(queue, "row_07", "NoInfo: there is no proc_config.cfg", "refused in ")
    waits(queue, "row_10", "BadInfo: proc_config.cfg: is empty", "refused in ")
    waits(queue, "row_24", "NoScript: run.sh", "refused in ")
    assert queue.tree()["QM_qJobs"] == sorted(drops)
    for row in drops:
        folder = queue.folder / "QM_qJobs" / row
        (folder / CFG).unlink(missing_ok=True)
        (folder / "run.sh").write_text("echo in time\n", encoding="utf-8")
        (folder / CFG).write_bytes(cfg(script="sh run.sh"))
    for row in drops:
        assert finished(queue, row) == ["in time"]


def test_row_01_a_link_to_a_folder_is_told_and_never_followed_or_moved(queue: Queue) -> None:
    outside = queue.job("row_01_target", "touch it_ran")
    before = contents(outside)
    link = queue.folder / "QM_qJobs" / "row_01"
    link.symlink_to(outside, target_is_directory=True)
    row = waits(queue, "row_01", "NotAFolder: this is a link; copy the folder itself")
    assert row["id"] is None
    still_works(queue)
    assert link.is_symlink() and contents(outside) == before
    assert not (outside / ".qm").exists()
    link.unlink()


def test_row_02_links_inside_that_lead_round_in_circles_or_out_are_not_followed(
    queue: Queue,
) -> None:
    folder = queue.job("row_02", "find . -type l | wc -l | tr -d ' '")
    (folder / "loop").symlink_to("loop")
    (folder / "up").symlink_to("..")
    (folder / "self").symlink_to(".")
    (folder / "root").symlink_to("/")
    before = contents(folder)
    queue.move_in(folder)
    assert finished(queue, "row_02") == ["4"]
    assert still_there(before, queue.path("row_02"))


def test_row_04_an_info_file_that_is_a_link_is_not_read(queue: Queue) -> None:
    queue.wait_lost("row_04")
    assert os.readlink(queue.path("row_04") / CFG) == "/etc/passwd"
    assert "root:" not in queue.process_log("row_04")


def test_row_05_a_file_is_told_and_stays_where_it_is(queue: Queue) -> None:
    dropped = queue.folder / "QM_qJobs" / "row_05.zip"
    dropped.write_bytes(b"PK\3\4 and so on")
    row = waits(queue, "row_05.zip", "NotAFolder: this is a file; a job is a folder")
    assert row["id"] is None
    still_works(queue)
    assert dropped.read_bytes() == b"PK\3\4 and so on"
    dropped.unlink()
    wait_for("it is forgotten", lambda: queue.row("row_05.zip") is None)


def test_row_05_a_pipe_among_the_jobs_is_told_and_never_opened(queue: Queue) -> None:
    pipe = queue.folder / "QM_qJobs" / "row_05_pipe"
    os.mkfifo(pipe)
    waits(queue, "row_05_pipe", "NotAFolder: this is neither a folder nor a file")
    still_works(queue)
    pipe.unlink()


@pytest.mark.parametrize(
    ("suffix", "script"),
    [("sh", b"echo ran"), ("py", b"print('ran')"), ("x", b"#!/bin/sh\necho ran")],
)
def test_row_24_a_script_without_the_right_to_execute_runs_by_its_interpreter_and_says_so(
    queue: Queue, suffix: str, script: bytes
) -> None:
    name = f"row_24_{suffix}"
    drop = Drop(name, {CFG: cfg(script=f"./run.{suffix}"), f"run.{suffix}": script})
    queue.move_in(drop.make(queue))
    note, said = finished(queue, name)
    assert f"./run.{suffix} is not executable" in note
    assert said == "ran"
    assert still_there(drop.before, queue.path(name))


def test_row_25_absolute_script_paths_are_legal(queue: Queue, tmp_path: Path) -> None:
    """As the design amends the catalogue: a job runs with the rights of who started QM anyway."""
    (tmp_path / "tool.sh").write_text("echo tool in $PWD\n", encoding="utf-8")
    queue.drop("row_25_tool", f"sh {tmp_path}/tool.sh")
    running = queue.folder / "QM_Jobs" / "row_25_tool"
    assert finished(queue, "row_25_tool") == [f"tool in {running}"]


@pytest.mark.parametrize(("name", "script"), [("home", "~/absent_tool"), ("windows", r"C:\absent")])
def test_row_25_what_only_the_shell_can_judge_is_left_to_it(
    queue: Queue, name: str, script: str
) -> None:
    queue.drop(f"row_25_{name}", script)
    queue.wait_done(f"row_25_{name}")
    assert "not found" in queue.process_log(f"row_25_{name}")
    row = queue.row(f"row_25_{name}")
    assert row is not None and (row["state"], row["exit_code"]) == ("FAILED", 127)


def test_row_38_what_desktops_and_shares_leave_in_the_queue_is_ignored(queue: Queue) -> None:
    waiting = queue.folder / "QM_qJobs"
    for name in JUNK:
        (waiting / name).mkdir()
        (waiting / name / CFG).write_bytes(cfg(script="touch it_ran"))
    still_works(queue)
    # Seen by a listing that came after them: this one was dropped later and is shown.
    (waiting / "row_38.txt").write_bytes(b"")
    waits(queue, "row_38.txt", "NotAFolder")
    assert not {row["name"] for row in queue.listed()} & set(JUNK)
    for name in JUNK:
        assert os.listdir(waiting / name) == [CFG]


def test_row_39_junk_that_comes_all_the_time_does_not_keep_a_job_from_starting(
    make_queue: Callable[..., Queue],
) -> None:
    """Else a file manager that looks at the folder would restart the settle time for ever."""
    queue = make_queue(Settle="0.5", Refuse_after="10", Empty_after="10").start()
    folder = queue.job("row_39", "ls -A data")
    (folder / "data").mkdir()
    (folder / "data" / "values").write_bytes(b"1")
    moved = queue.copy_in(folder)
    places = [moved / "data" / ".DS_Store", moved / "Thumbs.db", moved / "data" / "._values"]
    ended = threading.Event()

    def litter() -> None:
        while not ended.wait(0.03):
            for place in places:
                try:
                    place.unlink(missing_ok=True)
                    place.write_bytes(b"junk")
                except OSError:
                    return  # The folder was claimed.

    thread = threading.Thread(target=litter)
    thread.start()
    try:
        assert "values" in finished(queue, "row_39", timeout=10)
    finally:
        ended.set()
        thread.join()
    still_works(queue)


def test_row_39_junk_in_a_job_that_waits_is_no_change(make_queue: Callable[..., Queue]) -> None:
    """Else the scan before the claim would let it settle again, here for 20 s."""
    queue = make_queue(
        Settle="20", Refuse_after="30", Empty_after="30", MaxNbProcessors="1"
    ).start()
    queue.move_in(sealed(queue.job("row_39_busy", "while [ ! -e go ]; do sleep 0.02; done")))
    running = queue.wait_running("row_39_busy")
    folder = queue.job("row_39_waits", "ls -A data")
    (folder / "data").mkdir()
    moved = queue.move_in(sealed(folder))
    wait_for("accepted", (moved / ".qm" / "job.json").exists)
    (moved / ".qm-ready").unlink()
    (moved / "data" / ".DS_Store").write_bytes(b"junk")
    (moved / "desktop.ini").write_bytes(b"junk")
    (running / "go").touch()
    assert finished(queue, "row_39_waits", timeout=10) == [".DS_Store"]


def sealed(folder: Path) -> Path:
    """With a ready file: complete at once."""
    (folder / ".qm-ready").write_text("files=1\n", encoding="utf-8")
    return folder

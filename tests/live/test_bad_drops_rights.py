"""Bad drops, rows 40 to 44 and 47 of the catalogue: what QM's user may not read or write.

Root may do everything; so under root the manager runs without root's capabilities, as
an ordinary user who happens to have the number 0.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.live.bad_drops import cfg, contents, finished, refused, still_there, still_works, waits
from tests.live.harness import Queue, wait_for

if sys.platform == "win32":
    pytest.skip("the scripts are for /bin/sh", allow_module_level=True)

pytestmark = pytest.mark.live

SOMEBODY = 65534
IS_ROOT = os.geteuid() == 0
CFG = "proc_config.cfg"

needs_root = pytest.mark.skipif(not IS_ROOT, reason="SKIPPED: only root can make others' folders")


class OrdinaryQueue(Queue):
    """A queue whose manager may do what an ordinary user may."""

    def command(self, *arguments: str) -> list[str]:
        powerless = ["setpriv", "--bounding-set=-all", "--inh-caps=-all", "--"]
        return [*(powerless if IS_ROOT else []), *super().command(*arguments)]


def give_away(folder: Path, uid: int = SOMEBODY) -> None:
    """Make it, and what is in it, another user's."""
    for path in (folder, *folder.iterdir()):
        os.chown(path, uid, uid, follow_symlinks=False)


@pytest.fixture(scope="module")
def queue(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OrdinaryQueue]:
    if IS_ROOT and shutil.which("setpriv") is None:
        pytest.skip("SKIPPED: without setpriv root cannot give up its powers here")
    queue = OrdinaryQueue(tmp_path_factory.mktemp("rights") / "QM")
    queue.start()
    # What is to be refused is dropped first: it waits out its grace meanwhile.
    folder = queue.job("row_40_inside", "true")
    (folder / "data").mkdir(mode=0)
    queue.move_in(folder)
    folder = queue.job("row_44_info", "true")
    (folder / CFG).chmod(0)
    queue.move_in(folder)
    yield queue
    left = queue.end_everything()
    assert not left, f"processes outlived the tests: {left}"


def test_row_40_a_folder_that_cannot_be_read_waits_with_the_reason_until_it_can(
    queue: OrdinaryQueue,
) -> None:
    """It is not refused: to move it one must be allowed to write into it."""
    folder = queue.job("row_40", "echo healed")
    folder.chmod(0)
    moved = queue.move_in(folder)
    waits(queue, "row_40", "Stuck: the folder cannot be read: Permission denied", "belongs to ")
    still_works(queue)
    moved.chmod(0o700)
    # A new name makes QM look at once; else it looks again within a minute.
    moved.rename(moved.with_name("row_40_again"))
    assert finished(queue, "row_40_again") == ["healed"]


def test_row_40_a_folder_inside_that_cannot_be_read_is_waited_for_and_refused(
    queue: OrdinaryQueue,
) -> None:
    refused(queue, "row_40_inside", "Unreadable", "cannot look into data: Permission denied")
    still_works(queue)


def test_row_41_a_read_only_folder_is_made_writable_and_runs(queue: OrdinaryQueue) -> None:
    folder = queue.job("row_41", "ls data")
    (folder / "data").mkdir()
    (folder / "data" / "values").write_bytes(b"1")
    (folder / "data").chmod(0o555)
    (folder / CFG).chmod(0o444)
    folder.chmod(0o555)
    # Only root can rename a read-only folder into another one; a copy arrives like this too.
    moved = queue.folder / "QM_qJobs" / "row_41"
    _move_read_only(folder, moved)
    assert finished(queue, "row_41") == ["values"]
    assert (queue.path("row_41") / "data").stat().st_mode & 0o777 == 0o555
    still_works(queue)


def _move_read_only(folder: Path, target: Path) -> None:
    if IS_ROOT:
        folder.rename(target)
        return
    folder.chmod(0o755)
    folder.rename(target)
    target.chmod(0o555)


def test_row_41_a_read_only_folder_that_is_refused_lies_in_lost_and_found_with_the_reason(
    queue: OrdinaryQueue,
) -> None:
    folder = queue.job("row_41_bad", "true", nb_proc="none")
    before = contents(folder)
    folder.chmod(0o555)
    _move_read_only(folder, queue.folder / "QM_qJobs" / "row_41_bad")
    folder = refused(queue, "row_41_bad", "BadInfo", "nb_proc", timeout=3)
    assert still_there(before, folder)


@needs_root
def test_row_42_a_folder_of_somebody_else_stays_with_its_owner_s_name_as_the_reason(
    queue: OrdinaryQueue,
) -> None:
    folder = queue.job("row_42", "true")
    give_away(folder)
    before = contents(folder)
    moved = queue.move_in(folder)
    waits(queue, "row_42", "Stuck: QM may not write into the folder", "belongs to ")
    said = queue.log_text().count("row_42")
    still_works(queue)
    assert queue.log_text().count("row_42") == said < 5
    assert contents(moved) == before and not (moved / ".qm").exists()
    give_away(moved, 0)
    moved.rename(moved.with_name("row_42_again"))
    finished(queue, "row_42_again")


@needs_root
def test_row_42_a_folder_of_somebody_else_that_cannot_be_used_stays_until_it_is_mended(
    queue: OrdinaryQueue,
) -> None:
    """It is to be refused and cannot be moved; once it is mended it is a job as any other,
    and no refusal of before comes back at a restart."""
    folder = queue.job("row_42_bad", "true", nb_proc="none")
    give_away(folder)
    moved = queue.move_in(folder)
    waits(queue, "row_42_bad", "Stuck: ", timeout=3)
    still_works(queue)
    (moved / CFG).write_bytes(cfg(script="echo mended"))
    give_away(moved, 0)
    moved.rename(moved.with_name("row_42_mended"))
    assert finished(queue, "row_42_mended") == ["mended"]
    queue.stop()
    queue.start()
    still_works(queue)
    assert queue.where("row_42_mended") == "QM_dJobs"


@needs_root
def test_row_42_a_folder_of_somebody_else_in_a_sticky_queue_stays_and_is_told(
    queue: OrdinaryQueue,
) -> None:
    """Anybody may write into it, but only its owner may move it."""
    waiting = queue.folder / "QM_qJobs"
    folder = queue.job("row_42_sticky", "true")
    give_away(folder)
    for path in (folder, *folder.iterdir()):
        path.chmod(0o777)
    os.chown(waiting, SOMEBODY, SOMEBODY)
    waiting.chmod(0o1777)
    try:
        queue.move_in(folder)
        wait_for(
            "it cannot be moved",
            lambda: "Stuck: the folder cannot be moved" in str(queue.row("row_42_sticky")),
        )
        assert queue.where("row_42_sticky") == "QM_qJobs"
        still_works(queue)
    finally:
        os.chown(waiting, 0, 0)
        waiting.chmod(0o755)


@needs_root
@pytest.mark.parametrize("info", ["", "nb_proc : none"], ids=["good", "bad"])
def test_row_43_an_immutable_folder_stays_and_is_told(queue: OrdinaryQueue, info: str) -> None:
    name = f"row_43_{'bad' if info else 'good'}"
    folder = queue.job(name, "echo free")
    if info:
        (folder / CFG).write_bytes(cfg(info, script="echo free"))
    moved = queue.move_in(folder)
    if subprocess.run(["chattr", "+i", moved], capture_output=True).returncode != 0:
        pytest.skip("SKIPPED: this file system has no immutable folders (chattr +i)")
    try:
        waits(queue, name, "Stuck: ", timeout=3)
        still_works(queue)
        assert not (moved / ".qm").exists()
    finally:
        subprocess.run(["chattr", "-i", moved], check=True)
    (moved / CFG).write_bytes(cfg(script="echo free"))
    moved.rename(moved.with_name(f"{name}_again"))
    assert finished(queue, f"{name}_again") == ["free"]


def test_row_44_a_file_that_cannot_be_read_is_no_reason_to_refuse_if_it_is_data(
    queue: OrdinaryQueue,
) -> None:
    folder = queue.job("row_44", "cat data; echo went on")
    (folder / "data").write_bytes(b"1")
    (folder / "data").chmod(0)
    queue.move_in(folder)
    denied, went_on = finished(queue, "row_44")
    assert "Permission denied" in denied and went_on == "went on"


def test_row_44_an_info_file_that_cannot_be_read_is_waited_for_and_refused(
    queue: OrdinaryQueue,
) -> None:
    refused(queue, "row_44_info", "BadInfo", "proc_config.cfg: cannot be read: Permission denied")
    still_works(queue)


def test_row_47_rights_for_everybody_and_setuid_files_are_left_as_they_are(
    queue: OrdinaryQueue,
) -> None:
    folder = queue.job("row_47", "./run.sh")
    (folder / "run.sh").write_text("#!/bin/sh\necho ran\n", encoding="utf-8")
    (folder / "tool").write_bytes(b"#!/bin/sh\n")
    (folder / "run.sh").chmod(0o777)
    (folder / "tool").chmod(0o4755)
    folder.chmod(0o777)
    before = contents(folder)
    queue.move_in(folder)
    assert finished(queue, "row_47") == ["ran"]
    assert still_there(before, queue.path("row_47"))

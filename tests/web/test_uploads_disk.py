"""Uploads to a disk without room: nothing is lost, and they go on once there is some."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from io import RawIOBase
from pathlib import Path

import pytest

from tests.web.served import Served, page_of_empty_queue
from tests.web.uploading import JOB, RUN, Sender, left_in_queue, plan_of, zipped

if not sys.platform.startswith("linux"):
    pytest.skip("needs a small file system of its own: tmpfs", allow_module_level=True)

pytestmark = pytest.mark.live

MIB = 1 << 20
DISK = 16 * MIB


@pytest.fixture
def page(tmp_path: Path) -> Iterator[Served]:
    """A page whose queue lies on a small file system of its own."""
    disk = tmp_path / "QM"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", str(disk)]
    try:
        mounted = subprocess.run(mount, capture_output=True, check=False, timeout=30)
    except FileNotFoundError:
        pytest.skip("no mount command here")
    if mounted.returncode != 0:
        pytest.skip("this user may not mount a tmpfs")
    try:
        with page_of_empty_queue(tmp_path) as opened:
            opened.token()
            yield opened
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True, timeout=30)


@pytest.fixture
def sender(page: Served) -> Sender:
    return Sender(page.program())


def fill(ballast: Path) -> None:
    """Leave no space at all."""
    with ballast.open("ab", buffering=0) as file, pytest.raises(OSError, match="No space left"):
        write_for_ever(file)


def write_for_ever(file: RawIOBase) -> None:
    while True:
        file.write(bytes(4096))


def test_a_twentieth_of_the_disk_stays_free(page: Served, sender: Sender) -> None:
    assert sender.begin(plan_of("x", {"big": bytes(DISK)})).status == 413
    room = DISK * 95 // 100 - MIB
    upload = sender.begun({"name": "x", "files": [{"path": "a", "size": room}]})
    second = sender.begin({"name": "x", "files": [{"path": "a", "size": 2 * MIB}]})
    assert second.status == 413 and "has room for" in second.json["detail"]
    assert sender.remove(upload).status == 204
    assert sender.begin({"name": "x", "files": [{"path": "a", "size": 2 * MIB}]}).status == 201


def test_a_disk_that_fills_meanwhile_stops_an_upload_which_then_goes_on(
    page: Served, sender: Sender
) -> None:
    data = os.urandom(6 * MIB)
    upload = sender.begun(plan_of("full", {"proc_config.cfg": JOB, "run.sh": RUN, "big": data}))
    assert sender.put(upload, "big", data[: 2 * MIB]).status == 200
    ballast = page.folder / "ballast"
    ballast.write_bytes(bytes(12 * MIB))
    full = sender.put(upload, "big", data[2 * MIB :], offset=2 * MIB)
    assert full.status == 507 and "full" in full.json["detail"], full.text
    fill(ballast)
    assert sender.put(upload, "run.sh", RUN).status == 507
    assert sender.begin({"name": "y", "files": []}).status in (413, 507)
    assert {f["path"]: f["received"] for f in sender.show(upload).json["files"]} == {
        "proc_config.cfg": 0,
        "run.sh": 0,
        "big": 2 * MIB,
    }
    ballast.unlink()
    assert sender.put(upload, "big", data[2 * MIB :], offset=2 * MIB).status == 200
    assert sender.put(upload, "run.sh", RUN).status == 200
    assert sender.put(upload, "proc_config.cfg", JOB).status == 200
    assert sender.commit(upload).status == 200
    assert (page.folder / "QM_qJobs" / "full" / "big").read_bytes() == data


def test_a_commit_without_room_for_its_record_is_tried_again(page: Served, sender: Sender) -> None:
    upload = sender.sent("record", {"proc_config.cfg": JOB, "run.sh": RUN})
    ballast = page.folder / "ballast"
    fill(ballast)
    assert sender.commit(upload).status == 507
    assert left_in_queue(page.folder) == [f".incoming-upload-{upload}"]
    ballast.unlink()
    assert sender.commit(upload).status == 200
    assert os.listdir(page.folder / "QM_qJobs" / "record" / ".qm") == ["submit.json"]


def test_a_zip_that_needs_more_room_than_there_is_is_refused(page: Served, sender: Sender) -> None:
    noise = os.urandom(100_000)
    data = zipped({"proc_config.cfg": JOB, **{f"f{n}": noise + bytes(900_000) for n in range(15)}})
    upload = sender.zip_sent("large", data)
    answer = sender.commit(upload)
    assert answer.status == 413 and "has room for" in answer.json["detail"], answer.text
    assert left_in_queue(page.folder) == []

"""Zips that come through the page: unpacked as they are meant, or refused as a whole."""

from __future__ import annotations

import io
import os
import shutil
import stat
import zipfile
from collections.abc import Iterator

import psutil
import pytest

from tests.web.cost import cost_of
from tests.web.jobs import Shown, shown_queue
from tests.web.served import Served
from tests.web.uploading import FILES, JOB, Sender, left_in_queue, page_with_limit, zipped

pytestmark = pytest.mark.live

MIB = 1 << 20
QUOTA = 64 * MIB
CENTRAL = b"PK\x01\x02"


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with page_with_limit(tmp_path_factory.mktemp("page")) as opened:
        yield opened


@pytest.fixture
def sender(page: Served) -> Iterator[Sender]:
    """An operator whose refused zips leave nothing; jobs are taken away afterwards."""
    yield Sender(page.program())
    for name in left_in_queue(page.folder):
        shutil.rmtree(page.folder / "QM_qJobs" / name)


def entry(name: str, mode: int = 0) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.external_attr = mode << 16
    return info


def zip_of(*entries: tuple[zipfile.ZipInfo, bytes]) -> bytes:
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED) as archive:
        for info, data in entries:
            archive.writestr(info, data)
    return whole.getvalue()


def test_a_zipped_folder_becomes_a_job_that_runs(tmp_path_factory: pytest.TempPathFactory) -> None:
    shown: Shown
    with shown_queue(tmp_path_factory.mktemp("shown")) as shown:
        sender = Sender(shown.visitor)
        inside = {f"the folder/{path}": data for path, data in FILES.items()}
        junk = {"__MACOSX/the folder/._run.sh": b"x", "the folder/.DS_Store": b"x"}
        answer = sender.commit(sender.zip_sent("packed", zipped({**inside, **junk})))
        assert answer.status == 200, answer.text
        assert answer.json["name"] == "packed" and "__MACOSX" in answer.json["notes"][0]
        folder = shown.queue.wait_done("packed")
        assert (folder / "out.txt").read_bytes() == FILES["data/in.txt"]
        names = {".qm", "data", "out.txt", "proc_config.cfg", "process.log", "run.sh"}
        assert set(os.listdir(folder)) == names


def test_a_zip_comes_in_pieces_and_may_have_no_folder_at_its_top(
    page: Served, sender: Sender
) -> None:
    data = zipped({**FILES, "empty/": b"", "data/noise": os.urandom(3 * MIB)})
    upload = sender.begun({"name": "flat", "archive": len(data)})
    assert sender.put_zip(upload, data[:MIB]).json == {"received": MIB}
    short = sender.commit(upload)
    assert short.status == 409 and str(len(data)) in short.json["detail"]
    assert sender.put_zip(upload, data[:MIB]).headers["upload-offset"] == str(MIB)
    assert sender.put_zip(upload, data[MIB:] + b"x", offset=MIB).status == 413
    assert sender.show(upload).json["received"] == MIB
    assert sender.put_zip(upload, data[MIB:], offset=MIB).status == 200
    assert sender.commit(upload).status == 200
    folder = page.folder / "QM_qJobs" / "flat"
    assert {path: (folder / path).read_bytes() for path in FILES} == FILES
    assert (folder / "empty").is_dir()


def test_a_program_in_a_zip_stays_one_and_other_names_of_letters_are_one(
    page: Served, sender: Sender
) -> None:
    data = zip_of(
        (entry("proc_config.cfg"), b"[QMOptions]\nscript : ./tool\n"),
        (entry("tool", stat.S_IFREG | 0o755), b"#!/bin/sh\n"),
        (entry("cafe\u0301.txt", stat.S_IFREG | 0o644), b"x"),
    )
    assert sender.commit(sender.zip_sent("tool", data)).status == 200
    folder = page.folder / "QM_qJobs" / "tool"
    assert os.access(folder / "tool", os.X_OK)
    assert (folder / "caf\u00e9.txt").exists() and not os.access(folder / "caf\u00e9.txt", os.X_OK)


@pytest.mark.parametrize(
    "name",
    [
        *("../evil", "../../evil", "a/../../evil", "/etc/evil", "//h/s/evil", "C:\\evil"),
        *("a\\..\\evil", "\\\\h\\s\\evil", "CON", "aux.txt", "x:ads", "a/NUL/b", "evil\x1b[2J"),
        *("a\u202eb", ".qm/job.json", "process.log", "a./b", "a /b", "./evil", "a//b"),
    ],
)
def test_a_zip_with_a_name_that_is_not_safe_everywhere_is_refused(
    page: Served, sender: Sender, name: str
) -> None:
    for more in ({}, {"proc_config.cfg": JOB}):
        answer = sender.commit(sender.zip_sent("evil", zipped({name: b"x", **more})))
        assert answer.status == 422, (answer.status, answer.text)
        assert left_in_queue(page.folder) == []
    found = [path.name for path in page.folder.parent.rglob("*") if "evil" in path.name]
    assert found == []


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize(
    "names", [("Data", "data"), ("a/b", "A/c"), ("x", "x"), ("x", "x/y"), ("e\u0301", "\u00e9")]
)
def test_two_entries_that_are_one_file_somewhere_are_refused(
    page: Served, sender: Sender, names: tuple[str, str]
) -> None:
    data = zip_of((entry("proc_config.cfg"), JOB), *((entry(name), b"x") for name in names))
    answer = sender.commit(sender.zip_sent("twice", data))
    assert answer.status == 422, answer.text
    assert left_in_queue(page.folder) == []


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR, stat.S_IFSOCK])
def test_a_link_or_device_in_a_zip_is_refused(page: Served, sender: Sender, kind: int) -> None:
    data = zip_of((entry("proc_config.cfg"), JOB), (entry("x", kind | 0o777), b"/etc/passwd"))
    answer = sender.commit(sender.zip_sent("link", data))
    assert answer.status == 422 and '"x" is a link' in answer.json["detail"]
    assert left_in_queue(page.folder) == []


def changed(data: bytes, at: int, value: bytes) -> bytes:
    """With other bytes in the last entry of the directory; ``at`` as in APPNOTE.TXT, 4.3.12."""
    start = data.rindex(CENTRAL) + at
    return data[:start] + value + data[start + len(value) :]


@pytest.mark.parametrize(
    ("at", "value", "says"),
    [
        (8, b"\x01\x00", "encrypted"),
        (10, b"\x0e\x00", "packed in a way"),
        (24, (5).to_bytes(4, "little"), "broken"),
        (24, (50_000_000).to_bytes(4, "little"), "broken"),
        (16, b"\x00\x00\x00\x00", "broken"),
        (42, b"\xff\xff\xff\x00", "broken"),
    ],
    ids=["encrypted", "odd method", "size too small", "size too large", "wrong sum", "no entry"],
)
def test_a_zip_whose_directory_lies_is_refused(
    page: Served, sender: Sender, at: int, value: bytes, says: str
) -> None:
    data = changed(zipped({"proc_config.cfg": JOB, "x": os.urandom(300_000)}), at, value)
    answer = sender.commit(sender.zip_sent("lies", data))
    assert answer.status == 422 and says in answer.json["detail"], answer.text
    assert left_in_queue(page.folder) == []


@pytest.mark.parametrize("data", [b"PK", b"x" * 1000, JOB, b"PK\x05\x06" + bytes(18)])
def test_what_is_no_zip_is_refused(page: Served, sender: Sender, data: bytes) -> None:
    assert sender.begin({"name": "none", "archive": 0}).status == 422
    assert sender.commit(sender.zip_sent("none", data)).status == 422
    assert left_in_queue(page.folder) == []


def bomb(size: int) -> bytes:
    whole = io.BytesIO()
    with (
        zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("zeros", "w", force_zip64=True) as file,
    ):
        for _ in range(size // MIB):
            file.write(bytes(MIB))
    return whole.getvalue()


def entries(count: int) -> bytes:
    return zipped({f"f{number}": b"" for number in range(count)}, zipfile.ZIP_STORED)


def test_a_zip_that_would_fill_the_disk_is_refused_at_once(page: Served, sender: Sender) -> None:
    bombs = {"ratio": bomb(60 * MIB), "quota": bomb(300 * MIB), "entries": entries(100_000)}
    for name, data in bombs.items():
        upload = sender.zip_sent(name, data)
        disk = psutil.disk_usage(str(page.folder)).used
        with cost_of(page) as cost:
            answer = sender.commit(upload)
        assert answer.status in (413, 422), (name, answer.text)
        assert cost.cpu < 2, (name, cost)
        # Nothing was unpacked, though others may write to this disk as well.
        assert psutil.disk_usage(str(page.folder)).used - disk < QUOTA, name
        assert left_in_queue(page.folder) == [], name


def test_a_zip_that_says_it_has_few_entries_and_has_many_is_refused(
    page: Served, sender: Sender
) -> None:
    data = entries(20_000)
    at = data.rindex(b"PK\x05\x06") + 8
    data = data[:at] + (7).to_bytes(2, "little") * 2 + data[at + 4 :]
    assert sender.commit(sender.zip_sent("few", data)).status == 413
    assert left_in_queue(page.folder) == []


def test_a_zip_of_nothing_or_of_no_job_is_refused(page: Served, sender: Sender) -> None:
    for files in ({}, {"a/": b""}, {".DS_Store": b"x"}):
        answer = sender.commit(sender.zip_sent("nothing", zipped(files)))
        assert answer.status == 422 and "no file" in answer.json["detail"], answer.text
        assert left_in_queue(page.folder) == []
    upload = sender.zip_sent("nested", zipped({"a/b/proc_config.cfg": JOB}))
    answer = sender.commit(upload)
    assert answer.status == 422 and "b/proc_config.cfg" in answer.json["detail"]
    assert left_in_queue(page.folder) == []


def test_a_zip_is_not_for_an_upload_of_files_nor_files_for_a_zip(sender: Sender) -> None:
    upload = sender.begun({"name": "x", "files": [{"path": "a", "size": 1}]})
    assert sender.put_zip(upload, b"x").status == 404
    upload = sender.begun({"name": "x", "archive": 1})
    assert sender.put(upload, "a", b"x").status == 404
    assert sender.put(upload, "archive.zip", b"x").status == 404

"""Jobs that come through the page in pieces: what is taken, what is refused, and how it goes on."""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.live.harness import wait_for
from tests.web.jobs import Shown, shown_queue
from tests.web.served import Served, page_of_empty_queue, served
from tests.web.uploading import (
    FILES,
    JOB,
    UPLOADS,
    Sender,
    left_in_queue,
    page_with_limit,
    plan_of,
)

pytestmark = pytest.mark.live

MIB = 1 << 20


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with page_with_limit(tmp_path_factory.mktemp("page")) as opened:
        yield opened


@pytest.fixture
def sender(page: Served) -> Iterator[Sender]:
    """An operator who leaves nothing behind."""
    yield Sender(page.program())
    for name in left_in_queue(page.folder):
        upload = name.removeprefix(".incoming-upload-")
        if upload != name:
            assert Sender(page.program()).remove(upload).status == 204, name


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shown]:
    """A manager that takes and runs what comes, and its page."""
    with shown_queue(tmp_path_factory.mktemp("shown")) as opened:
        yield opened


def staged(page: Served, upload: str) -> Path:
    return page.folder / "QM_qJobs" / f".incoming-upload-{upload}" / "job"


def test_what_was_uploaded_runs_at_once_and_says_who_sent_it(shown: Shown) -> None:
    sender = Sender(shown.visitor)
    answer = sender.commit(sender.sent("spectrum 1"))
    assert answer.status == 200, answer.text
    job = answer.json
    assert job["name"] == "spectrum 1" and isinstance(job["id"], int) and job["notes"] == []
    folder = shown.queue.wait_done("spectrum 1")
    assert (folder / "out.txt").read_bytes() == FILES["data/in.txt"]
    assert shown.queue.record("spectrum 1", "job.json")["id"] == job["id"]
    record = shown.queue.record("spectrum 1", "submit.json")
    assert record["uploaded_from"] == "127.0.0.1" and record["token"] == job["submission"]
    assert record["user"] and "upload.json" not in os.listdir(folder)


def test_a_job_of_a_name_that_is_taken_gets_another(shown: Shown) -> None:
    sender = Sender(shown.visitor)
    uploads = [sender.sent("twin") for _ in range(2)]
    names = [sender.commit(upload, hold=True).json["name"] for upload in uploads]
    assert names == ["twin", "twin.2"]
    assert shown.queue.run("release", *names).returncode == 0
    for name in names:
        shown.queue.wait_done(name)


def test_options_beside_the_info_file_win(shown: Shown) -> None:
    sender = Sender(shown.visitor)
    upload = sender.sent("wished")
    answer = sender.commit(upload, hold=True, changes={"nb_proc": "2", "info": "as wished"})
    assert answer.json["state"] == "HELD", answer.text
    row = shown.queue.row("wished")
    assert row is not None and row["nb_proc"] == 2 and row["info"] == "as wished"
    assert shown.queue.run("kill", "wished").returncode == 0


def test_who_commits_twice_gets_one_job_and_the_same_answer(shown: Shown) -> None:
    sender = Sender(shown.visitor)
    upload = sender.sent("once")
    first, second = sender.commit(upload), sender.commit(upload)
    assert first.status == second.status == 200
    assert first.json["id"] == second.json["id"] and second.json["name"] == "once"
    assert sender.show(upload).json["state"] == "committed"
    assert sender.put(upload, "run.sh", b"x").status == 404
    shown.queue.wait_done("once")
    assert sender.remove(upload).status == 204
    assert sender.commit(upload).status == 404
    assert shown.queue.where("once") == "QM_dJobs"


def test_without_a_manager_it_waits_in_the_queue(page: Served, sender: Sender) -> None:
    answer = sender.commit(sender.sent("patient"))
    assert answer.json["id"] is None and answer.json["state"] == "ARRIVING"
    assert "QM is not running" in answer.json["notes"][0]
    folder = page.folder / "QM_qJobs" / "patient"
    found = {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*.*g")}
    assert found["proc_config.cfg"] == JOB
    record = json.loads((folder / ".qm" / "submit.json").read_bytes())
    assert record["identity"][1] == folder.stat().st_ino


def test_large_files_come_in_pieces_from_where_they_are(page: Served, sender: Sender) -> None:
    data = os.urandom(3 * MIB)
    upload = sender.begun(plan_of("pieces", {"proc_config.cfg": JOB, "big": data}))
    assert sender.put(upload, "big", data[:MIB]).json == {"received": MIB}
    gap = sender.put(upload, "big", data[2 * MIB :], offset=2 * MIB)
    assert gap.status == 409 and gap.headers["upload-offset"] == str(MIB), gap.text
    again = sender.put(upload, "big", data[:MIB])
    assert again.status == 409 and again.headers["upload-offset"] == str(MIB)
    assert again.headers["content-type"] == "application/problem+json"
    shown = sender.show(upload).json
    assert shown["state"] == "receiving" and shown["received"] == MIB
    assert {f["path"]: f["received"] for f in shown["files"]} == {"proc_config.cfg": 0, "big": MIB}
    assert sender.put(upload, "big", data[MIB:], offset=MIB).json == {"received": 3 * MIB}
    assert (staged(page, upload) / "big").read_bytes() == data


def test_files_come_in_parallel(page: Served, sender: Sender) -> None:
    files = {f"d{i % 7}/f{i}": os.urandom(1000 + i) for i in range(200)} | FILES
    upload = sender.begun(plan_of("many", files))
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda item: sender.put(upload, *item), files.items()))
    assert {answer.status for answer in answers} == {200}
    assert sender.commit(upload).status == 200
    folder = page.folder / "QM_qJobs" / "many"
    assert {p: (folder / p).read_bytes() for p in files} == files


def test_one_file_is_not_written_by_two_at_once(page: Served, sender: Sender) -> None:
    data = os.urandom(8 * MIB)
    upload = sender.begun(plan_of("race", {"big": data}))
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: sender.put(upload, "big", data), range(4)))
    assert sorted(answer.status for answer in answers) == [200, 409, 409, 409]
    assert (staged(page, upload) / "big").read_bytes() == data


def test_empty_files_and_folders_need_no_piece(page: Served, sender: Sender) -> None:
    plan = plan_of("empty", {"proc_config.cfg": JOB, "run.sh": b"", "a/b": b""})
    upload = sender.begun({**plan, "folders": ["results/raw", "a"]})
    assert sender.put(upload, "proc_config.cfg", JOB).status == 200
    assert sender.commit(upload).status == 200
    folder = page.folder / "QM_qJobs" / "empty"
    assert (folder / "results" / "raw").is_dir() and (folder / "a" / "b").read_bytes() == b""


def test_a_program_stays_one(page: Served, sender: Sender) -> None:
    cfg = b"[QMOptions]\nscript : ./tool\n"
    plan = plan_of("tool", {"proc_config.cfg": cfg, "tool": b"#!/bin/sh\n"})
    plan["files"][1]["executable"] = True
    upload = sender.begun(plan)
    sender.put(upload, "proc_config.cfg", cfg)
    sender.put(upload, "tool", b"#!/bin/sh\n")
    assert sender.commit(upload).status == 200
    folder = page.folder / "QM_qJobs" / "tool"
    assert os.access(folder / "tool", os.X_OK)
    assert not os.access(folder / "proc_config.cfg", os.X_OK)


@pytest.mark.parametrize(
    "path",
    [
        *("../x", "/etc/passwd", "C:\\x", "\\\\host\\share", "a/../../b", "CON", "a\x00b"),
        *("a\u202eb", ".qm/job.json", "process.log", "e\u0301", "\ud800"),
    ],
)
def test_a_name_that_is_not_safe_everywhere_is_refused_before_anything_is_made(
    page: Served, sender: Sender, path: str
) -> None:
    before = left_in_queue(page.folder)
    answer = sender.begin({"name": "bad", "files": [{"path": path, "size": 1}]})
    assert answer.status == 422, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert left_in_queue(page.folder) == before
    checked = sender.visitor.send(
        f"{UPLOADS}/check", {"name": "bad", "files": [{"path": path, "size": 1}]}
    )
    assert checked.status == 200 and len(checked.json["faults"]) == 1


@pytest.mark.parametrize(
    "plan",
    [
        {},
        {"name": "x"},
        {"name": 7, "files": []},
        {"name": "x", "files": {}},
        {"name": "x", "files": ["a"]},
        {"name": "x", "files": [{"path": "a"}]},
        {"name": "x", "files": [{"path": "a", "size": -1}]},
        {"name": "x", "files": [{"path": "a", "size": True}]},
        {"name": "x", "files": [{"path": "a", "size": 1.5}]},
        {"name": "x", "files": [{"path": "a", "size": 1, "sha256": "00"}]},
        {"name": "x", "files": [{"path": "a", "size": 1, "executable": 1}]},
        {"name": "x", "files": [{"path": "a", "size": 1, "mode": 7}]},
        {"name": "x", "files": [], "archive": 1},
        {"name": "x", "archive": "1"},
        {"name": "x", "files": [], "folders": [1]},
        {"name": "x", "files": [], "hold": True},
        {"name": "a/b", "files": []},
        {"name": "..", "files": []},
        {"name": ".x", "files": []},
        {"name": "x", "files": [{"path": "a", "size": 1}, {"path": "A", "size": 1}]},
    ],
    ids=str,
)
def test_a_plan_that_is_none_is_refused(sender: Sender, plan: dict[str, object]) -> None:
    assert sender.begin(plan).status == 422


def test_a_piece_past_the_declared_size_is_refused(page: Served, sender: Sender) -> None:
    upload = sender.begun({"name": "x", "files": [{"path": "a", "size": 10}]})
    assert sender.put(upload, "a", b"x" * 11).status == 413
    assert sender.put(upload, "a", b"x" * 6).status == 200
    assert sender.put(upload, "a", b"x" * 5, offset=6).status == 413
    assert (staged(page, upload) / "a").read_bytes() == b"x" * 6


def test_more_than_the_quota_is_refused_before_it_is_sent(page: Served, sender: Sender) -> None:
    before = left_in_queue(page.folder)
    large = sender.begin({"name": "x", "files": [{"path": "a", "size": 65 * MIB}]})
    assert large.status == 413 and "Upload_limit" in large.json["detail"]
    assert sender.begin({"name": "x", "archive": 65 * MIB}).status == 413
    many = [{"path": f"f{i}", "size": 0} for i in range(10_001)]
    assert sender.begin({"name": "x", "files": many}).status == 413
    assert left_in_queue(page.folder) == before
    upload = sender.begun({"name": "x", "files": many[:10_000]})
    assert len(sender.show(upload).json["files"]) == 10_000


def test_a_piece_is_of_16_mib_at_most(sender: Sender) -> None:
    upload = sender.begun({"name": "x", "files": [{"path": "a", "size": 40 * MIB}]})
    assert sender.put(upload, "a", bytes(16 * MIB)).status == 200
    assert sender.put(upload, "a", bytes(16 * MIB + 1), offset=16 * MIB).status == 413
    assert sender.show(upload).json["received"] == 16 * MIB


def test_a_body_of_2_gb_is_refused_before_it_is_sent(page: Served, sender: Sender) -> None:
    upload = sender.begun({"name": "x", "files": [{"path": "a", "size": 1}]})
    head = (
        f"PUT {UPLOADS}/{upload}/files/a?offset=0 HTTP/1.1\r\nHost: 127.0.0.1:{page.port}\r\n"
        f"Authorization: Bearer {page.token().secret}\r\nContent-Type: application/octet-stream\r\n"
        "Content-Length: 2000000000\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", page.port), timeout=20) as connection:
        connection.sendall(head.encode())
        assert connection.recv(64).startswith(b"HTTP/1.1 413 ")


def test_four_uploads_of_one_caller_go_on_at_once(page: Served, sender: Sender) -> None:
    plan = {"name": "x", "files": [{"path": "a", "size": 1}]}
    uploads = [sender.begun(plan) for _ in range(4)]
    fifth = sender.begin(plan)
    assert fifth.status == 409 and "4" in fifth.json["detail"]
    other = Sender(page.operator())
    assert other.remove(other.begun(plan)).status == 204
    assert sender.remove(uploads[0]).status == 204
    assert sender.begin(plan).status == 201


def test_what_is_not_in_the_plan_is_not_taken(page: Served, sender: Sender) -> None:
    upload = sender.begun({"name": "x", "files": [{"path": "a", "size": 1}]})
    for path in ("b", "a/b", "../a", "%2e%2e/a", "..%2fa", "/etc/passwd", "A", ".qm/job.json"):
        answer = sender.visitor.ask(
            f"{UPLOADS}/{upload}/files/{path}?offset=0",
            "PUT",
            b"x",
            **{"Content-Type": "application/octet-stream"},
        )
        assert answer.status == 404, (path, answer.text)
    assert os.listdir(staged(page, upload)) == []
    for wrong in ("?offset=-1", "?offset=x", "", "?offset=1e3", "?offset=99999999999999999999"):
        address = f"{UPLOADS}/{upload}/files/a{wrong}"
        answer = sender.visitor.ask(address, "PUT", b"x", **{"Content-Type": ""})
        assert answer.status == 422, wrong


@pytest.mark.parametrize("upload", ["x", "0" * 32, "..", "A" * 32, "0" * 5000])
def test_an_upload_that_is_none_is_not_found(sender: Sender, upload: str) -> None:
    assert sender.show(upload).status == 404
    assert sender.commit(upload).status == 404
    assert sender.remove(upload).status == 404


def test_what_is_not_complete_is_not_committed(page: Served, sender: Sender) -> None:
    upload = sender.begun(plan_of("short", FILES))
    sender.put(upload, "proc_config.cfg", JOB)
    answer = sender.commit(upload)
    assert answer.status == 409 and "2 files are not complete" in answer.json["detail"]
    assert not (page.folder / "QM_qJobs" / "short").exists()
    assert sender.put(upload, "run.sh", FILES["run.sh"]).status == 200


def test_what_came_damaged_is_sent_again(page: Served, sender: Sender) -> None:
    upload = sender.sent(
        "sums", {k: v for k, v in FILES.items() if k != "run.sh"} | {"run.sh": b""}
    )
    sender.remove(upload)
    upload = sender.begun(plan_of("sums", FILES))
    for path, data in FILES.items():
        sender.put(upload, path, bytes(len(data)) if path == "run.sh" else data)
    answer = sender.commit(upload)
    assert answer.status == 422 and '"run.sh"' in answer.json["detail"]
    received = {f["path"]: f["received"] for f in sender.show(upload).json["files"]}
    assert received["run.sh"] == 0 and received["data/in.txt"] == 10_000
    sender.put(upload, "run.sh", FILES["run.sh"])
    assert sender.commit(upload).status == 200


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ({"run.sh": b""}, "there is no proc_config.cfg"),
        ({"Proc_Config.cfg": JOB}, "rename it to proc_config.cfg"),
        ({"proc_config.cfg": b"[QMOptions]\nnb_proc : four\nscript : x"}, 'nb_proc = "four"'),
        ({"proc_config.cfg": JOB}, "run.sh, which the job runs, is not here"),
    ],
    ids=["no info file", "near miss", "bad value", "no script"],
)
def test_a_job_that_qm_would_refuse_is_refused_with_the_same_sentence(
    page: Served, sender: Sender, files: dict[str, bytes], says: str
) -> None:
    upload = sender.sent("refused", files)
    answer = sender.commit(upload)
    assert answer.status == 422 and says in answer.json["detail"], answer.text
    assert not (page.folder / "QM_qJobs" / "refused").exists()
    assert sender.remove(upload).status == 204


def test_an_option_that_cannot_be_is_refused(sender: Sender) -> None:
    upload = sender.sent("options")
    assert "nb_proc" in sender.commit(upload, changes={"nb_proc": "four"}).json["detail"]
    assert sender.commit(upload, changes={"nb_proc": 4}).status == 422
    assert sender.commit(upload, force=True).status == 422
    assert sender.commit(upload).status == 200


def test_a_file_that_looks_like_a_part_of_a_copy_is_taken(sender: Sender) -> None:
    upload = sender.sent("parts", {**FILES, "data.part": b"1"})
    assert sender.commit(upload).status == 200


def test_the_list_and_the_info_file_are_checked_before_anything_is_sent(sender: Sender) -> None:
    plan = plan_of("known", FILES)
    first = sender.visitor.send(f"{UPLOADS}/check", plan).json
    assert first["info_file"] == "proc_config.cfg" and first["job"] is None
    assert first["files"] == 3 and first["size"] == sum(map(len, FILES.values()))
    second = sender.visitor.send(f"{UPLOADS}/check", {**plan, "text": JOB.decode()}).json
    assert second["job"]["script"] == "sh run.sh" and second["refusal"] is None
    assert second["faults"] == []
    text = "[QMOptions]\nscript : python gone.py\n"
    third = sender.visitor.send(f"{UPLOADS}/check", {**plan, "text": text}).json
    assert third["refusal"] == "gone.py, which the job runs, is not here."
    wrong = sender.visitor.send(f"{UPLOADS}/check", {**plan, "text": "[QMOptions]\nnb_proc:x"})
    assert "proc_config.cfg line 2" in wrong.json["refusal"]
    nothing = sender.visitor.send(f"{UPLOADS}/check", plan_of("x", {"a/proc_config.cfg": JOB}))
    assert nothing.json["refusal"] and "drop the folder a" in nothing.json["hint"]
    large = sender.visitor.send(
        f"{UPLOADS}/check", {"name": "x", "files": [{"path": "a", "size": 65 * MIB}]}
    )
    assert any("Upload_limit" in fault for fault in large.json["faults"])


def test_a_viewer_cannot_upload(page: Served) -> None:
    for visitor in (page.viewer(), page.anonymous()):
        assert Sender(visitor).begin(plan_of("x", FILES)).status == 403
        assert visitor.ask(f"{UPLOADS}/{'0' * 32}").status == 403


def test_a_cancelled_upload_leaves_nothing(page: Served, sender: Sender) -> None:
    before = left_in_queue(page.folder)
    upload = sender.sent("cancelled")
    assert left_in_queue(page.folder) == sorted([*before, f".incoming-upload-{upload}"])
    assert sender.remove(upload).status == 204
    assert left_in_queue(page.folder) == before
    assert sender.put(upload, "run.sh", b"x").status == 404


def test_who_takes_the_folder_away_gets_an_answer(page: Served, sender: Sender) -> None:
    upload = sender.begun(plan_of("taken", FILES))
    staging = staged(page, upload).parent
    away = page.folder / "away"
    staging.rename(away)
    assert sender.put(upload, "run.sh", FILES["run.sh"]).status == 404
    assert sender.commit(upload).status == 404
    away.rename(staging)
    assert sender.put(upload, "run.sh", FILES["run.sh"]).status == 200


def test_a_link_that_somebody_put_there_is_not_written_through(
    page: Served, sender: Sender, tmp_path: Path
) -> None:
    upload = sender.begun(plan_of("linked", {"a": b"1", "d/b": b"2"}))
    victim = tmp_path / "victim"
    victim.write_bytes(b"")
    (staged(page, upload) / "a").symlink_to(victim)
    (staged(page, upload) / "d").symlink_to(tmp_path)
    assert sender.put(upload, "a", b"1").status == 409
    assert sender.put(upload, "d/b", b"2").status == 409
    assert victim.read_bytes() == b"" and os.listdir(tmp_path) == ["victim"]


def test_a_client_that_dies_in_a_piece_leaves_whole_pieces(page: Served, sender: Sender) -> None:
    data = os.urandom(2 * MIB)
    upload = sender.begun(plan_of("dies", {"big": data}))
    assert sender.put(upload, "big", data[:MIB]).status == 200
    head = (
        f"PUT {UPLOADS}/{upload}/files/big?offset={MIB} HTTP/1.1\r\n"
        f"Host: 127.0.0.1:{page.port}\r\nAuthorization: Bearer {page.token().secret}\r\n"
        f"Content-Type: application/octet-stream\r\nContent-Length: {MIB}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", page.port), timeout=20) as connection:
        connection.sendall(head.encode() + data[MIB : MIB + 1000])
    assert sender.show(upload).json["received"] == MIB
    assert sender.put(upload, "big", data[MIB:], offset=MIB).status == 200


def test_an_upload_outlives_the_process_of_the_page(tmp_path: Path) -> None:
    with page_of_empty_queue(tmp_path) as first:
        data = os.urandom(4 * MIB)
        files = {**FILES, "big": data}
        first.token()
        upload = Sender(first.program()).begun(plan_of("outlives", files))
        sender = Sender(first.program())
        sender.put(upload, "run.sh", files["run.sh"])
        sender.put(upload, "big", data[:MIB])
        first.process.kill()
        first.process.wait(10)
        assert left_in_queue(first.folder) == [f".incoming-upload-{upload}"]
        with served(first.folder, first.config, first.port) as second:
            sender = Sender(second.program())
            received = {f["path"]: f["received"] for f in sender.show(upload).json["files"]}
            assert received == {**dict.fromkeys(files, 0), "run.sh": 26, "big": MIB}
            for path in ("proc_config.cfg", "data/in.txt"):
                sender.put(upload, path, files[path])
            sender.put(upload, "big", data[MIB:], offset=MIB)
            assert sender.commit(upload).status == 200
            folder = second.folder / "QM_qJobs" / "outlives"
            assert {p: (folder / p).read_bytes() for p in files} == files
            second.process.kill()
            second.process.wait(10)
            with served(first.folder, first.config, first.port) as third:
                again = Sender(third.program()).commit(upload)
                assert again.status == 200 and again.json["name"] == "outlives"


def age(staging: Path, seconds: float) -> None:
    record = staging / "upload.json"
    moment = time.time() - seconds
    os.utime(record if record.exists() else staging, (moment, moment))


def test_what_nobody_is_at_is_swept_and_submissions_are_not(tmp_path: Path) -> None:
    with page_of_empty_queue(tmp_path) as first:
        first.token()
        sender = Sender(first.program())
        left, fresh = (sender.begun(plan_of(name, FILES)) for name in ("left", "fresh"))
        queue = first.folder / "QM_qJobs"
        for name in (
            ".incoming-" + "0" * 32,
            ".incoming-removed-x",
            ".incoming-upload-" + "1" * 32,
        ):
            (queue / name / "job").mkdir(parents=True)
            age(queue / name, 4000)
        age(queue / f".incoming-upload-{left}", 4000)
        first.process.kill()
        first.process.wait(10)
        kept = sorted([f".incoming-upload-{fresh}", ".incoming-" + "0" * 32])
        with served(first.folder, first.config, first.port) as second:
            wait_for("left ones are swept", lambda: left_in_queue(second.folder) == kept)
            sender = Sender(second.program())
            assert sender.show(left).status == 404
            assert sender.show(fresh).status == 200


def test_an_upload_of_before_a_power_cut_begins_anew(tmp_path: Path) -> None:
    with page_of_empty_queue(tmp_path) as first:
        first.token()
        upload = Sender(first.program()).sent("cut")
        record = staged(first, upload).parent / "upload.json"
        data = json.loads(record.read_bytes())
        record.write_text(json.dumps({**data, "boot": "another"}), encoding="utf-8")
        first.process.kill()
        first.process.wait(10)
        with served(first.folder, first.config, first.port) as second:
            assert Sender(second.program()).commit(upload).status == 404
            wait_for("it is swept", lambda: left_in_queue(second.folder) == [])


def test_a_crash_between_the_record_and_the_rename_is_gone_on_with(tmp_path: Path) -> None:
    with page_of_empty_queue(tmp_path) as first:
        first.token()
        upload = Sender(first.program()).sent("between")
        job = staged(first, upload)
        record = job.parent / "upload.json"
        data = json.loads(record.read_bytes())
        done = {**data, "committed": {"token": upload, "name": None}}
        record.write_text(json.dumps(done), encoding="utf-8")
        (job / ".qm").mkdir()
        (job / ".qm" / "submit.json").write_text("{}", encoding="utf-8")
        first.process.kill()
        first.process.wait(10)
        with served(first.folder, first.config, first.port) as second:
            sender = Sender(second.program())
            assert sender.show(upload).json["state"] == "receiving"
            assert sender.commit(upload).json["name"] == "between"
            assert os.listdir(second.folder / "QM_qJobs" / "between" / ".qm") == ["submit.json"]
            names = os.listdir(second.folder / "QM_qJobs" / "between")
            assert sorted(names) == [".qm", "data", "proc_config.cfg", "run.sh"]

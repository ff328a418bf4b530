"""Uploads whose client is killed, and several that end at the same moment."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.web.served import Served, page_of_empty_queue, served
from tests.web.uploading import FILES, Sender, left_in_queue, plan_of

pytestmark = pytest.mark.live

MIB = 1 << 20
CLIENT = """
import socket, sys, time
port, token, upload = sys.argv[1:]
head = (f"PUT /api/v1/uploads/{upload}/files/big?offset=1048576 HTTP/1.1\\r\\n"
        f"Host: 127.0.0.1:{port}\\r\\nAuthorization: Bearer {token}\\r\\n"
        "Content-Type: application/octet-stream\\r\\nContent-Length: 1048576\\r\\n\\r\\n")
with socket.create_connection(("127.0.0.1", int(port))) as connection:
    connection.sendall(head.encode() + bytes(500_000))
    print("sent", flush=True)
    time.sleep(600)
"""


def test_a_client_that_is_killed_before_the_page_restarts_leaves_no_job(tmp_path: Path) -> None:
    with page_of_empty_queue(tmp_path) as first:
        first.token()
        data = bytes(2 * MIB)
        files = {**FILES, "big": data}
        sender = Sender(first.program())
        upload = sender.begun(plan_of("killed", files))
        assert sender.put(upload, "big", data[:MIB]).status == 200
        arguments = [str(first.port), first.token().secret, upload]
        with subprocess.Popen(
            [sys.executable, "-c", CLIENT, *arguments], stdout=subprocess.PIPE
        ) as client:
            assert client.stdout is not None and client.stdout.readline() == b"sent\n"
            client.kill()
        first.process.terminate()
        first.process.wait(30)
        assert left_in_queue(first.folder) == [f".incoming-upload-{upload}"]
        with served(first.folder, first.config, first.port) as second:
            sender = Sender(second.program())
            received = {f["path"]: f["received"] for f in sender.show(upload).json["files"]}
            assert received == {**dict.fromkeys(files, 0), "big": MIB}
            assert sender.commit(upload).status == 409
            assert left_in_queue(second.folder) == [f".incoming-upload-{upload}"]
            assert sender.put(upload, "big", data[MIB:], offset=MIB).status == 200
            for path, content in FILES.items():
                assert sender.put(upload, path, content).status == 200
            assert sender.commit(upload).status == 200
            assert "killed" in left_in_queue(second.folder)


def test_who_finish_at_once_get_a_job_each(tmp_path: Path) -> None:
    with page_of_empty_queue(tmp_path) as page:
        page.token()
        finish_at_once(page)


def finish_at_once(page: Served) -> None:
    """Four uploads of one name, each committed twice, all in one moment."""
    sender = Sender(page.program())
    uploads = [sender.sent("at once") for _ in range(4)]
    with ThreadPoolExecutor(8) as pool:
        # Who asks again gets the same job.
        answers = list(pool.map(sender.commit, uploads * 2))
    assert {answer.status for answer in answers} <= {200, 409}
    made = {a.json["submission"]: a.json["name"] for a in answers if a.status == 200}
    assert sorted(made.values()) == ["at once", "at once.2", "at once.3", "at once.4"]
    for name in made.values():
        folder = page.folder / "QM_qJobs" / name
        assert {path: (folder / path).read_bytes() for path in FILES} == FILES

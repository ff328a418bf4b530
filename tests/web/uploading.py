"""A program that uploads, as the page's script does it."""

from __future__ import annotations

import hashlib
import io
import os
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from tests.web.served import Answer, Served, Visitor, page_of_empty_queue

UPLOADS = "/api/v1/uploads"
RAW = {"Content-Type": "application/octet-stream"}
JOB = b"[QMOptions]\nscript : sh run.sh\n"
RUN = b"cat data/in.txt > out.txt\n"
FILES = {"proc_config.cfg": JOB, "run.sh": RUN, "data/in.txt": b"1234567890" * 1000}


def plan_of(name: str, files: Mapping[str, bytes], **more: object) -> dict[str, Any]:
    """What is said before anything is sent."""
    sums = {path: hashlib.sha256(data).hexdigest() for path, data in files.items()}
    listed = [{"path": p, "size": len(d), "sha256": sums[p]} for p, d in files.items()]
    return {"name": name, "files": listed, **more}


@contextmanager
def page_with_limit(base: Path) -> Iterator[Served]:
    """A page without a manager, which takes 64 MiB at most."""
    with page_of_empty_queue(base, Upload_limit="64M") as opened:
        opened.token()
        yield opened


@dataclass(frozen=True, slots=True)
class Sender:
    """Somebody who uploads."""

    visitor: Visitor

    def begin(self, plan: Mapping[str, Any]) -> Answer:
        """Say what is to come."""
        return self.visitor.send(UPLOADS, plan)

    def begun(self, plan: Mapping[str, Any]) -> str:
        """The same; returns the id."""
        answer = self.begin(plan)
        assert answer.status == 201, answer.text
        return str(answer.json["id"])

    def put(self, upload: str, path: str, data: bytes, offset: int = 0) -> Answer:
        """One piece of a file."""
        address = f"{UPLOADS}/{upload}/files/{quote(path)}?offset={offset}"
        return self.visitor.ask(address, "PUT", data, **RAW)

    def put_zip(self, upload: str, data: bytes, offset: int = 0) -> Answer:
        """One piece of a zip."""
        address = f"{UPLOADS}/{upload}/archive?offset={offset}"
        return self.visitor.ask(address, "PUT", data, **RAW)

    def show(self, upload: str) -> Answer:
        """How far it is."""
        return self.visitor.ask(f"{UPLOADS}/{upload}")

    def commit(self, upload: str, **wishes: object) -> Answer:
        """Make it a job."""
        return self.visitor.send(f"{UPLOADS}/{upload}/commit", wishes)

    def remove(self, upload: str) -> Answer:
        """Take it back."""
        return self.visitor.ask(f"{UPLOADS}/{upload}", "DELETE")

    def sent(self, name: str, files: Mapping[str, bytes] = FILES, **more: object) -> str:
        """An upload with all of its files, not committed; returns the id."""
        upload = self.begun(plan_of(name, files, **more))
        for path, data in files.items():
            answer = self.put(upload, path, data)
            assert answer.status == 200, (path, answer.text)
        return upload

    def zip_sent(self, name: str, data: bytes) -> str:
        """An upload of a zip, not committed; returns the id."""
        upload = self.begun({"name": name, "archive": len(data)})
        assert self.put_zip(upload, data).status == 200
        return upload


def zipped(files: Mapping[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A zip with these entries, whatever their names."""
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w", method) as archive:
        for path, data in files.items():
            archive.writestr(zipfile.ZipInfo(path), data, method)
    return whole.getvalue()


def left_in_queue(folder: Path) -> list[str]:
    """Everything in QM_qJobs, also what nobody takes for a job."""
    return sorted(os.listdir(folder / "QM_qJobs"))

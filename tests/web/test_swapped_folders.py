"""Folders and files that are swapped for links, just between two looks of the page."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from qm.errors import QMError
from web.archive import Archive
from web.jobfolder import JobFolder
from web.problem import Problem
from web.uploads.incoming import Incoming, Piece
from web.uploads.plan import File

if sys.platform == "win32":
    pytest.skip("links are not for everybody there", allow_module_level=True)

INSIDE, SECRET = b"inside", b"a secret"
ENOUGH = 40
"""Times that the one and the other must have been met."""
PATIENCE = 30.0


@pytest.fixture
def job(tmp_path: Path) -> Path:
    """A job whose folder ``sub`` has a namesake elsewhere, with a secret in it."""
    for folder, text in (("job/sub", INSIDE), ("elsewhere", SECRET)):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "a.txt").write_bytes(text)
    return tmp_path / "job"


def to_and_fro(path: Path, target: Path) -> None:
    """Put a link to ``target`` in the place of ``path``, and take it away again."""
    aside, link = path.with_name("aside"), path.with_name("link")
    os.rename(path, aside)
    link.symlink_to(target)
    os.rename(link, path)
    os.unlink(path)
    os.rename(aside, path)


def anew(path: Path, target: Path) -> None:
    """The same where somebody makes the folder that is missing: it is another one each time."""
    shutil.rmtree(path, ignore_errors=True)
    with contextlib.suppress(FileExistsError):
        path.symlink_to(target)
    with contextlib.suppress(OSError):
        os.unlink(path)


@contextmanager
def swapped(
    path: Path, target: Path, swap: Callable[[Path, Path], None] = to_and_fro
) -> Iterator[None]:
    """Meanwhile ``path`` is, in turn, what it is and a link to ``target``."""
    over = threading.Event()

    def run() -> None:
        while not over.is_set():
            swap(path, target)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def outcomes(deed: Callable[[], bytes], enough: int = ENOUGH) -> Counter[bytes]:
    """What comes of doing it again and again, until it went well and wrong often enough."""
    found: Counter[bytes] = Counter()
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until and not (
        found[INSIDE] >= enough and found[b"refused"] >= enough
    ):
        try:
            found[deed()] += 1
        except (Problem, QMError, OSError):
            found[b"refused"] += 1
    return found


def read(job: Path) -> bytes:
    """The file as the page reads it."""
    with (
        JobFolder(lambda: str(job), os.lstat(job).st_ino) as folder,
        folder.file(("sub", "a.txt")) as file,
    ):
        return file.read_at(0, 100)


@pytest.mark.parametrize("part", ["sub", "sub/a.txt"])
def test_a_link_that_comes_between_two_looks_is_not_followed(job: Path, part: str) -> None:
    target = job.parent / "elsewhere" / part.removeprefix("sub").lstrip("/")
    with swapped(job / part, target):
        found = outcomes(lambda: read(job))
    assert found[INSIDE] >= 1 and found[b"refused"] >= 1, found
    assert set(found) == {INSIDE, b"refused"}


def test_nor_is_it_packed(job: Path) -> None:
    def packed() -> bytes:
        folder = JobFolder(lambda: str(job), os.lstat(job).st_ino)
        archive = Archive(folder, "job", ended=False)
        try:
            data = b"".join(archive)
        finally:
            archive.close()
        assert SECRET not in data
        return INSIDE if INSIDE in data else b"refused"

    with swapped(job / "sub", job.parent / "elsewhere"):
        found = outcomes(packed, 5)
    assert found[INSIDE] >= 1, found


def test_nor_does_an_upload_write_behind_it(job: Path) -> None:
    elsewhere = job.parent / "elsewhere"
    incoming, number = Incoming(str(job)), 0

    def send() -> bytes:
        nonlocal number
        number += 1
        incoming.receive(File(f"sub/{number}", 1), Piece(0, 1, lambda size: b"x"))
        return INSIDE

    with swapped(job / "sub", elsewhere, anew):
        found = outcomes(send)
    assert found[INSIDE] >= 1, found
    assert os.listdir(elsewhere) == ["a.txt"]

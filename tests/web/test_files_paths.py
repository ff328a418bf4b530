"""Which paths are refused unseen; where links lead; what browsers are told about files."""

from __future__ import annotations

import errno
import os
import re
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import bottle
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qm.osops import FolderHandle
from qm.osops.browsing import Item, Kind
from tests.web.jobs import raw_name
from web.archive import name_in_zip
from web.capability import HOUR, Capabilities
from web.content import Manner, is_text, manner_of, report_type, saved_as, type_of
from web.files import ANY_PATH
from web.jobfolder import JobFolder, problem_of_file
from web.jobpath import Parts, parts_of
from web.problem import Problem
from web.sending import FileBody, range_of

posix_only = pytest.mark.skipif(os.sep == "\\", reason="Windows has no such names")


@pytest.mark.parametrize(
    "path",
    [
        *("..", "../x", "a/../b", "a/..", ".", "a/./b", "/etc/passwd", "//host/share", "a//b"),
        *("C:", "C:\\x", "c:/x", "\\x", "\\\\host\\share", "..\\x", "a\\..\\b", "a/..\\b"),
        *("....//", "a\0b", "x" * 256, "x/" * 65, "/".join(["y" * 200] * 30)),
    ],
)
def test_a_path_that_could_lead_elsewhere_is_refused(path: str) -> None:
    with pytest.raises(Problem) as refused:
        parts_of(path)
    assert refused.value.status == 400


@pytest.mark.parametrize(
    ("path", "parts"),
    [
        *(("", ()), ("a", ("a",)), ("a/", ("a",)), ("a/b c", ("a", "b c"))),
        *(("%2e%2e/x", ("%2e%2e", "x")), ("...", ("...",)), ("a\nb", ("a\nb",))),
        ("x" * 255, ("x" * 255,)),
    ],
)
def test_other_paths_are_taken_as_they_are(path: str, parts: tuple[str, ...]) -> None:
    assert parts_of(path) == parts


@posix_only
@pytest.mark.parametrize("name", ["12:30.log", "a\\b", "C:x", "con", "x."])
def test_a_name_that_only_windows_dislikes_is_a_name(name: str) -> None:
    assert parts_of(name) == (name,)


@given(st.text(alphabet=st.sampled_from("ab./\\:%\0é\n "), max_size=30))
def test_whatever_is_taken_stays_inside(path: str) -> None:
    try:
        parts = parts_of(path)
    except Problem:
        return
    root = os.path.normpath("/top/job")
    joined = os.path.normpath(os.path.join(root, *parts))
    assert joined == root or joined.startswith(root + os.sep)
    assert not any(part in ("", ".", "..") or "\0" in part for part in parts)


def folder_at(path: Path) -> JobFolder:
    return JobFolder(lambda: str(path), os.lstat(path).st_ino)


@pytest.fixture
def job(tmp_path: Path) -> Path:
    """A job's folder beside things that are none of its business."""
    folder = tmp_path / "job"
    (folder / "sub" / "deep").mkdir(parents=True)
    (folder / "a.txt").write_text("a")
    (folder / "sub" / "deep" / "d.txt").write_text("d")
    (folder / ".qm").mkdir()
    (folder / ".qm" / "job.json").write_text("{}")
    (tmp_path / "job-secret").mkdir()
    (tmp_path / "job-secret" / "s.txt").write_text("secret")
    return folder


@pytest.mark.parametrize(
    "name", ["../job-secret/s.txt", "sub/../../job-secret/s.txt", "sub/deep/d.txt", "/etc/hostname"]
)
def test_a_single_name_is_no_path(job: Path, name: str) -> None:
    with folder_at(job) as folder, pytest.raises(Problem) as refused:
        folder.file((name,))
    assert refused.value.status == 404


@posix_only
@pytest.mark.parametrize(
    ("target", "found"),
    [
        *(("../a.txt", "a"), ("deep/d.txt", "d"), ("../sub/./deep//d.txt", "d")),
        *(("deep/../../sub/deep/d.txt", "d"), ("chain", "d")),
        *(("../../job-secret/s.txt", None), ("../../job/a.txt", None), ("../.qm/job.json", None)),
        *(("/etc/hostname", None), ("self", None), ("missing", None), ("", None)),
    ],
)
def test_a_link_is_followed_only_within_the_job(job: Path, target: str, found: str | None) -> None:
    (job / "sub" / "chain").symlink_to("deep/d.txt")
    (job / "sub" / "self").symlink_to("self")
    if target:
        (job / "sub" / "link").symlink_to(target)
    with folder_at(job) as folder:
        if found is None:
            with pytest.raises(Problem) as refused:
                folder.file(("sub", "link"))
            assert refused.value.status == 404
            assert not folder.leads_within(("sub", "link"))
            return
        with folder.file(("sub", "link")) as file:
            assert file.read_at(0, 10) == found.encode()
        assert folder.leads_within(("sub", "link"))


@posix_only
def test_a_folder_behind_a_link_is_a_folder_only_within_the_job(job: Path, tmp_path: Path) -> None:
    (job / "in").symlink_to("sub/deep")
    (job / "up").symlink_to("sub/..")
    (job / "out").symlink_to(tmp_path)
    with folder_at(job) as folder:
        assert folder.kind_of(("in",)) is Kind.FOLDER
        assert [item.name for item in folder.items(("in",), 9)[0]] == ["d.txt"]
        # Round about it is the job's own folder, and its records are hidden there too.
        assert folder.kind_of(("up",)) is Kind.FOLDER
        assert ".qm" not in [item.name for item in folder.items(("up",), 9)[0]]
        for path in (("out",), ("out", "job-secret"), ("out", "job-secret", "s.txt")):
            with pytest.raises(Problem) as refused:
                folder.kind_of(path)
            assert refused.value.status == 404


@pytest.mark.parametrize("name", [".qm", ".QM", ".qm.1"])
def test_the_records_of_a_job_are_not_shown(job: Path, name: str) -> None:
    (job / ".qm.1").mkdir()
    with folder_at(job) as folder:
        items, total = folder.items((), 10)
        assert ([item.name for item in items], total) == (["sub", "a.txt"], 2)
        with pytest.raises(Problem):
            folder.kind_of((name,))
        with pytest.raises(Problem):
            folder.file((name, "job.json"))


@posix_only
def test_the_records_are_not_shown_under_another_name_of_them(job: Path) -> None:
    # As a file system that leaves out some characters of a name would have it.
    with folder_at(job) as folder:
        inode = os.lstat(job / ".qm").st_ino
        assert folder._is_own(Item(".q\u200cm", Kind.FOLDER, 0, 0, inode))
        assert not folder._is_own(Item("sub", Kind.FOLDER, 0, 0, inode + 1))


@posix_only
def test_a_folder_put_in_place_of_the_job_is_not_taken_for_it(job: Path, tmp_path: Path) -> None:
    inode = os.lstat(job).st_ino
    os.rename(job, tmp_path / "moved")
    (tmp_path / "job").symlink_to(tmp_path / "job-secret")
    with pytest.raises(Problem) as gone:
        JobFolder(lambda: str(tmp_path / "job"), inode)
    assert gone.value.status == 404
    os.unlink(tmp_path / "job")
    (tmp_path / "job").mkdir()
    places = iter([str(tmp_path / "job"), str(tmp_path / "none"), str(tmp_path / "moved")])
    with JobFolder(lambda: next(places), inode) as folder, folder.file(("a.txt",)) as file:
        assert file.read_at(0, 9) == b"a"


def test_a_job_that_is_moved_while_it_is_looked_at_is_found_again(
    job: Path, tmp_path: Path
) -> None:
    where = [job]

    class KnownByPath(JobFolder):
        """As on Windows: what lies at a path that is stale is not found."""

        def _kind_of(self, parts: Parts) -> Kind:
            if not os.path.exists(self.top.path):
                raise FileNotFoundError(self.top.path)
            return super()._kind_of(parts)

        def _has_moved(self) -> bool:
            return not os.path.exists(self.top.path)

    with KnownByPath(lambda: str(where[0]), os.lstat(job).st_ino) as folder:
        where[0] = tmp_path / "done"
        os.rename(job, where[0])
        assert folder.kind_of(("a.txt",)) is Kind.FILE
        with pytest.raises(Problem) as missing:
            folder.kind_of(("none",))
    assert missing.value.status == 404


def read_disposition(header: str) -> tuple[str, str]:
    match = re.fullmatch(r"attachment; filename=\"([ -~]*)\"; filename\*=UTF-8''([!-~]*)", header)
    assert match is not None, header
    assert '"' not in match[1] and "\\" not in match[1]
    return match[1], unquote(match[2], errors="strict")


@pytest.mark.parametrize(
    ("name", "plain", "whole"),
    [
        ("results.csv", "results.csv", "results.csv"),
        ('a"b.txt', "a_b.txt", 'a"b.txt'),
        ("a\r\nSet-Cookie: x=1.txt", "a__Set-Cookie_ x=1.txt", "a__Set-Cookie: x=1.txt"),
        ("é€🧪.dat", "e.dat", "é€🧪.dat"),
        ("結果", "file", "結果"),
        ("evil\u202etxt.exe", "evil_txt.exe", "evil_txt.exe"),
        ("100%;x=\\'.txt", "100__x=__.txt", "100%;x=\\'.txt"),
        ("...", "file", "..."),
    ],
)
def test_a_file_is_saved_under_its_name(name: str, plain: str, whole: str) -> None:
    assert read_disposition(saved_as(name)) == (plain, whole)


@posix_only
def test_undecodable_bytes_in_a_name_are_no_harm() -> None:
    assert read_disposition(saved_as(raw_name(b"a\xff\xe9.bin"))) == ("a__.bin", "a__.bin")


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"])))
def test_every_name_gives_one_line_of_plain_characters(name: str) -> None:
    plain, whole = read_disposition(saved_as(name))
    assert plain and not {"\r", "\n", "\0"} & set(whole)
    assert len(whole) == len(name)


@pytest.mark.parametrize(
    ("name", "beginning", "manner"),
    [
        ("process.log", b"", Manner.TEXT),
        ("x.py", b"\xff\xfe", Manner.TEXT),
        ("data.xml", b"<?xml", Manner.TEXT),
        ("OUTCAR", b"energy = 3\n", Manner.TEXT),
        ("x.weird", "é".encode()[:1], Manner.TEXT),
        ("core", b"\x7fELF\0", Manner.SAVED),
        ("x.pdf.exe", b"MZ\0", Manner.SAVED),
        ("x.zip", b"PK\x03\x04", Manner.SAVED),
        ("plot.PNG", b"\x89PNG", Manner.PICTURE),
        ("r.html", b"", Manner.REPORT),
        ("r.HTM", b"", Manner.REPORT),
        ("r.svg", b"", Manner.REPORT),
        ("r.xht", b"", Manner.REPORT),
        ("r.svgz", b"\x1f\x8b", Manner.SAVED),
        ("r.mhtml", b"<html>", Manner.TEXT),
    ],
)
def test_a_file_is_given_by_its_name_and_beginning(
    name: str, beginning: bytes, manner: Manner
) -> None:
    assert manner_of(name, beginning) is manner


@given(st.text(max_size=20), st.binary(max_size=20))
def test_nothing_of_a_job_is_given_as_markup_on_our_own_pages(name: str, data: bytes) -> None:
    manner = manner_of(name, data)
    assert type_of(name, manner).partition(";")[0] in {
        *("text/plain", "application/octet-stream"),
        *("image/png", "image/jpeg", "image/gif", "image/webp"),
    }
    assert report_type(name).isascii()


def test_text_may_be_cut_off_within_a_character() -> None:
    assert is_text("héé".encode()[:-1]) and is_text(b"\x1b[31mred\x1b[0m\t\r\n")
    assert not is_text(b"a\0b") and not is_text(b"\xe9t\xe9")


class Clock:
    now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


def test_the_address_of_a_report_opens_one_job_for_an_hour() -> None:
    clock = Clock()
    keys = Capabilities(clock)
    token = keys.issue("7")
    expiry, _, mac = token.partition(".")
    assert keys.allows(token, "7")
    altered = [f"{int(expiry) + 1}.{mac}", f"{expiry}.{'0' * 32}", f"{expiry}.{mac[:-1]}", mac]
    for wrong in (*altered, f"{token}0", f" {token}", "", "1.", f"-{token}", f"{expiry}.é"):
        assert not keys.allows(wrong, "7"), wrong
    assert not keys.allows(token, "8") and not keys.allows(token, "QM_dJobs:7")
    assert not Capabilities(clock).allows(token, "7"), "another start of the page"
    clock.now += HOUR - 1
    assert keys.allows(token, "7")
    clock.now += 1
    assert not keys.allows(token, "7")


def test_a_key_may_hold_bytes_that_are_no_text() -> None:
    keys = Capabilities(Clock())
    assert keys.allows(keys.issue("QM_dJobs:\udcff"), "QM_dJobs:\udcff")


@pytest.mark.parametrize(
    ("header", "part"),
    [
        *(("bytes=0-", (0, 10)), ("bytes=2-4", (2, 5)), ("bytes=-3", (7, 10))),
        *(("bytes=0-99", (0, 10)), ("bytes=-99", (0, 10)), ("BYTES=9-9", (9, 10))),
        *(("", None), ("bytes=-", None), ("bytes=4-2", None), ("lines=1-2", None)),
        *(("bytes=0-1,3-4", None), ("bytes=a-b", None), ("bytes=--1", None)),
    ],
)
def test_a_range_is_read(header: str, part: tuple[int, int] | None) -> None:
    assert range_of(header, 10) == part


@pytest.mark.parametrize("header", ["bytes=10-", "bytes=99-100", "bytes=-0"])
def test_a_range_behind_the_end_is_empty(header: str) -> None:
    first, end = range_of(header, 10) or (0, 1)
    assert first >= end


@given(st.binary(max_size=50), st.data())
def test_pieces_of_a_file_are_what_was_asked_for(whole: bytes, data: Any) -> None:
    start = data.draw(st.integers(0, len(whole)))
    end = data.draw(st.integers(start, len(whole)))

    class File:
        def read_at(self, offset: int, size: int) -> bytes:
            return whole[offset : offset + size]

        def close(self) -> None:
            pass

    body = FileBody(File(), start, end)  # type: ignore[arg-type]
    pieces = []
    while piece := body.read(data.draw(st.integers(1, 9))):
        pieces.append(piece)
    assert b"".join(pieces) == whole[start:end]
    body.seek(start)
    assert body.read() == whole[start:end]


def test_others_get_a_turn_while_a_large_file_is_sent(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(bytes(5 << 20))
    with folder_at(tmp_path) as folder, folder.file(("f",)) as file:
        body, sent, pauses, since = FileBody(file, 0, 5 << 20), 0, 0, 0
        while body.tell() < 5 << 20:
            piece = body.read(300_000)
            sent += len(piece)
            since = since + len(piece) if piece else 0
            pauses += not piece
            assert since < 2 << 20
    assert (sent, pauses) == (5 << 20, 4)


def test_a_file_that_is_cut_off_while_it_is_sent_ends_the_answer(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"0123456789")
    with folder_at(tmp_path) as folder, folder.file(("f",)) as file:
        body = FileBody(file, 0, 10)
        assert body.read(5) == b"01234"
        os.truncate(tmp_path / "f", 7)
        with pytest.raises(OSError, match="cut off"):
            body.read(5)


@posix_only
def test_names_in_a_zip_lead_nowhere_on_any_system() -> None:
    assert name_in_zip("job", ("a b", "é")) == "job/a b/é"
    assert name_in_zip("job", ("..\\x", "a\nb")) == "job/..%5Cx/a%0Ab"
    assert name_in_zip("j\\", (raw_name(b"\xff"),)) == "j%5C/%FF"


def test_bottle_takes_a_rule_for_names_with_line_feeds() -> None:
    app = bottle.Bottle()
    app.route(f"/f/{ANY_PATH}", "GET", lambda path: path)
    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/f/a\nb/c\n"}
    assert app.router.match(environ)[1] == {"path": "a\nb/c\n"}


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (PermissionError(errno.EACCES, "Permission denied"), 403),
        (FileNotFoundError(errno.ENOENT, "No such file"), 404),
        (OSError(errno.ENAMETOOLONG, "File name too long"), 404),
        (OSError(errno.EIO, "Input/output error"), 503),
    ],
)
def test_what_cannot_be_read_says_why(error: OSError, status: int) -> None:
    problem = problem_of_file(error)
    assert problem.status == status and problem.detail.endswith(".")


def test_a_handle_is_let_go_of(job: Path) -> None:
    folder = folder_at(job)
    assert isinstance(folder.top, FolderHandle)
    folder.close()
    folder.close()

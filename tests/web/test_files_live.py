"""Files of jobs as browsers get them: what is shown how, and what is not to be had at all."""

from __future__ import annotations

import contextlib
import io
import os
import re
import socket
import sys
import threading
import time
import zipfile
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from statistics import median
from urllib.parse import quote

import psutil
import pytest

from tests.live.harness import wait_for
from tests.web.cost import cost_of, seconds_of
from tests.web.jobs import WAYS_OUT, Shown, fill, raw_name, shown_queue
from tests.web.served import is_our_picture
from web.content import FILE_HEADERS, REPORT_HEADERS
from web.headers import POLICY

pytestmark = pytest.mark.live

if sys.platform == "win32":
    pytest.skip("these names and files are POSIX's", allow_module_level=True)

SECRET = "the secret of another folder"
NASTY = [
    "<img src=x onerror=alert(1)>",
    "\"'><script>alert(1)<\u2215script>",
    "javascript:alert(1)",
    "{{7*7}}%0d%0a?x#y&amp;",
    "line\nfeed\r\x1b[31m",
    "evil\u202etxt.exe",
    "🧪 é.txt",
    raw_name(b"caf\xe9.txt"),
]
PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shown]:
    """A queue whose neighbours hold secrets, and its page."""
    base = tmp_path_factory.mktemp("files")
    fill(base / "QM-secret", **{"s.txt": SECRET.encode()})
    with shown_queue(base) as opened:
        yield opened


@pytest.fixture(scope="module")
def job(shown: Shown) -> Path:
    """A job with one file of each kind."""
    _, folder = shown.ended("kinds")
    fill(folder, **{"a.txt": b"text", "data.xml": b"<x/>", "p.png": PNG, "core": b"\x7fELF\0"})
    fill(folder, **{"r.html": b"<h1>r</h1>", "r.svg": b"<svg/>", "r.pdf": b"%PDF", "r.xhtml": b""})
    fill(folder, **{"style.css": b"h1{}", "code.js": b"1", "empty.log": b"", "data.npz": b"PK\0"})
    fill(folder / "sub", **{"d.txt": b"deep"})
    return folder


class Elements(HTMLParser):
    """All elements of a page with their attributes, and its text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.words = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words += data


def test_a_list_shows_names_sizes_and_times_folders_first(shown: Shown, job: Path) -> None:
    page = shown.visitor.ask(shown.files("kinds"))
    assert page.status == 200
    names = re.findall(r'<td><a href="[^"]*">([^<]*)</a>', page.text)
    assert names[0] == "sub/" and names[1:] == sorted(names[1:], key=str.casefold)
    assert {"a.txt", "process.log", "proc_config.cfg"} < set(names)
    assert ".qm" not in page.text
    assert '<td class="n">4 B</td>' in page.text
    deeper = shown.visitor.ask(f"{shown.files('kinds')}/sub")
    assert "d.txt" in deeper.text and f'href="{shown.files("kinds")}">../</a>' in deeper.text


@pytest.mark.parametrize(("sort", "first"), [("size", "process.log"), ("changed", "new")])
def test_a_list_is_sorted_as_asked(shown: Shown, sort: str, first: str) -> None:
    _, folder = shown.ended("sorted")
    fill(folder, new=b"1", old=b"22")
    os.utime(folder / "old", (1_000_000_000, 1_000_000_000))
    os.utime(folder / "new", (4_000_000_000, 4_000_000_000))
    page = shown.visitor.ask(f"{shown.files('sorted')}?sort={sort}").text
    assert re.findall(r'<td><a href="[^"]*">([^<]*)</a>', page)[0] == first


def test_a_big_folder_is_cut_with_a_note(shown: Shown) -> None:
    _, folder = shown.ended("many")
    (folder / "big").mkdir()
    for number in range(1200):
        (folder / "big" / f"f{number}").touch()
    page = shown.visitor.ask(f"{shown.files('many')}/big").text
    assert page.count('<td><a href="/job/') == 1001, "and the way up"
    assert "The first 1000 of 1200 entries" in page
    assert "f999</a>" in page and "f1000</a>" not in page


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        *(("a.txt", "text/plain; charset=utf-8"), ("data.xml", "text/plain; charset=utf-8")),
        *(("style.css", "text/plain; charset=utf-8"), ("code.js", "text/plain; charset=utf-8")),
        *(("p.png", "image/png"), ("core", "application/octet-stream")),
        *(("data.npz", "application/octet-stream"), ("empty.log", "text/plain; charset=utf-8")),
    ],
)
def test_a_file_goes_out_as_what_it_is(shown: Shown, job: Path, name: str, kind: str) -> None:
    answer = shown.visitor.ask(f"{shown.files('kinds')}/{name}")
    assert (answer.status, answer.body) == (200, (job / name).read_bytes())
    assert answer.headers["content-type"] == kind
    assert ("content-disposition" in answer.headers) == (kind == "application/octet-stream")
    for header, value in FILE_HEADERS.items():
        assert answer.headers[header.lower()] == value
    # A browser shows nothing that has both a sandbox and an opener policy.
    assert "cross-origin-opener-policy" not in answer.headers
    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize("name", ["r.html", "r.svg", "r.pdf", "r.xhtml"])
def test_a_report_is_shown_apart(shown: Shown, job: Path, name: str) -> None:
    sent = shown.visitor.ask(f"{shown.files('kinds')}/{name}")
    assert sent.status == 303 and re.fullmatch(
        rf"/s/[0-9]+\.[0-9a-f]{{32}}/[0-9]+/{name}", sent.headers["location"]
    )
    answer = shown.page.ask(sent.headers["location"])
    assert (answer.status, answer.body) == (200, (job / name).read_bytes())
    for header, value in REPORT_HEADERS.items():
        assert answer.headers[header.lower()] == value
    for absent in ("cross-origin-resource-policy", "cross-origin-opener-policy", "set-cookie"):
        assert absent not in answer.headers


def report_of(shown: Shown, name: str, file: str) -> str:
    """The address under which a report is shown."""
    return shown.visitor.ask(f"{shown.files(name)}/{file}").headers["location"]


def test_the_address_of_a_report_opens_what_lies_beside_it_and_no_more(
    shown: Shown, job: Path
) -> None:
    address = report_of(shown, "kinds", "r.html")
    beside = address.removesuffix("r.html")
    assert shown.page.ask(f"{beside}style.css").headers["content-type"].startswith("text/css")
    assert shown.page.ask(f"{beside}code.js").headers["content-type"].startswith("text/javascript")
    assert shown.page.ask(f"{beside}sub/d.txt").text == "deep"
    other, _ = shown.ended("other")
    token, mine = address.split("/")[2:4]
    expiry, _, mac = token.partition(".")
    for wrong in (
        f"/s/{token}/{other}/process.log",
        f"/s/{token}/0{mine}/r.html",
        f"/s/{int(expiry) + 1}.{mac}/{mine}/r.html",
        f"/s/{int(expiry) - 7200}.{mac}/{mine}/r.html",
        f"/s/{expiry}.{mac[::-1]}/{mine}/r.html",
        f"/s/{expiry}/{mine}/r.html",
        f"/s//{mine}/r.html",
        f"{beside}.qm/job.json",
        f"{beside}../../{other}/process.log",
        f"{beside}%2e%2e/QM_dJobs/other/process.log",
        f"{beside}sub",
        f"{beside}sub/",
        beside,
    ):
        answer = shown.page.ask(wrong)
        assert answer.status in (400, 404), wrong
        assert b"Job started" not in answer.body and b"<h1>r</h1>" not in answer.body
    assert shown.page.ask(address, Host="evil.example").status == 421


def test_a_folder_of_a_report_opens_at_its_first_page(shown: Shown) -> None:
    _, folder = shown.ended("site")
    fill(folder, **{"r.html": b""})
    fill(folder / "html", **{"index.html": b"<h1>front</h1>"})
    address = report_of(shown, "site", "r.html").removesuffix("r.html")
    assert shown.page.ask(f"{address}html/").text == "<h1>front</h1>"


def test_names_with_markup_are_only_names(shown: Shown) -> None:
    _, folder = shown.ended("nasty")
    fill(folder, **dict.fromkeys(NASTY, b"x"))
    page = shown.visitor.ask(shown.files("nasty"))
    assert page.headers["content-security-policy"] == POLICY
    elements = Elements(page.text)
    assert "style" not in {tag for tag, _ in elements.found}
    images = [given.get("src") for tag, given in elements.found if tag == "img"]
    assert all(map(is_our_picture, images)), images
    assert not [name for _, given in elements.found for name in given if name.startswith("on")]
    scripts = [attributes for tag, attributes in elements.found if tag == "script"]
    assert all((attributes.get("src") or "").startswith("/static/") for attributes in scripts)
    for name in ("<img src=x onerror=alert(1)>", "javascript:alert(1)", "{{7*7}}%0d%0a?x#y&amp;"):
        assert name in elements.words
    for hidden in ("\x1b", "\u202e"):
        assert hidden not in page.text
    links = [a.get("href") or "" for tag, a in elements.found if tag == "a"]
    links.remove("#main")
    assert all(link.startswith("/") and not link.startswith("//") for link in links)


@pytest.mark.parametrize("name", NASTY)
def test_a_file_of_any_name_is_to_be_had_by_its_link(shown: Shown, name: str) -> None:
    _, folder = shown.ended("nasty")
    fill(folder, **{name: name.encode("utf-8", "surrogateescape")})
    address = f"{shown.files('nasty')}/{quote(os.fsencode(name), safe='')}"
    assert f'href="{address}"' in shown.visitor.ask(shown.files("nasty")).text
    raw = shown.page.raw(
        f"GET {address}?download HTTP/1.1\r\nHost: localhost\r\n"
        f"Cookie: {shown.visitor.headers['Cookie']}\r\nConnection: close\r\n\r\n".encode()
    )
    head, _, body = raw.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200") and body == os.fsencode(name)
    lines = [line for line in head.split(b"\r\n") if line.lower().startswith(b"content-disp")]
    assert len(lines) == 1 and lines[0].isascii() and b"filename*=UTF-8''" in lines[0]
    assert b"\r" not in lines[0] and b"\n" not in lines[0]


@pytest.mark.parametrize("path", WAYS_OUT)
@pytest.mark.parametrize("base", ["{files}/", "{report}"])
def test_no_path_leads_out_of_a_job(shown: Shown, job: Path, base: str, path: str) -> None:
    report = report_of(shown, "kinds", "r.html").removesuffix("r.html")
    status, answer = shown.raw(base.format(files=shown.files("kinds"), report=report) + path)
    assert status in (400, 404), answer[:200]
    assert SECRET.encode() not in answer and b"root:" not in answer
    assert b"\r\nSet-Cookie: x" not in answer


def test_links_out_of_a_job_are_named_and_not_followed(shown: Shown) -> None:
    number, folder = shown.ended("links")
    outside = shown.queue.folder.parent / "QM-secret"
    fill(folder / "sub", **{"d.txt": b"deep"})
    (folder / "file").symlink_to(outside / "s.txt")
    (folder / "folder").symlink_to(outside)
    (folder / "passwd").symlink_to("/etc/passwd")
    (folder / "sideways").symlink_to("../other")
    (folder / "within").symlink_to("sub/d.txt")
    page = shown.visitor.ask(shown.files("links")).text
    for name in ("file", "folder", "passwd", "sideways"):
        assert re.search(rf">\s*{name}\s*<small>a link that leads nowhere in this job", page), name
    assert f'href="{shown.files("links")}/within">within</a>' in page
    for path in ("file", "folder", "folder/s.txt", "passwd", "sideways", "sideways/process.log"):
        answer = shown.visitor.ask(f"{shown.files('links')}/{path}")
        assert answer.status == 404 and SECRET not in answer.text
    assert shown.visitor.ask(f"{shown.files('links')}/within").text == "deep"
    packed = shown.visitor.ask(f"/job/{number}/archive.zip").body
    names = zipfile.ZipFile(io.BytesIO(packed)).namelist()
    assert set(names) == {f"links/{n}" for n in ("sub/", "sub/d.txt", "process.log")} | {
        "links/proc_config.cfg"
    }
    assert SECRET.encode() not in packed


def test_pipes_sockets_and_devices_do_not_hang_the_page(shown: Shown) -> None:
    number, folder = shown.ended("odd")
    os.mkfifo(folder / "pipe")
    (folder / "device").symlink_to("/dev/zero")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(os.path.relpath(folder / "socket"))
    for name in ("pipe", "socket", "device"):
        # Whatever hangs does so until the client gives up, after 20 s.
        assert shown.visitor.ask(f"{shown.files('odd')}/{name}").status == 404
    assert "a pipe, a socket or a device" in shown.visitor.ask(shown.files("odd")).text
    packed = zipfile.ZipFile(io.BytesIO(shown.visitor.ask(f"/job/{number}/archive.zip").body))
    assert {"odd/pipe", "odd/socket", "odd/device"}.isdisjoint(packed.namelist())


def test_a_range_of_a_file_is_sent(shown: Shown, job: Path) -> None:
    fill(job, **{"r.log": b"0123456789"})
    address = f"{shown.files('kinds')}/r.log"
    part = shown.visitor.ask(address, Range="bytes=2-4")
    assert (part.status, part.text, part.headers["content-range"]) == (206, "234", "bytes 2-4/10")
    assert shown.visitor.ask(address, Range="bytes=-3").text == "789"
    behind = shown.visitor.ask(address, Range="bytes=10-")
    assert (behind.status, behind.headers["content-range"]) == (416, "bytes */10")
    several = shown.visitor.ask(address, Range="bytes=0-1,4-5")
    assert (several.status, several.text) == (200, "0123456789")


def test_a_file_that_has_not_changed_is_not_sent_again(shown: Shown, job: Path) -> None:
    fill(job, **{"old.log": b"0123456789"})
    os.utime(job / "old.log", (1_700_000_000, 1_700_000_000))
    address = f"{shown.files('kinds')}/old.log"
    first = shown.visitor.ask(address)
    tag, date = first.headers["etag"], first.headers["last-modified"]
    assert tag.startswith('"') and date == "Tue, 14 Nov 2023 22:13:20 GMT"
    for known in ({"If-None-Match": f'"x", W/{tag}'}, {"If-Modified-Since": date}):
        same = shown.visitor.ask(address, **known)
        assert (same.status, same.body) == (304, b"")
    assert shown.visitor.ask(address, **{"If-None-Match": '"x"'}).status == 200
    assert shown.visitor.ask(address, **{"If-Modified-Since": "nonsense"}).status == 200
    for condition, status in ((tag, 206), (date, 206), ('"x"', 200), (f"W/{tag}", 200)):
        part = shown.visitor.ask(address, Range="bytes=0-0", **{"If-Range": condition})
        assert part.status == status
    head = shown.visitor.ask(address, "HEAD")
    assert (head.status, head.body, head.headers["content-length"]) == (200, b"", "10")
    with open(job / "old.log", "ab") as log:
        log.write(b"more")
    grown = shown.visitor.ask(address, **{"If-None-Match": tag})
    assert (grown.status, grown.text) == (200, "0123456789more")
    assert grown.headers["etag"].startswith("W/"), "it may change again within one tick"


def test_the_end_of_a_huge_log_comes_at_once(shown: Shown) -> None:
    _, folder = shown.ended("huge")
    with open(folder / "huge.log", "wb") as log:
        log.truncate(5 << 30)
        log.seek(0, os.SEEK_END)
        log.write(b"last line\n")
    with cost_of(shown.page) as cost:
        answer = shown.visitor.ask(f"{shown.files('huge')}/huge.log", Range="bytes=-10")
    assert (answer.status, answer.text) == (206, "last line\n")
    assert cost.read < 50 << 20
    os.truncate(folder / "huge.log", 0)


@pytest.mark.slow
def test_a_large_download_keeps_nobody_else_waiting(shown: Shown) -> None:
    _, folder = shown.ended("heavy")
    with open(folder / "heavy.log", "wb") as log:
        log.truncate(1 << 30)
    waits: list[float] = []
    begun = time.monotonic()
    with begin_to_read(shown, f"{shown.files('heavy')}/heavy.log", 1 << 20) as connection:
        reader = threading.Thread(target=rest_of, args=(connection,))
        reader.start()
        while reader.is_alive():
            waits.append(seconds_of(lambda: shown.page.ask("/healthz")))
        reader.join()
    took = time.monotonic() - begun
    os.truncate(folder / "heavy.log", 0)
    # Who has to wait for the whole download does so once.
    assert len(waits) > 5 and median(waits) < took / 5


def test_a_zip_holds_the_job_and_its_length_is_known(shown: Shown, job: Path) -> None:
    number, _ = shown.ended("kinds")
    answer = shown.visitor.ask(f"/job/{number}/archive.zip")
    assert answer.status == 200 and answer.headers["content-type"] == "application/zip"
    assert int(answer.headers["content-length"]) == len(answer.body)
    assert answer.headers["content-disposition"].startswith('attachment; filename="kinds.zip"')
    packed = zipfile.ZipFile(io.BytesIO(answer.body))
    assert packed.testzip() is None
    names = packed.namelist()
    assert "kinds/sub/d.txt" in names and not any(".qm" in name for name in names)
    assert packed.read("kinds/p.png") == PNG and packed.read("kinds/empty.log") == b""
    assert shown.visitor.ask(f"/job/{number}/archive.zip", "HEAD").body == b""


def test_names_in_a_zip_are_harmless_where_it_is_unpacked(shown: Shown) -> None:
    number, folder = shown.ended("unpack")
    fill(folder, **{"..\\..\\evil.bat": b"1", raw_name(b"\xff.txt"): b"2", "é.txt": b"3"})
    packed = zipfile.ZipFile(io.BytesIO(shown.visitor.ask(f"/job/{number}/archive.zip").body))
    assert {"unpack/..%5C..%5Cevil.bat", "unpack/%FF.txt", "unpack/é.txt"} < set(packed.namelist())


def begin_to_read(shown: Shown, address: str, buffer: int = 4096) -> socket.socket:
    """A connection that has got the head of an answer, and no more than ``buffer`` of the rest."""
    connection = socket.create_connection(("127.0.0.1", shown.page.port), timeout=20)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
    head = f"GET {address} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
    connection.sendall(f"{head}Cookie: {shown.visitor.headers['Cookie']}\r\n\r\n".encode())
    assert connection.recv(15) == b"HTTP/1.1 200 OK"
    return connection


def test_two_zips_are_made_at_once_and_the_next_waits_its_turn(shown: Shown) -> None:
    number, folder = shown.ended("large")
    with open(folder / "big", "wb") as big:
        big.truncate(64 << 20)
    address = f"/job/{number}/archive.zip"
    with begin_to_read(shown, address), begin_to_read(shown, address):
        third = shown.visitor.ask(address)
        assert third.status == 503 and int(third.headers["retry-after"]) > 0
        assert shown.visitor.ask(shown.files("large")).status == 200
    # Whoever left has given the turn back.
    wait_for("a turn is free", lambda: shown.visitor.ask(address).status == 200)


def rest_of(connection: socket.socket) -> int:
    """How many bytes still come until the other side closes."""
    total = 0
    with contextlib.suppress(ConnectionError):
        while piece := connection.recv(1 << 20):
            total += len(piece)
    return total


@pytest.mark.parametrize("what", ["archive.zip", "files/shrinks"])
def test_what_is_cut_off_while_it_is_sent_is_seen_to_be_incomplete(shown: Shown, what: str) -> None:
    number, folder = shown.ended("cut")
    with open(folder / "shrinks", "wb") as big:
        big.truncate(64 << 20)
    with begin_to_read(shown, f"/job/{number}/{what}", 1 << 16) as connection:
        os.truncate(folder / "shrinks", 0)
        assert rest_of(connection) < 64 << 20
    assert shown.visitor.ask(shown.files("cut")).status == 200


def test_a_job_that_runs_is_packed_as_it_is_and_followed_when_it_ends(shown: Shown) -> None:
    shown.queue.drop("runs", "while [ ! -e stop ]; do echo line; sleep 0.05; done")
    folder = shown.queue.wait_running("runs")
    number = int(shown.queue.record("runs", "job.json")["id"])
    wait_for("the index has it", lambda: shown.visitor.ask(f"/job/{number}/files").status == 200)
    answer = shown.visitor.ask(f"/job/{number}/archive.zip")
    assert answer.status == 200 and "content-length" not in answer.headers
    packed = zipfile.ZipFile(io.BytesIO(answer.body))
    assert packed.testzip() is None
    assert packed.read("runs/process.log").startswith(b"Job started by QM at")
    log = f"/job/{number}/files/process.log"
    assert shown.visitor.ask(log).status == 200
    (folder / "stop").touch()
    while shown.queue.where("runs") != "QM_dJobs":
        answer = shown.visitor.ask(log)
        assert answer.status == 200, answer.text
    assert "Job finished at" in shown.visitor.ask(log).text


def test_a_job_of_another_name_and_one_without_a_folder_are_told(shown: Shown) -> None:
    number, folder = shown.ended("renamed")
    os.rename(folder, folder.with_name("renamed by hand"))
    assert shown.visitor.ask(f"/job/{number}/files").status == 200
    assert shown.visitor.ask("/job/99999/files").status == 404
    assert shown.visitor.ask("/job/9999999999999999999999/files").status == 404
    assert shown.visitor.ask("/job/-1/files").status == 404
    gone, folder = shown.ended("gone")
    os.rename(folder, shown.queue.folder.parent / "taken away")
    answer = shown.visitor.ask(f"/job/{gone}/files")
    assert answer.status == 404


def test_a_file_that_may_not_be_read_is_told(shown: Shown, job: Path) -> None:
    fill(job, **{"private.txt": b"x"})
    (job / "private.txt").chmod(0)
    if os.access(job / "private.txt", os.R_OK):
        pytest.skip("this person may read everything")
    answer = shown.visitor.ask(f"{shown.files('kinds')}/private.txt")
    assert answer.status == 403 and "no right" in answer.text


def test_the_page_has_made_no_mistake_and_left_nothing_open_meanwhile(shown: Shown) -> None:
    assert "request " not in shown.page.said() and "mistake" not in shown.page.said()
    process = psutil.Process(shown.page.process.pid)

    def left() -> list[str]:
        return [file.path for file in process.open_files() if "QM_" in file.path]

    wait_for("all files of jobs are closed", lambda: left() == [])


def test_without_display_details_files_are_for_operators(tmp_path: Path) -> None:
    with shown_queue(tmp_path, Display_details="no") as shown:
        number, _ = shown.ended("one")
        for path in ("files", "files/process.log", "archive.zip"):
            answer = shown.page.viewer().ask(f"/job/{number}/{path}")
            assert answer.status == 403 and "operator" in answer.text
            assert b"Job started" not in answer.body
            assert shown.visitor.ask(f"/job/{number}/{path}").status == 200


@pytest.mark.parametrize("path", ["files", "files/process.log", "archive.zip"])
def test_for_others_a_login_comes_first(tmp_path: Path, path: str) -> None:
    with shown_queue(tmp_path, Host="0.0.0.0") as shown:
        number, folder = shown.ended("one")
        fill(folder, **{"r.html": b"<h1>r</h1>"})
        address = f"/job/{number}/{path}"
        answer = shown.page.ask(address)
        assert answer.status == 401 and b"Job started" not in answer.body
        to_login = shown.page.ask(address, Accept="text/html")
        assert (to_login.status, to_login.body) == (303, b"")
        assert shown.page.ask(report_of(shown, "one", "r.html")).text == "<h1>r</h1>"

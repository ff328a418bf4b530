"""Paths that want out: in every variable part of every route, and what is asked of the disk."""

from __future__ import annotations

import os
import re
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.live.harness import wait_for
from tests.web.jobs import WAYS_OUT, Shown, fill, shown_queue
from tests.web.served import (
    Served,
    application,
    digest_of,
    example_path,
    free_port,
    served,
    write_config,
)
from web.routing import rules_of

pytestmark = pytest.mark.live

if sys.platform == "win32":
    pytest.skip("these files are POSIX's", allow_module_level=True)

SECRET = "the secret of another folder"
NOWHERE = "a-name-that-nothing-has"
MORE_WAYS = [
    *("..", "../..", "..;/x", "..%00/x", "..%c0%af..", "..%ef%bc%8fx", "%2e%2e%2f%2e%2e%2fetc"),
    *("~root", "file:%2f%2f%2fetc%2fpasswd", "%5c%5c%3f%5cC:%5cx", "a%0ab"),
    *("%", "%zz", "%e2%80%ae", "1%00", "1;x", "1%0d%0a", "1e3", "0x1", "1_0", "%E2%91%A0"),
]
ABSOLUTE = [
    f"/{NOWHERE}/x",
    f"//{NOWHERE}/share/x",
    f"%2f{NOWHERE}",
    f"%2f%2f{NOWHERE}%2fshare",
    f"C:%5c{NOWHERE}",
    f"C:/{NOWHERE}",
    f"%5c%5c{NOWHERE}%5cshare",
    f"../../{NOWHERE}",
    f"..%2f..%2f{NOWHERE}",
    f"..%5c..%5c{NOWHERE}",
    f"sub/../../../{NOWHERE}",
]
# Every way in which Python asks the disk or the network goes by one of these.
WATCHED = """
import os, sys
told = open(os.environ["TOLD"], "a", buffering=1, errors="backslashreplace")

def tell(what, *given):
    told.write(f"{what} {given!r}\\n")

def watched(name):
    deed = getattr(os, name)
    def ask(*given, **more):
        tell(name, *given)
        return deed(*given, **more)
    setattr(os, name, ask)

for name in ("stat", "lstat", "open", "readlink", "scandir", "listdir", "access"):
    watched(name)

def heard(event, given):
    if event.startswith(("socket.", "open", "os.")) and event != "socket.__new__":
        tell(event, *given)

sys.addaudithook(heard)
from web.__main__ import main
main()
"""
_VARIABLE = re.compile(r"<[^>]*>")


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shown]:
    """A queue whose neighbours hold secrets, and its page."""
    base = tmp_path_factory.mktemp("paths")
    for neighbour in ("QM-secret", "QM/QM_dJobs-secret"):
        fill(base / neighbour, **{"s.txt": SECRET.encode()})
    with shown_queue(base) as opened:
        _, folder = opened.ended("kept")
        fill(folder, **{"a.txt": b"text", "r.html": b"<h1>r</h1>"})
        fill(folder.with_name("kept-secret"), **{"s.txt": SECRET.encode()})
        yield opened


def asked(shown: Shown, method: str, path: str, headers: str = "") -> tuple[int, bytes]:
    """The status and all of the answer of a request, sent as it is written here."""
    head = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{headers}"
    secret = shown.page.token().secret
    answer = shown.page.raw(f"{head}Authorization: Bearer {secret}\r\n\r\n".encode())
    return int(answer.split(b" ", 2)[1]), answer


def variants(rule: str, way: str) -> Iterator[str]:
    """The addresses of a rule with ``way`` in one of its variable parts; the others are usual."""
    parts = list(_VARIABLE.finditer(rule))
    for number, one in enumerate(parts):
        before = example_path(rule[: one.start()])
        yield before + way + example_path(rule[one.end() :])
        # Behind something that is there, where the part may hold a whole path.
        if number == len(parts) - 1 and ("path" in one[0] or "re:" in one[0]):
            yield f"{before}sub/{way}"


def test_no_variable_part_of_any_route_leads_out(shown: Shown, tmp_path: Path) -> None:
    outside = shown.queue.folder.parent / "QM-secret"
    before, tree = digest_of(outside), shown.queue.tree()
    routes = [route for route in application(tmp_path).routes if "<" in route.rule]
    assert len(routes) > 40
    for route in routes:
        kind = next(iter(rules_of(route).accepts), "")
        headers = f"Content-Type: {kind}\r\nContent-Length: 0\r\n" if kind else ""
        for way in (*WAYS_OUT, *MORE_WAYS):
            for path in variants(route.rule, way):
                status, answer = asked(shown, route.method, path, headers)
                told = (route.method, path[:120], status)
                assert 300 <= status < 500, told
                assert SECRET.encode() not in answer and b"root:" not in answer, told
                head = answer.partition(b"\r\n\r\n")[0]
                assert b"\r\nSet-Cookie: x" not in head, told
                if status == 303:
                    # An old address leads on to its job, and a name to the job of that name.
                    location = head.partition(b"\r\nLocation: ")[2].partition(b"\r\n")[0]
                    assert location.startswith((b"/job/", b"/QM")) and b".." not in location, told
    assert digest_of(outside) == before and shown.queue.tree() == tree
    assert "Traceback" not in shown.page.said(), shown.page.said()[-2000:]


@pytest.mark.parametrize("name", ["kept-secret", "../QM_dJobs-secret", "../../QM-secret"])
def test_a_neighbour_whose_name_begins_alike_is_another_folder(shown: Shown, name: str) -> None:
    number, _ = shown.ended("kept")
    report = shown.visitor.ask(f"/job/{number}/files/r.html").headers["location"]
    for base in (f"/job/{number}/files/", "/QM_dJobs/kept/", report.removesuffix("r.html")):
        for path in (f"../{name}/s.txt", f"..%2f{name.replace('/', '%2f')}%2fs.txt"):
            status, answer = asked(shown, "GET", base + path)
            if status == 303:
                location = answer.partition(b"Location: ")[2].partition(b"\r\n")[0].decode()
                status, answer = asked(shown, "GET", location)
            assert status in (400, 404), (base, path)
            assert SECRET.encode() not in answer


@pytest.fixture(scope="module")
def watched(
    shown: Shown, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Served, Path]]:
    """Another page of the same queue, and a file with all that it asks the system for."""
    base = tmp_path_factory.mktemp("watched")
    told = base / "told.txt"
    port = free_port()
    config = write_config(base / "QMserv.cfg", shown.queue.folder, port)
    code = f"import os; os.environ['TOLD'] = {str(told)!r}\n{WATCHED}"
    command = [sys.executable, "-c", code, "--config", str(config)]
    with served(shown.queue.folder, config, port, command) as page:
        page.token()
        yield page, told


def test_what_is_asked_of_the_disk_is_seen(shown: Shown, watched: tuple[Served, Path]) -> None:
    page, told = watched
    number, _ = shown.ended("kept")
    assert page.ask(f"/job/{number}/files/{NOWHERE}-inside").status == 404
    said = told.read_text(encoding="utf-8")
    assert f"{NOWHERE}-inside" in said and "socket." in said


@pytest.mark.parametrize("path", ABSOLUTE)
def test_a_path_that_leads_elsewhere_is_refused_before_the_disk_or_a_host_is_asked(
    shown: Shown, watched: tuple[Served, Path], path: str
) -> None:
    page, told = watched
    number, _ = shown.ended("kept")
    report = page.ask(f"/job/{number}/files/r.html").headers["location"].removesuffix("r.html")
    start = len(told.read_bytes())
    for base in (
        *(f"/job/{number}/files/", "/QM_dJobs/kept/", "/view/QM_dJobs/kept/", report),
        *(f"/api/v1/jobs/{number}/files?path=", "/download/", "/QM_dJobs/", "/static/"),
    ):
        head = f"GET {base}{path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        answer = page.raw(head.encode())
        status = int(answer.split(b" ", 2)[1])
        assert status in (400, 404) or (status == 303 and b"Location: /job/" in answer), base
    said = told.read_bytes()[start:].decode("utf-8", "replace")
    assert [line for line in said.splitlines() if NOWHERE in line] == []


HEADERS = (
    *("Referer", "Origin", "Sec-Fetch-Site", "Cookie", "Accept", "Accept-Encoding", "Range"),
    *("If-None-Match", "If-Modified-Since", "If-Range", "If-Match", "Last-Event-ID"),
    *("Idempotency-Key", "Content-Type", "X-Forwarded-For", "Forwarded", "X-Request-Id"),
)
VALUES = (
    *("", ",", ";", "=", '"', "http://[", "http://[x]/", "http://a:b@[::1", "bytes=9-1,-", "W/"),
    *("\xff\xfe", "\x80", "%00", "x" * 8000, "Mon, 99 Foo 9999 99:99:99 GMT", "9" * 400),
    *("application/x-www-form-urlencoded; x", 'application/json; y="', "multipart/form-data"),
    *("Sun, 06 Nov 0000 08:49:37 +9999", "bytes=99999999999999999999-", "text/html;q=x", "{}"),
)


@pytest.mark.parametrize("header", HEADERS)
def test_no_header_breaks_a_page(shown: Shown, header: str) -> None:
    number, _ = shown.ended("kept")
    for value in VALUES:
        for address in (
            *("/QM", f"/ask/rerun?job={number}", f"/job/{number}/files/a.txt"),
            *(f"/api/v1/jobs/{number}", "/api/v1/summary", "/login", "/nothing", "/do/priority"),
        ):
            for method in ("GET", "POST"):
                answer = shown.visitor.ask(address, method, None, **{header: value})
                assert answer.status < 500, (method, address, value[:40], answer.status)
    assert "Traceback" not in shown.page.said(), shown.page.said()[-2000:]


ODD_LOGS = ("pipe", "socket", "device", "link", "folder", "loop")


def put_odd(log: Path, kind: str, secret: Path) -> None:
    """Something else in the place of a log."""
    log.unlink()
    if kind == "pipe":
        os.mkfifo(log)
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as listener:
            here = os.getcwd()
            os.chdir(log.parent)  # The path of a socket has room for 107 bytes.
            try:
                listener.bind(log.name)
            finally:
                os.chdir(here)
    elif kind == "folder":
        log.mkdir()
    else:
        targets = {"device": "/dev/zero", "link": str(secret), "loop": log.name}
        log.symlink_to(targets[kind])


@pytest.mark.parametrize("kind", ODD_LOGS)
def test_what_lies_in_the_place_of_a_log_is_not_followed_and_hangs_nothing(
    shown: Shown, kind: str
) -> None:
    number, folder = shown.ended(f"odd {kind}")
    put_odd(folder / "process.log", kind, shown.queue.folder.parent / "QM-secret" / "s.txt")
    visitor = shown.visitor
    # A client gives up after 20 s: whatever hangs fails here.
    for address in (
        *(f"/api/v1/jobs/{number}/log", f"/api/v1/jobs/{number}/log/search?q=secret"),
        *(f"/job/{number}/files/process.log", f"/job/{number}/files/process.log?download"),
    ):
        answer = visitor.ask(address)
        told = (address, answer.status, answer.body[:200])
        listing = kind == "folder" and "/files/" in address
        assert answer.status == (200 if listing else 404), told
        assert SECRET.encode() not in answer.body, told
    for address in (f"/job/{number}", f"/parts/job/{number}", "/QM", f"/job/{number}/archive.zip"):
        answer = visitor.ask(address)
        assert answer.status == 200 and SECRET.encode() not in answer.body, address


@pytest.mark.parametrize("kind", ["pipe", "link"])
def test_the_log_of_a_running_job_may_become_something_else(shown: Shown, kind: str) -> None:
    name = f"runs {kind}"
    shown.queue.drop(name, "echo 1 / 2; sleep 600")
    folder = shown.queue.wait_running(name)
    number = wait_for("it has an id", lambda: (shown.queue.row(name) or {}).get("id"))
    wait_for("its log is there", (folder / "process.log").exists)
    put_odd(folder / "process.log", kind, shown.queue.folder.parent / "QM-secret" / "s.txt")
    for address in ("/QM", "/parts/main", f"/job/{number}", "/api/v1/summary", "/api/v1/jobs"):
        answer = shown.visitor.ask(address)
        assert answer.status == 200 and SECRET.encode() not in answer.body, address
    assert shown.queue.run("kill", name, "--grace", "0").returncode == 0

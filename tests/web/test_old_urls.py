"""Addresses of the original: they lead to the job, and GET changes nothing."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.live.harness import wait_for
from tests.web.jobs import WAYS_OUT, Shown, fill, raw_name, shown_queue
from tests.web.served import Answer, digest_of, is_our_picture

pytestmark = pytest.mark.live

SECRET = "the secret of another folder"
NASTY = "<img src=x onerror=alert(1)> \"' & 100% #1?.txt"

if sys.platform == "win32":
    pytest.skip("these names are POSIX's", allow_module_level=True)


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shown]:
    """A queue whose neighbours hold secrets, and its page."""
    base = tmp_path_factory.mktemp("old")
    fill(base / "QM-secret", **{"s.txt": SECRET.encode()})
    with shown_queue(base) as opened:
        _, folder = opened.ended("kept")
        fill(folder, **{"results.html": b"<h1>r</h1>", "a.txt": b"text"})
        fill(folder / "sub", **{"d e.txt": b"deep"})
        yield opened


class Form(HTMLParser):
    """The forms of a page: method, action, and what their fields hold."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.forms: list[tuple[str, str]] = []
        self.fields: dict[str, str] = {}
        self.images = 0
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.forms.append((given.get("method", "get"), given.get("action", "")))
        if tag == "input":
            self.fields[given.get("name", "")] = given.get("value", "")
        self.images += tag == "img" and not is_our_picture(given.get("src"))


def to(answer: Answer) -> str:
    """Where an answer leads."""
    assert answer.status == 303, (answer.status, answer.text)
    return answer.headers["location"]


@pytest.mark.parametrize("queue", ["QM_dJobs", "QM_Jobs", "QM_qJobs", "QM_lost+found"])
def test_a_folder_of_a_job_leads_to_its_files_wherever_it_lies_now(
    shown: Shown, queue: str
) -> None:
    files = shown.files("kept")
    for old, new in (
        (f"/{queue}/kept", files),
        (f"/{queue}/kept/", files),
        (f"/{queue}/kept/sub/d%20e.txt", f"{files}/sub/d%20e.txt"),
        (f"/view/{queue}/kept/", files),
        (f"/view/{queue}/kept/results.html", f"{files}/results.html"),
    ):
        assert to(shown.visitor.ask(old)) == new
    assert shown.visitor.ask(to(shown.visitor.ask(f"/view/{queue}/kept/a.txt"))).text == "text"


def test_a_report_is_shown_by_its_old_address(shown: Shown) -> None:
    address = "/view/QM_dJobs/kept/results.html"
    for _ in range(2):
        address = to(shown.visitor.ask(address))
    assert address.startswith("/s/") and shown.page.ask(address).text == "<h1>r</h1>"


def test_a_download_is_the_zip(shown: Shown) -> None:
    number, _ = shown.ended("kept")
    assert to(shown.visitor.ask("/download/kept")) == f"/job/{number}/archive.zip"


@pytest.mark.parametrize("place", ["QM_dJobs", "QM_qJobs", "QM_Jobs", "QM_lost+found"])
def test_the_four_folders_lead_to_the_queue(shown: Shown, place: str) -> None:
    for address in (f"/{place}", f"/{place}/"):
        assert to(shown.visitor.ask(address)) == "/QM"


def test_of_two_jobs_of_one_name_the_one_in_that_folder_is_meant(shown: Shown) -> None:
    ended, _ = shown.ended("twice")
    shown.queue.drop("twice", "true", hold="yes")
    waits = shown.queue.folder / "QM_qJobs" / "twice" / ".qm" / "job.json"
    wait_for("it is held", lambda: waits.exists() and shown.queue.row("twice"))
    wait_for("both are known", lambda: len(rows(shown, "twice")) == 2)
    held = max(rows(shown, "twice"))
    assert held != ended
    assert to(shown.visitor.ask("/QM_dJobs/twice/")) == f"/job/{ended}/files"
    assert to(shown.visitor.ask("/QM_qJobs/twice/")) == f"/job/{held}/files"
    assert to(shown.visitor.ask("/QM_Jobs/twice/")) == f"/job/{held}/files"


def rows(shown: Shown, name: str) -> list[int]:
    """The ids of all jobs of a name."""
    return [row["id"] for row in shown.queue.listed() if row["name"] == name]


def test_a_name_of_digits_is_a_name_and_no_id(shown: Shown) -> None:
    number, _ = shown.ended("kept")
    named, _ = shown.ended(str(number))
    assert named != number
    assert to(shown.visitor.ask(f"/QM_dJobs/{number}/")) == f"/job/{named}/files"


@pytest.mark.parametrize("name", [NASTY, raw_name(b"caf\xe9"), "a[bc]*d", "line\nfeed"])
def test_a_job_of_any_name_is_found(shown: Shown, name: str) -> None:
    _, number = shown.ended(name)[::-1]
    address = f"/QM_dJobs/{quote(os.fsencode(name), safe='')}/"
    assert to(shown.visitor.ask(address)) == f"/job/{number}/files"
    page = shown.visitor.ask(f"/job/{number}/files")
    assert page.status == 200 and Form(page.text).images == 0
    form = shown.visitor.ask(f"/delete{address}".rstrip("/"))
    assert form.status == 200 and Form(form.text).images == 0


def test_a_folder_that_is_no_job_is_shown_under_its_own_address(shown: Shown) -> None:
    folder = shown.queue.folder / "QM_dJobs" / "2016-03-01_by the original"
    fill(folder, **{"results.html": b"<img src=p.png>", "a.txt": b"old"})
    address = f"/QM_dJobs/{quote(folder.name)}"
    page = shown.visitor.ask(f"{address}/")
    assert page.status == 200 and f'href="{address}/a.txt">a.txt</a>' in page.text
    assert shown.visitor.ask(f"/view{address}/a.txt").text == "old"
    report = to(shown.visitor.ask(f"{address}/results.html"))
    assert shown.page.ask(report).text == "<img src=p.png>"
    assert shown.page.ask(report.replace("by%20the", "by%20another")).status == 404
    assert shown.visitor.ask(f"/download/{quote(folder.name)}").body.startswith(b"PK")
    refused = shown.visitor.ask(f"/delete{address}")
    assert refused.status == 409 and "is no job" in refused.text


@pytest.mark.parametrize("name", [".incoming-1", ".qm", "linked", "afile"])
def test_what_is_no_folder_of_a_job_is_not_shown(shown: Shown, name: str) -> None:
    place = shown.queue.folder / "QM_dJobs"
    fill(place / ".incoming-1", **{"s.txt": SECRET.encode()})
    if not (place / "linked").is_symlink():
        (place / "linked").symlink_to(shown.queue.folder.parent / "QM-secret")
    (place / "afile").write_text(SECRET)
    for address in (f"/QM_dJobs/{name}/", f"/QM_dJobs/{name}/s.txt", f"/download/{name}"):
        answer = shown.visitor.ask(address)
        assert answer.status == 404 and SECRET.encode() not in answer.body


@pytest.mark.parametrize("name", ["never was", NASTY, "\"'><script>"])
@pytest.mark.parametrize("path", ["/QM_dJobs/{}/", "/view/QM_dJobs/{}/x", "/download/{}"])
def test_an_unknown_name_can_be_looked_for(shown: Shown, path: str, name: str) -> None:
    answer = shown.visitor.ask(path.format(quote(f"no {name}", safe="")))
    assert answer.status == 404
    form = Form(answer.text)
    assert ("get", "/QM") in form.forms and form.images == 0 and "<script>" not in answer.text
    assert form.fields["q"] == f"no {name}"


@pytest.fixture(scope="module")
def running(shown: Shown) -> Path:
    """The folder of a job that runs until it is stopped."""
    shown.queue.drop("runs", "while :; do sleep 0.05; done")
    folder = shown.queue.wait_running("runs")
    wait_for("the page knows it", lambda: shown.visitor.ask("/kill/runs").status == 200)
    return folder


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("conf", ["", "?conf=True"])
def test_delete_and_kill_only_ask(shown: Shown, running: Path, method: str, conf: str) -> None:
    number, folder = shown.ended("victim")
    before = digest_of(folder)
    answers = {
        ("/do/rm", number): shown.visitor.ask(f"/delete/QM_dJobs/victim{conf}", method),
        ("/do/kill", shown.queue.record("runs", "job.json")["id"]): shown.visitor.ask(
            f"/kill/runs{conf}", method
        ),
    }
    for (deed, job), answer in answers.items():
        assert answer.status == 200
        if method == "GET":
            form = Form(answer.text)
            assert ("post", deed) in form.forms and form.fields["job"] == str(job)
    assert digest_of(folder) == before
    assert not (running / ".qm" / "kill").exists() and shown.queue.where("runs") == "QM_Jobs"


def test_the_form_stops_a_job_when_it_is_sent(shown: Shown, running: Path) -> None:
    form = Form(shown.visitor.ask("/kill/runs").text)
    assert shown.visitor.submit("/do/kill", **form.fields).status == 303
    assert "KILLED" in str(shown.queue.row("runs"))
    refused = shown.visitor.ask("/kill/runs")
    assert refused.status == 409 and "is KILLED" in refused.text


def test_the_form_deletes_to_the_trash_when_it_is_sent(shown: Shown) -> None:
    _, folder = shown.ended("unwanted")
    form = Form(shown.visitor.ask("/delete/QM_dJobs/unwanted?conf=True").text)
    assert shown.visitor.submit("/do/rm", **form.fields).status == 303
    assert not folder.exists()
    assert shown.visitor.ask("/QM_dJobs/unwanted/").status == 404


def test_a_viewer_is_not_asked(shown: Shown) -> None:
    shown.ended("kept")
    viewer = shown.page.viewer()
    for address in ("/delete/QM_dJobs/kept", "/kill/kept"):
        assert viewer.ask(address).status == 403
    assert viewer.ask("/view/QM_dJobs/kept/a.txt").status == 303


@pytest.mark.parametrize("path", WAYS_OUT)
@pytest.mark.parametrize(
    "base",
    [
        *("/QM_dJobs/", "/QM_dJobs/kept/", "/view/QM_dJobs/kept/", "/view/", "/download/"),
        *("/delete/QM_dJobs/", "/delete/", "/kill/", "/QM_dJobs/../", "/view/../"),
    ],
)
def test_no_old_address_leads_out_of_the_four_folders(shown: Shown, base: str, path: str) -> None:
    before = digest_of(shown.queue.folder.parent / "QM-secret")
    status, answer = shown.raw(f"{base}{path}?conf=True")
    if status == 303:
        # It leads on to a job, where the path is not found either.
        location = answer.partition(b"\r\nLocation: ")[2].partition(b"\r\n")[0].decode()
        assert location.startswith("/job/") and ".." not in location
        status, answer = shown.raw(location)
    assert status in (400, 404), answer[:300]
    assert SECRET.encode() not in answer and b"root:" not in answer
    assert b"\r\nSet-Cookie: x" not in answer
    assert digest_of(shown.queue.folder.parent / "QM-secret") == before


def test_the_page_has_made_no_mistake_meanwhile(shown: Shown) -> None:
    assert "request " not in shown.page.said()


def test_without_display_details_old_addresses_are_for_operators(tmp_path: Path) -> None:
    with shown_queue(tmp_path, Display_details="no") as shown:
        shown.ended("one")
        viewer = shown.page.viewer()
        for old in ("/QM_dJobs/one/", "/view/QM_dJobs/one/process.log", "/download/one"):
            assert viewer.ask(old).status == 403
            assert shown.visitor.ask(old).status == 303

"""Markup in whatever a job brings along is text on every page, in every form, and in the log."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from html.parser import HTMLParser
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

from qm.names import shown as as_shown
from tests.live.harness import wait_for
from tests.web.browser import a_browser, a_tab
from tests.web.jobs import Shown, fill, shown_queue
from tests.web.served import Visitor, is_our_picture
from tests.web.test_guard_routes import Page, crawl

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Dialog

pytestmark = pytest.mark.live

if sys.platform == "win32":
    pytest.skip("these names are POSIX's", allow_module_level=True)

IMAGE = "<img src=x onerror=alert(1)>"
QUOTES = "\"'><svg onload=alert(1)>{{7*7}}"
LINE = "a\r\nSet-Cookie: x=1\x1b[31m\u202eb<script>alert(1)"
LINKS = "javascript:alert(1) data:text/html,<script>alert(1)</script>"
EVERYTHING = f"{IMAGE}{QUOTES} {LINKS}"


@dataclass(frozen=True, slots=True)
class Jobs:
    """The queue of the tests, and the ids of its jobs by name."""

    shown: Shown
    ids: dict[str, int]

    def addresses(self) -> list[str]:
        """Pages that no link leads to, and those that repeat what they were asked for."""
        text, found = quote(EVERYTHING), []
        for job in self.ids.values():
            found += [f"/job/{job}", f"/parts/job/{job}", f"/job/{job}/files", f"/job/{job}?run=1"]
            found += [f"/ask/{verb}?job={job}" for verb in ("kill", "hold", "rm", "rerun")]
        for name in (*self.ids, EVERYTHING.replace("/", ":"), LINE):
            named = quote(name, safe="")
            found += [f"/job/{named}", f"/kill/{named}", f"/QM_dJobs/{named}/", f"/api/{named}"]
            found += [f"/delete/QM_dJobs/{named}", f"/static/{named}", f"/view/{named}/x"]
            found += [f"/job/{self.ids[IMAGE]}/files/{named}", f"/s/{named}/1/x"]
        for query in ("q", "owner", "state", "since", "done", "job", "before", "after", "back"):
            found += [f"/QM?{query}={text}", f"/parts/main?{query}={text}"]
        for query in ("from", "to", "by", "next", "code", "sort", "on"):
            found += [f"{page}?{query}={text}" for page in ("/timeline", "/stats", "/login")]
        return [*found, f"/ask/rm?job={text}", f"/ask/kill?job={self.ids[IMAGE]}&back={text}"]


def id_of(shown: Shown, name: str) -> int:
    """The id of a job, once it is one."""
    return int(wait_for(f"{name!r} is a job", lambda: (shown.queue.row(name) or {}).get("id")))


@pytest.fixture(scope="module")
def jobs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Jobs]:
    """Jobs in all states whose names, options, files and logs are hostile."""
    with shown_queue(tmp_path_factory.mktemp("hostile")) as shown:
        queue = shown.queue
        hostile = {"info": EVERYTHING, "e_mail": EVERYTHING}
        queue.drop(IMAGE, "echo 'Error: " + IMAGE + "'; exit 3", **hostile)
        folder = queue.wait_done(IMAGE)
        log = f"Error: {IMAGE}\n{QUOTES}\n\x1b]8;;http://evil/\x07{LINKS}\x1b]8;;\x07\n"
        (folder / "process.log").write_text(log, encoding="utf-8")
        fill(folder, **{QUOTES: b"x", LINE: b"x", "r.html": b"<h1>r</h1>"})
        queue.drop(QUOTES, "echo '1 / 2 " + IMAGE + "'; sleep 600", **hostile)
        queue.wait_running(QUOTES)
        queue.drop(LINE, "exit 0", **hostile)
        queue.wait_done(LINE)
        queue.drop(f"held {IMAGE}", hold="yes", **hostile)
        queue.drop(f"after {IMAGE}", after=f"never {IMAGE}")
        ids = {
            name: id_of(shown, name)
            for name in (IMAGE, QUOTES, LINE, f"held {IMAGE}", f"after {IMAGE}")
        }
        queue.drop(f"refused {IMAGE}", nb_proc=IMAGE)
        wait_for("it is refused", lambda: queue.where(f"refused {IMAGE}") == "QM_lost+found")
        (queue.folder / "QM_qJobs" / f"arrives {IMAGE}").mkdir()
        yield Jobs(shown, ids)


class Text(HTMLParser):
    """What a person reads on a page: its text, and that of tooltips and fields."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.words = ""
        self.tips: list[str] = []
        self.images: list[str] = []
        self.title = ""
        self._in_title = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note it."""
        self.tags.add(tag)
        self._in_title = tag == "title"
        self.images += [dict(attrs).get("src") or ""] if tag == "img" else []
        self.tips += [v or "" for name, v in attrs if name in ("title", "value", "aria-label")]

    def handle_endtag(self, tag: str) -> None:
        """Note it."""
        self._in_title = False

    def handle_data(self, data: str) -> None:
        """Note it."""
        self.words += data
        self.title += data if self._in_title else ""


def faults(text: str) -> list[str]:
    """What a page has that only markup from a job can have brought."""
    page, plain = Page(text), Text(text)
    found = [*page.inline, *(plain.tags & {"iframe", "object", "embed", "base"})]
    found += [address for address in plain.images if not is_our_picture(address)]
    found += [link for link in page.links if not link.startswith(("/", "#", "?"))]
    found += [link for link in page.links if link.startswith("//")]
    return found + [character for character in "\x1b\u202e" if character in text]


def test_markup_is_found_where_it_is() -> None:
    for text in (IMAGE, QUOTES, LINE, '<a href="javascript:x">x</a>', '<a href="//evil">x</a>'):
        assert faults(f'<p title="{text}">{text}</p>'), text
    assert faults("<p title='x'>&lt;img&gt;<a href='/QM'>x</a></p>") == []


def test_no_page_holds_an_element_that_a_job_brought(jobs: Jobs) -> None:
    pages = crawl(jobs.shown.page)
    operator = jobs.shown.visitor
    for address in jobs.addresses():
        answer = operator.ask(address, Accept="text/html")
        assert answer.status < 500, (address, answer.text)
        if answer.headers.get("content-type", "").startswith("text/html"):
            pages[address] = answer.text
    assert len(pages) > 60
    assert {path: faults(text) for path, text in pages.items() if faults(text)} == {}


def test_what_a_job_brought_is_read_as_it_is(jobs: Jobs) -> None:
    ask = jobs.shown.visitor.ask
    main = Text(ask("/QM").text)
    for name in (*jobs.ids, f"refused {IMAGE}", f"arrives {IMAGE}"):
        assert as_shown(name) in main.words, name
    for name, job in jobs.ids.items():
        page = Text(ask(f"/job/{job}").text)
        assert as_shown(name) in page.title and as_shown(name) in page.words, name
        assert name.startswith("after") or EVERYTHING in page.words, name
    failed = Text(ask(f"/job/{jobs.ids[IMAGE]}").text)
    assert f"Error: {IMAGE}" in failed.words and QUOTES in failed.words
    files = Text(ask(f"/job/{jobs.ids[IMAGE]}/files").text)
    assert QUOTES in files.words and as_shown(LINE) in files.words
    timeline = ask("/timeline").text
    assert "<svg" in timeline and as_shown(QUOTES) in Text(timeline).words
    assert Text(ask(f"/QM?q={quote(EVERYTHING)}").text).tips.count(EVERYTHING) >= 1
    unknown = Text(ask(f"/QM_dJobs/{quote('no ' + IMAGE)}/").text)
    assert f"no {IMAGE}" in unknown.tips and f"no {IMAGE}" in unknown.words


def test_programs_get_it_as_it_is(jobs: Jobs) -> None:
    ask = jobs.shown.visitor.ask
    listed = ask("/api/v1/jobs").json["items"]
    assert {one["name"] for one in listed} >= set(jobs.ids)
    for name, job in jobs.ids.items():
        answer = ask(f"/api/v1/jobs/{job}")
        assert answer.headers["content-type"] == "application/json" and answer.json["name"] == name
        assert name.startswith("after") or answer.json["info"] == EVERYTHING
    files = ask(f"/api/v1/jobs/{jobs.ids[IMAGE]}/files").json["items"]
    assert {QUOTES, as_shown(LINE)} < {one["name"] for one in files}
    refused = ask(f"/api/v1/jobs?state={quote(EVERYTHING)}")
    assert refused.status == 422 and "<img" in refused.json["detail"]
    assert refused.headers["content-type"] == "application/problem+json"


@pytest.mark.slow
def test_no_page_runs_anything_in_a_browser(jobs: Jobs) -> None:
    failed, running = jobs.ids[IMAGE], jobs.ids[QUOTES]
    with a_browser() as browser:
        for address, button in (
            ("/QM", ""),
            (f"/job/{running}", "Stop"),
            (f"/job/{failed}", "Delete"),
            (f"/job/{failed}/files", ""),
            ("/timeline", ""),
            ("/stats?by=owner", ""),
            (f"/QM?q={quote(EVERYTHING)}", ""),
            (f"/ask/rm?job={failed}", ""),
        ):
            look_at(browser, jobs, address, button)


def look_at(browser: Browser, jobs: Jobs, address: str, button: str) -> None:
    """Open a page and, where there is one, a dialog: no script of a job may have run."""
    with a_tab(browser, jobs.shown.page, jobs.shown.visitor) as tab:
        alerts: list[str] = []

        def told(dialog: Dialog) -> None:
            alerts.append(dialog.message)
            dialog.dismiss()

        tab.page.on("dialog", told)
        tab.page.goto(address)
        # What scripts bring to the page afterwards counts as well.
        tab.page.wait_for_load_state("load")
        if button:
            tab.page.get_by_role("link", name=button).or_(
                tab.page.get_by_role("button", name=button)
            ).first.click()
            tab.page.locator("dialog[open], main form").first.wait_for()
        assert tab.page.locator("iframe").count() == 0
        pictures = tab.page.evaluate("[...document.images].map((one) => one.getAttribute('src'))")
        assert all(map(is_our_picture, pictures)), pictures
        assert tab.page.locator("[onerror], [onload]").count() == 0
        hostile = tab.page.evaluate(
            "[...document.links].map((one) => one.protocol).filter((one) => one !== 'http:')"
        )
        assert (hostile, alerts) == ([], [])


def test_the_log_of_the_page_holds_nothing_of_it_and_no_secret(jobs: Jobs) -> None:
    page = jobs.shown.page
    secret = page.token().secret
    visitor = Visitor(page, {"Origin": page.origin})
    for shown in (f"{secret}x", secret[:-1], "", LINE.replace("\r\n", " ")):
        visitor.submit("/login", token=shown)
    for shown in (f"{secret}x", secret[:-1], ""):
        assert page.ask("/QM", Authorization=f"Bearer {shown}").status == 401
    files = f"/job/{jobs.ids[IMAGE]}/files"
    named = quote(LINE, safe="")
    assert jobs.shown.visitor.ask(f"{files}/{named}?download&token={secret}").status == 200
    assert jobs.shown.visitor.ask(f"/QM?q={secret}").status == 200
    said = wait_for("all is told", lambda: (s := page.said()) and "a wrong token" in s and s)
    assert all(line.isprintable() for line in said.split("\n")), said
    private = [secret, page.token().viewer, jobs.shown.visitor.headers["Cookie"].partition("=")[2]]
    assert not [one for one in private if one in said]
    assert "Traceback" not in said

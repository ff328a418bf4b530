"""What a real browser sends from our own page, from other pages, and after a logout."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from qm.folders.layout import Layout
from tests.fakes.web_server import listening
from tests.live.harness import wait_for
from tests.web.browser import a_browser
from tests.web.served import Served, free_port, served, write_config
from web.tokens import new_token

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = [pytest.mark.live, pytest.mark.slow]

NAME = "lab-ws1"
"""A name as machines have it in a network: browsers trust pages under it less than localhost."""
COUNTED = """
import os
from web.guard import Guard
told = open(os.environ["TOLD"], "a", buffering=1)
call = Guard.__call__

def counted(self, environ, start_response):
    sent = [environ.get(name, "-") for name in ("HTTP_SEC_FETCH_SITE", "HTTP_ORIGIN")]
    cookie = "cookie" if "HTTP_COOKIE" in environ else "no-cookie"
    def start(status, headers, *error):
        method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
        told.write(" ".join([status[:3], method, path, *sent, cookie]) + "\\n")
        return start_response(status, headers, *error)
    return call(self, environ, start)

Guard.__call__ = counted
from web.__main__ import main
main()
"""
"""The page as it is, and one line for each request that it got."""


@contextlib.contextmanager
def counted_page(base: Path, **web: object) -> Iterator[tuple[Served, Path]]:
    """The page of an empty queue, and the file in which its requests are told."""
    folder, told, port = base / "QM", base / "told.txt", free_port()
    Layout(str(folder)).create()
    told.touch()
    config = write_config(base / "QMserv.cfg", folder, port, **web)
    new_token(config.with_name("web-token"))
    code = f"import os; os.environ['TOLD'] = {str(told)!r}\n{COUNTED}"
    command = [sys.executable, "-c", code, "--config", str(config)]
    with served(folder, config, port, command) as page:
        yield page, told


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A browser that takes NAME for this machine."""
    with a_browser(f"--host-resolver-rules=MAP {NAME} 127.0.0.1") as opened:
        yield opened


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Served, Path]]:
    """A page that may be opened as NAME, too."""
    base = tmp_path_factory.mktemp("page")
    with counted_page(base, Host="*", Allowed_hosts=NAME) as opened:
        yield opened


@contextlib.contextmanager
def a_tab(browser: Browser) -> Iterator[Page]:
    """A tab with a profile of its own."""
    context = browser.new_context()
    context.set_default_timeout(30000)
    try:
        yield context.new_page()
    finally:
        context.close()


def log_in(tab: Page, page: Served, host: str) -> None:
    """By the form, as people do it."""
    tab.goto(f"http://{host}:{page.port}/QM")
    assert "/login" in tab.url, "nobody sees the queue before"
    tab.locator("input[name=token]").fill(page.token().secret)
    tab.locator("input[name=token]").press("Enter")
    tab.wait_for_url("**/QM")


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", NAME])
def test_forms_of_our_own_page_are_taken_under_each_of_its_names(
    browser: Browser, page: tuple[Served, Path], host: str
) -> None:
    one, told = page
    start = len(told.read_text(encoding="utf-8").splitlines())
    with a_tab(browser) as tab:
        log_in(tab, one, host)
        tab.goto(f"http://{host}:{one.port}/help")
        tab.get_by_role("button", name="Log out").click()
        tab.wait_for_url("**/login**")
    lines = [line.split() for line in told.read_text(encoding="utf-8").splitlines()[start:]]
    posts = [line for line in lines if line[1] == "POST"]
    assert [(line[0], line[2]) for line in posts] == [("303", "/login"), ("303", "/logout")]
    # Under a name of the network the browser says nothing but the origin.
    site = "-" if host == NAME else "same-origin"
    origin = f"http://{host}:{one.port}"
    assert [line[3:5] for line in posts] == [[site, origin]] * 2, posts


ELSEWHERE = """<!DOCTYPE html><title>elsewhere</title><h1>Another page</h1>
<iframe src="{page}/QM"></iframe><iframe src="{page}/help"></iframe>
<form method="post" action="{page}/logout"><button>Click here</button></form>
<script>
fetch('{page}/api/v1/queue/drain', {{method: 'POST', credentials: 'include', mode: 'no-cors',
  body: '{{"on": true}}'}}).catch(() => 0);
fetch('{page}/api/v1/summary', {{credentials: 'include'}})
  .then((answer) => answer.text()).then((text) => {{ document.title = 'read ' + text; }})
  .catch(() => {{ document.title = 'refused'; }});
</script>"""


@contextlib.contextmanager
def another_page(address: str) -> Iterator[int]:
    """Another program's page on this machine, which wants something of ours; its port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = ELSEWHERE.format(page=address).encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    with listening(Handler) as port:
        yield port


def test_another_page_of_this_machine_frames_reads_and_changes_nothing(
    browser: Browser, page: tuple[Served, Path]
) -> None:
    one, told = page
    with another_page(f"http://127.0.0.1:{one.port}") as port, a_tab(browser) as tab:
        log_in(tab, one, "127.0.0.1")
        tab.goto(f"http://127.0.0.1:{port}/")
        tab.wait_for_function("document.title !== 'elsewhere'")
        assert tab.title() == "refused"
        frames = [frame for frame in tab.frames if frame != tab.main_frame]
        assert len(frames) == 2
        assert all(frame.url.startswith("chrome-error:") for frame in frames)
        tab.get_by_role("button", name="Click here").click()
        tab.wait_for_url("**/logout")
        assert "comes from another page" in tab.locator("main").inner_text()
        lines = [line.split() for line in told.read_text(encoding="utf-8").splitlines()]
        foreign = [line for line in lines if line[1] == "POST" and line[3] == "same-site"]
        # Its cookie came along: being of the same site is no proof of anything.
        assert {(line[0], line[2], line[5]) for line in foreign} == {
            ("403", "/logout", "cookie"),
            ("403", "/api/v1/queue/drain", "cookie"),
        }
        tab.goto(f"http://127.0.0.1:{one.port}/help")
        assert tab.get_by_role("button", name="Log out").count() == 1, "the session goes on"


def test_a_page_whose_session_has_ended_says_so_and_asks_no_more(
    browser: Browser, tmp_path: Path
) -> None:
    with (
        counted_page(tmp_path, Host="0.0.0.0", Refresh_Rate=2) as (page, told),
        a_tab(browser) as tab,
    ):
        log_in(tab, page, "localhost")

        def requests() -> list[str]:
            return told.read_text(encoding="utf-8").splitlines()

        wait_for("it listens", lambda: [line for line in requests() if "/events" in line])
        new_token(page.token_file)
        tab.get_by_text("Logged out").wait_for()

        def is_quiet() -> bool:
            before = requests()
            # Longer than the pause between two looks of a page that goes on.
            tab.wait_for_timeout(7000)
            return requests() == before

        wait_for("it asks no more", is_quiet, timeout=40)
        answered = {line.split()[0] for line in requests()[-3:]}
        assert answered == {"401"}, requests()[-5:]
        tab.reload()
        assert "/login" in tab.url and tab.locator("input[name=token]").count() == 1

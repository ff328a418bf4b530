"""Every route that the application has, also those that come later, is held to its role."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import quote

import bottle
import pytest

from tests.live.harness import wait_for
from tests.web.jobs import shown_queue
from tests.web.served import (
    FORM,
    Served,
    application,
    digest_of,
    example_path,
    is_our_picture,
    page_of_empty_queue,
)
from web.headers import POLICY
from web.origin import SAFE_METHODS
from web.routing import JSON, Role, Rules, check_roles, role_of, rules_of

pytestmark = pytest.mark.live

FOR_EVERYBODY = {
    *("GET /login", "POST /login", "POST /logout", "GET /healthz", "GET /static/<name>"),
}
"""Beside `/s/…`, whose address is a signature."""
NAME = "a job? #1% & more"
MOST_PAGES = 300


@dataclass(frozen=True, slots=True)
class Route:
    """What a route declares."""

    method: str
    rule: str
    role: Role
    rules: Rules


@pytest.fixture(scope="module")
def routes(tmp_path_factory: pytest.TempPathFactory) -> list[Route]:
    """All routes of the page as it is served."""
    found = [
        Route(route.method, route.rule, role, rules_of(route))
        for route in application(tmp_path_factory.mktemp("routes")).routes
        if (role := role_of(route)) is not None
    ]
    assert found
    return found


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """For this machine only: jobs that have ended well and badly, and one that is held.

    The manager has ended, so that whatever changes in the folders was changed by the page.
    """
    with shown_queue(tmp_path_factory.mktemp("page")) as shown:
        queue = shown.queue
        _, folder = shown.ended(NAME)
        (folder / "results.html").write_text("<h1>Results</h1>", encoding="utf-8")
        queue.drop("broken", "exit 3")
        queue.wait_done("broken")
        queue.drop("later", hold="yes")
        wait_for("it is held", lambda: (queue.row("later") or {}).get("state") == "HELD")
        queue.stop()
        yield shown.page


@pytest.fixture(scope="module")
def wide(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """For others too, who have to log in."""
    with page_of_empty_queue(tmp_path_factory.mktemp("wide"), Host="0.0.0.0") as opened:
        yield opened


def name_of(route: Route) -> str:
    return f"{route.method} {route.rule}"


def headers_for(route: Route) -> dict[str, str]:
    """A content type that the route takes."""
    kind = next(iter(route.rules.accepts), "")
    return {"Content-Type": kind} if kind else {}


def changing(routes: list[Route], least: Role) -> list[Route]:
    return [route for route in routes if route.method not in SAFE_METHODS and route.role >= least]


def test_a_route_without_a_role_does_not_start() -> None:
    app = bottle.Bottle()
    app.route("/quiet", "GET", lambda: "")
    with pytest.raises(AssertionError, match="GET /quiet"):
        check_roles(app)


def test_only_the_login_and_what_it_needs_are_for_everybody(routes: list[Route]) -> None:
    everybody = {name_of(route) for route in routes if route.role is Role.OPEN}
    signed = {name for name in everybody if name.startswith("GET /s/<")}
    assert everybody - signed <= FOR_EVERYBODY


def test_every_route_has_a_method_of_its_own(routes: list[Route]) -> None:
    assert {route.method for route in routes} <= {"GET", "POST", "PUT", "PATCH", "DELETE"}


def test_who_has_not_logged_in_gets_nothing_from_a_page_for_others(
    wide: Served, routes: list[Route]
) -> None:
    for route in routes:
        if route.role is Role.OPEN:
            continue
        path = example_path(route.rule)
        answer = wide.anonymous().ask(path, route.method, None, **headers_for(route))
        assert answer.status == 401, (name_of(route), answer.status)
        assert str(wide.folder) not in answer.text, name_of(route)
        if route.method == "GET":
            browser = wide.ask(path, Accept="text/html,*/*;q=0.8")
            api = path.startswith("/api/")
            assert browser.status == (401 if api else 303), name_of(route)
            assert api or browser.headers["location"].startswith("/login?next="), name_of(route)
            assert api or browser.body == b"", name_of(route)


@pytest.mark.parametrize("path", ["/nothing", "/api/v1/nothing", "/static", "/QM/x/y"])
def test_who_has_not_logged_in_is_not_told_what_there_is(wide: Served, path: str) -> None:
    assert wide.ask(path).status == 401
    assert wide.operator().ask(path).status == 404
    assert wide.ask("/QM", "PATCH").status == 401


def test_a_signed_address_with_a_wrong_signature_opens_nothing(
    wide: Served, routes: list[Route]
) -> None:
    signed = [route for route in routes if route.rule.startswith("/s/")]
    assert signed
    for route in signed:
        for path in (example_path(route.rule), "/s/99999999999.aaaa/1/results.html"):
            assert wide.ask(path).status == 404, path


def test_a_viewer_changes_nothing(page: Served, routes: list[Route]) -> None:
    before = digest_of(page.folder)
    for visitor in (page.anonymous(), page.viewer()):
        for route in changing(routes, Role.VIEWER):
            path = example_path(route.rule)
            answer = visitor.ask(path, route.method, b"", **headers_for(route))
            assert answer.status == 403, (name_of(route), answer.status)
    assert digest_of(page.folder) == before


@pytest.mark.parametrize(
    "headers",
    [
        *({"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}),
        *({"Origin": "http://evil.example"}, {"Origin": "null"}, {"Origin": "http://127.0.0.1"}),
        {},
    ],
    ids=str,
)
def test_no_other_page_changes_anything(
    page: Served, routes: list[Route], headers: dict[str, str]
) -> None:
    before = digest_of(page.folder)
    cookie = page.operator().headers["Cookie"]
    for route in changing(routes, Role.OPEN):
        sent = {**headers, **headers_for(route), "Cookie": cookie}
        answer = page.ask(example_path(route.rule), route.method, b"", **sent)
        assert answer.status == 403, (name_of(route), answer.status)
    assert digest_of(page.folder) == before
    assert page.ask("/login", Cookie=cookie).text.count("You are logged in") == 1


def test_what_takes_json_takes_nothing_else(page: Served, routes: list[Route]) -> None:
    for route in changing(routes, Role.OPEN):
        if route.rules.accepts != JSON:
            continue
        for kind in ("text/plain", "multipart/form-data; boundary=x", FORM):
            answer = page.program().ask(
                example_path(route.rule), route.method, b"{}", **{"Content-Type": kind}
            )
            assert answer.status == 415, (name_of(route), kind, answer.status)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("path", ["/delete/QM_dJobs/{name}?conf=True", "/kill/{name}?conf=True"])
def test_the_originals_addresses_of_changes_change_nothing_by_get(
    page: Served, path: str, method: str
) -> None:
    before = digest_of(page.folder)
    answer = page.operator().ask(path.format(name=quote(NAME)), method)
    assert answer.status in {200, 409}
    assert method == "HEAD" or answer.status == 409 or 'method="post"' in answer.text
    assert digest_of(page.folder) == before


class Page(HTMLParser):
    """Where an HTML page leads, and whether it holds code of its own."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.inline: list[str] = []
        self._in: str | None = None
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.inline += [f"{tag} {name}" for name in given if name.startswith("on")]
        self.inline += [f"{tag} style"] if "style" in given else []
        self._in = tag if tag in ("script", "style") else None
        for name in ("href", "src", "action", "formaction"):
            value = given.get(name) or ""
            picture = tag in ("img", "link") and is_our_picture(value)
            if not picture and re.match(r"\s*(javascript|data|vbscript):", value, re.IGNORECASE):
                self.inline.append(f"{tag} {name}={value[:40]}")
        if tag == "a" and given.get("href"):
            self.links.append(str(given["href"]))

    def handle_endtag(self, tag: str) -> None:
        self._in = None

    def handle_data(self, data: str) -> None:
        if self._in and data.strip():
            self.inline.append(f"<{self._in}> {data.strip()[:40]}")


def test_code_in_a_page_is_found() -> None:
    text = '<p onclick="x()" style="a"><script>x</script><a href="JavaScript:x">y</a></p>'
    assert len(Page(text).inline) == 4
    assert Page('<script src="/static/a.js"></script><a href="/QM">x</a>').inline == []


def crawl(page: Served) -> dict[str, str]:
    """The HTML of all pages that links lead to from the main page, as an operator sees them."""
    operator = page.operator()
    found: dict[str, str] = {}
    waiting = ["/QM", "/", "/timeline", "/stats", "/system", "/help", "/login"]
    seen = set(waiting)
    while waiting and len(seen) < MOST_PAGES:
        path = waiting.pop(0)
        answer = operator.ask(path, Accept="text/html")
        assert answer.status < 500, (path, answer.text)
        if not answer.headers.get("content-type", "").startswith("text/html"):
            continue
        if answer.status == 200:
            assert answer.headers["content-security-policy"] == POLICY, path
        found[path] = answer.text
        for link in Page(answer.text).links:
            address = link.split("#")[0]
            if address.startswith("/") and not address.startswith("//") and address not in seen:
                seen.add(address)
                waiting.append(address)
    return found


def test_following_every_link_as_an_operator_changes_nothing_and_meets_no_inline_code(
    page: Served,
) -> None:
    before = digest_of(page.folder)
    pages = crawl(page)
    assert digest_of(page.folder) == before
    assert len(pages) >= 5 and any(quote("broken") in text for text in pages.values())
    assert {path: Page(text).inline for path, text in pages.items() if Page(text).inline} == {}


def test_every_answer_of_every_get_route_has_a_policy(page: Served, routes: list[Route]) -> None:
    operator = page.operator()
    for route in routes:
        if route.method != "GET" or "events" in route.rule:
            continue
        answer = operator.ask(example_path(route.rule))
        assert "content-security-policy" in answer.headers, name_of(route)
        own = route.rules.headers
        if own is None or answer.status >= 400:
            assert answer.headers["content-security-policy"] == POLICY, name_of(route)
        assert answer.headers["x-content-type-options"] == "nosniff", name_of(route)
        assert answer.status < 500, (name_of(route), answer.text)


def test_a_digest_tells_a_change(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("1", encoding="utf-8")
    before = digest_of(tmp_path)
    (tmp_path / "a").write_text("2", encoding="utf-8")
    assert digest_of(tmp_path) != before

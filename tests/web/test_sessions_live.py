"""Logging in and out of the real page, and what its log keeps to itself."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.live.harness import wait_for
from tests.web.extra_routes import SECRET, page_with_extra_routes
from tests.web.served import Served, cookie_of, served
from web.codes import issue_code
from web.tokens import new_token

pytestmark = pytest.mark.live

CHANGE = "/api/v1/change"


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """For this machine only."""
    with page_with_extra_routes(tmp_path_factory.mktemp("page")) as opened:
        opened.token()
        yield opened


@pytest.fixture
def wide(tmp_path: Path) -> Iterator[Served]:
    """For others too, who have to log in; for one test."""
    with page_with_extra_routes(tmp_path, Host="0.0.0.0") as opened:
        yield opened


def code_for(page: Served, age: float = 0.0) -> str:
    return issue_code(page.token(), page.port, time.time() - age)


def test_a_code_logs_in_and_leaves_the_address_bar(page: Served) -> None:
    answer = page.ask(f"/login?code={code_for(page)}")
    assert (answer.status, answer.headers["location"]) == (303, "/QM")
    name, _, rest = answer.headers["set-cookie"].partition("=")
    assert name.startswith(f"qm_{page.port}_")
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} < set(rest.split("; "))
    assert page.ask("/secret", Cookie=cookie_of(answer)).status == 200


def test_a_code_that_was_used_opens_nothing(page: Served) -> None:
    code = code_for(page)
    assert page.ask(f"/login?code={code}").status == 303
    again = page.ask(f"/login?code={code}")
    assert again.status == 401 and "set-cookie" not in again.headers
    assert "used already" in again.text


@pytest.mark.parametrize("age", [61.0, 3600.0, -3600.0])
def test_a_code_that_is_too_old_opens_nothing(page: Served, age: float) -> None:
    assert page.ask(f"/login?code={code_for(page, age)}").status == 401


@pytest.mark.parametrize("code", ["", "x", "1-2-3", "%00", "%FF", "a" * 5000])
def test_what_is_no_code_opens_nothing(page: Served, code: str) -> None:
    assert page.ask(f"/login?code={code}").status == 401


def test_asking_for_the_head_does_not_use_up_a_code(page: Served) -> None:
    code = code_for(page)
    assert page.ask(f"/login?code={code}", "HEAD").status == 200
    assert page.ask(f"/login?code={code}").status == 303


def test_the_tokens_open_what_they_are_for(page: Served) -> None:
    operator = page.anonymous().submit("/login", token=f" {page.token().secret} ")
    assert page.ask("/secret", Cookie=cookie_of(operator)).status == 200
    viewer = page.viewer()
    assert viewer.ask("/secret").status == 403 and viewer.ask("/look").status == 200


def test_logging_out_ends_the_session_for_good(page: Served) -> None:
    operator = page.operator()
    answer = operator.submit("/logout")
    assert (answer.status, answer.headers["location"]) == (303, "/QM")
    assert "Max-Age=0" in answer.headers["set-cookie"]
    assert operator.ask("/secret").status == 403


@pytest.mark.parametrize(
    "address",
    [
        *("//evil.example", "/\\evil.example", "https:evil.example", "https://evil.example"),
        *("", "QM", "/QM/../../x", "/logout", "javascript:alert(1)", "\r\nSet-Cookie: a=b", "/QM?"),
    ],
)
def test_a_login_leads_to_no_other_place(page: Served, address: str) -> None:
    secret = page.token().secret
    answer = page.anonymous().submit("/login", token=secret, next=address)
    assert (answer.status, answer.headers["location"]) == (303, "/QM")


def test_a_login_leads_to_where_one_wanted_to_go(page: Served) -> None:
    form = page.ask("/login?next=/stats").text
    assert 'name="next" value="/stats"' in form
    answer = page.anonymous().submit("/login", token=page.token().secret, next="/stats")
    assert answer.headers["location"] == "/stats"


def test_a_form_that_is_too_long_is_refused(page: Served) -> None:
    assert page.anonymous().submit("/login", token="x" * 4096).status == 413


def test_a_session_outlives_a_restart_of_the_page(tmp_path: Path) -> None:
    with page_with_extra_routes(tmp_path) as page:
        cookie = page.operator().headers["Cookie"]
        out = page.operator()
        out.submit("/logout")
    with served(page.folder, page.config, page.port) as again:
        assert "You are logged in as operator" in again.ask("/login", Cookie=cookie).text
        assert "You are logged in" not in out.page.ask("/login", **out.headers).text


def test_a_new_token_logs_out_everybody(wide: Served) -> None:
    operator, program = wide.operator(), wide.program()
    assert operator.ask("/look").status == program.ask("/look").status == 200
    new_token(wide.token_file)
    assert operator.ask("/look").status == program.ask("/look").status == 401
    browser = operator.ask("/look", Accept="text/html")
    assert (browser.status, browser.headers["location"]) == (303, "/login?next=%2Flook")
    assert "set-cookie" not in browser.headers
    form = operator.ask(browser.headers["location"], Accept="text/html")
    assert form.status == 200 and 'name="token"' in form.text
    assert wide.operator().ask("/look").status == 200


def test_a_token_that_others_may_read_stops_counting(wide: Served) -> None:
    program = wide.program()
    wide.token_file.chmod(0o644)
    assert program.ask("/look").status == 401
    assert "others may read the token" in wide.said()
    wide.token_file.chmod(0o600)
    assert program.ask("/look").status == 200


def test_guessing_has_to_wait_and_the_good_one_is_slow_to_nobody_else(wide: Served) -> None:
    visitor = wide.anonymous()
    answers = [visitor.submit("/login", token=f"guess-{n}") for n in range(20)]
    assert [answer.status for answer in answers] == [401] * 5 + [429] * 15
    assert 0 < int(answers[-1].headers["retry-after"]) <= 60
    # The right token waits as well: otherwise a guess would be answered after all.
    assert visitor.submit("/login", token=wide.token().secret).status == 429
    assert wide.program().ask("/look").status == 200
    assert wide.operator().ask("/look").status == 200


@pytest.mark.slow
def test_after_the_wait_the_good_token_works(wide: Served) -> None:
    visitor = wide.anonymous()
    for number in range(6):
        last = visitor.submit("/login", token=f"guess-{number}")
    assert last.status == 429
    wait = float(last.headers["retry-after"])
    good = wait_for(
        "the right token is taken",
        lambda: [
            a for a in [visitor.submit("/login", token=wide.token().secret)] if a.status < 400
        ],
        timeout=wait + 30,
    )
    assert good[0].status == 303


@pytest.mark.parametrize(
    ("path", "accept"), [("/boom", "text/html"), ("/boom/a%1Bb", "*/*"), ("/api/v1/boom", "*/*")]
)
def test_a_mistake_of_ours_is_told_without_its_details(
    page: Served, path: str, accept: str
) -> None:
    answer = page.ask(path, Accept=accept)
    assert answer.status == 500
    assert answer.headers["x-request-id"] in answer.text
    assert SECRET not in answer.text and "Traceback" not in answer.text
    assert "QM itself and the jobs go on" in answer.text
    if path.startswith("/api/"):
        assert answer.headers["content-type"] == "application/problem+json"
        assert set(answer.json) == {"type", "title", "status", "detail", "request_id"}
    said = page.said()
    assert answer.headers["x-request-id"] in said and f"RuntimeError: {SECRET}" in said


def test_a_mistake_in_the_middle_of_an_answer_is_told_without_its_details(page: Served) -> None:
    answer = page.ask("/later")
    assert answer.status == 500
    assert SECRET not in answer.text and "Traceback" not in answer.text


def test_a_problem_at_the_begin_of_a_stream_is_told_as_one(page: Served) -> None:
    answer = page.ask("/too-late")
    assert answer.status == 409 and "It has ended." in answer.text


def test_debug_shows_the_exception(tmp_path: Path) -> None:
    with page_with_extra_routes(tmp_path, Debug="yes") as page:
        text = page.ask("/boom").text
        assert f"RuntimeError: {SECRET}" in text and "Traceback" not in text


def test_an_error_with_a_sentence_is_an_answer_with_that_sentence(page: Served) -> None:
    html, api = page.ask("/gone"), page.ask("/api/v1/gone")
    assert html.status == api.status == 404
    assert "there is no job &lt;7&gt;" in html.text and "Look at the list." in html.text
    assert api.json["detail"] == "there is no job <7> Look at the list."


def test_the_log_keeps_secrets_and_control_characters_to_itself(page: Served) -> None:
    operator, code = page.operator(), code_for(page)
    secret, cookie = page.token().secret, operator.headers["Cookie"].partition("=")[2]
    operator.ask(f"/boom/%1B%5B31m%0D%0A%00%9B{'x' * 300}?token={secret}")
    page.ask("/boom", Authorization=f"Bearer {secret}")
    page.ask("/boom", Authorization=f"Bearer {secret}wrong\x1b")
    page.ask(f"/login?code={code}")
    page.anonymous().submit("/login", token=f"{secret}wrong")
    said = wait_for("all is told", lambda: (s := page.said()) and "a wrong token" in s and s)
    assert not set(said) & set("\x1b\r\x00\x9b")
    assert all(line.isprintable() for line in said.splitlines())
    for private in (secret, cookie, code, page.token().viewer):
        assert private not in said

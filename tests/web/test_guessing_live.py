"""Guessing tokens: by the form, by the header, from many addresses, and all at once."""

from __future__ import annotations

import http.client
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlencode

import pytest

from tests.web.extra_routes import page_with_extra_routes
from tests.web.served import FORM, Served, page_of_empty_queue
from tests.web.test_events_live import needs_many_addresses
from web.access import WRONG_TOKENS_A_MINUTE
from web.login import TRIES_A_MINUTE
from web.tokens import new_token

pytestmark = pytest.mark.live


@pytest.fixture
def page(tmp_path: Path) -> Iterator[Served]:
    """For this machine only; for one test, because guesses are remembered."""
    with page_with_extra_routes(tmp_path) as opened:
        opened.token()
        yield opened


@pytest.fixture(scope="module")
def at_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The same, where nobody guesses."""
    with page_with_extra_routes(tmp_path_factory.mktemp("home")) as opened:
        opened.token()
        yield opened


def login_from(page: Served, address: str, token: str) -> int:
    """The status of a login from another address of this machine."""
    connection = http.client.HTTPConnection(
        "127.0.0.1", page.port, timeout=60, source_address=(address, 0)
    )
    try:
        body = urlencode({"token": token})
        headers = {"Content-Type": FORM, "Origin": page.origin}
        connection.request("POST", "/login", body, headers)
        return connection.getresponse().status
    finally:
        connection.close()


def test_guesses_that_come_all_at_once_are_not_more(page: Served) -> None:
    visitor = page.anonymous()
    with ThreadPoolExecutor(40) as pool:
        sent = pool.map(lambda n: visitor.submit("/login", token=f"guess-{n}"), range(40))
        found = Counter(answer.status for answer in sent)
    assert found == {401: TRIES_A_MINUTE, 429: 40 - TRIES_A_MINUTE}


def test_other_addresses_of_this_machine_are_no_other_guesser(page: Served) -> None:
    needs_many_addresses()
    found = [login_from(page, f"127.0.0.{n}", f"guess-{n}") for n in range(1, 11)]
    assert found == [401] * TRIES_A_MINUTE + [429] * (10 - TRIES_A_MINUTE)
    assert login_from(page, "127.0.0.200", page.token().secret) == 429


def test_what_a_proxy_says_makes_no_other_guesser(page: Served) -> None:
    visitor = page.anonymous()
    found = [
        visitor.ask(
            "/login",
            "POST",
            urlencode({"token": f"guess-{n}"}),
            **{"Content-Type": FORM, "X-Forwarded-For": f"192.0.2.{n}"},
        ).status
        for n in range(10)
    ]
    assert found == [401] * TRIES_A_MINUTE + [429] * (10 - TRIES_A_MINUTE)


def test_guessing_by_the_header_has_to_wait_as_well(page: Served) -> None:
    program = page.program()
    for _ in range(2 * WRONG_TOKENS_A_MINUTE):
        assert program.ask("/look").status == 200, "who shows the right one is not counted"
    with ThreadPoolExecutor(8) as pool:
        answers = list(
            pool.map(
                lambda n: page.ask("/look", Authorization=f"Bearer guess-{n}"),
                range(WRONG_TOKENS_A_MINUTE + 20),
            )
        )
    found = Counter(answer.status for answer in answers)
    assert found == {401: WRONG_TOKENS_A_MINUTE, 429: 20}
    last = next(answer for answer in answers if answer.status == 429)
    assert 0 < int(last.headers["retry-after"]) <= 60
    # A right one as well: otherwise a guess would be answered after all.
    assert program.ask("/look").status == 429
    assert page.operator().ask("/secret").status == 200, "codes and sessions go on"


@pytest.mark.parametrize(
    "header",
    [
        *("X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "Forwarded"),
        *("X-Real-IP", "Via"),
    ],
)
def test_who_comes_by_a_proxy_is_not_at_this_machine(at_home: Served, header: str) -> None:
    assert at_home.ask("/look").status == 200
    for value in ("192.0.2.7", "for=192.0.2.7", "127.0.0.1", "", '"'):
        assert at_home.ask("/look", **{header: value}).status == 401, value
    assert at_home.program().ask("/look", **{header: "192.0.2.7"}).status == 200


def test_a_new_token_ends_the_addresses_of_reports(tmp_path: Path) -> None:
    with page_of_empty_queue(tmp_path) as page:
        page.token()
        folder = page.folder / "QM_dJobs" / "2016_old"
        folder.mkdir()
        (folder / "r.html").write_text("<h1>r</h1>", encoding="utf-8")
        shown = page.ask("/QM_dJobs/2016_old/r.html")
        address = shown.headers["location"]
        assert page.ask(address).text == "<h1>r</h1>"
        new_token(page.token_file)
        assert page.ask(address).status == 404

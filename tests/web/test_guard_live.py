"""The guard before the real page: hosts, origins, tokens, bodies, headers."""

from __future__ import annotations

import contextlib
import http.client
import select
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.web.extra_routes import page_with_extra_routes
from tests.web.served import Served
from web.headers import POLICY

pytestmark = pytest.mark.live

CHANGE = "/api/v1/change"


def style_of(page: Served) -> str:
    """The address of the style sheet, as a page has it."""
    return page.ask("/look").text.split('rel="stylesheet" href="')[1].split('"')[0]


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """For this machine only."""
    with page_with_extra_routes(tmp_path_factory.mktemp("page")) as opened:
        opened.token()
        yield opened


@pytest.fixture(scope="module")
def wide(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """For others too."""
    with page_with_extra_routes(tmp_path_factory.mktemp("wide"), Host="0.0.0.0") as opened:
        yield opened


@pytest.mark.parametrize(
    "path",
    [
        *("/", "/look", "/static/qm.css", "{style}", CHANGE, "/healthz", "/login", "/nothing"),
        *("/api/v1/events", "/api/v1/jobs", "/job/1/archive.zip", "/s/9.a/1/r.html"),
    ],
)
@pytest.mark.parametrize(
    "host",
    [
        *("evil.example", "evil.example:{port}", "127.0.0.1.evil.example", "localhost.evil"),
        *("localhost@evil.example", "192.168.0.7", "[fe80::1]", "0.0.0.0", "localhost:x", "[::1"),
    ],
)
def test_another_host_gets_nothing(page: Served, host: str, path: str) -> None:
    address = path.replace("{style}", style_of(page))
    answer = page.program().ask(address, Host=host.format(port=page.port))
    assert (answer.status, answer.body) == (421, b"")
    assert page.program().ask(address, "POST", b"", Host="evil.example").status == 421


@pytest.mark.parametrize(
    "host", ["[::1]:{port}", "LOCALHOST:{port}", "localhost.:{port}", "127.3.2.1"]
)
def test_each_way_to_write_this_machine_is_answered(page: Served, host: str) -> None:
    assert page.ask("/look", Host=host.format(port=page.port)).status == 200


@pytest.mark.parametrize(
    "head",
    [
        "GET /look HTTP/1.0\r\n",
        "GET /look HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n",
        "GET /look HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n",
        "GET http://evil.example/look HTTP/1.1\r\nHost: localhost\r\n",
        "GET http://localhost/look HTTP/1.1\r\nHost: localhost\r\n",
        "GET //evil.example/look HTTP/1.1\r\nHost: localhost, evil.example\r\n",
    ],
)
def test_a_request_whose_host_is_not_clear_gets_nothing(page: Served, head: str) -> None:
    answer = page.raw(f"{head}Connection: close\r\n\r\n".encode())
    assert answer.split(b" ", 2)[1] in {b"421", b"400"}
    assert b"<html" not in answer


def test_a_page_for_others_is_answered_under_the_machines_name(wide: Served) -> None:
    name = socket.gethostname()
    answer = wide.program().ask("/look", Host=f"{name}:{wide.port}")
    assert answer.status == 200
    assert wide.program().ask("/look", Host=f"{name}.evil.example:{wide.port}").status == 421


@pytest.mark.parametrize("site", ["cross-site", "same-site", "evil", ""])
def test_a_change_that_another_site_sends_is_refused(page: Served, site: str) -> None:
    answer = page.operator().send(CHANGE, {}, **{"Sec-Fetch-Site": site})
    assert answer.status == 403


@pytest.mark.parametrize(
    "origin",
    [
        *("http://evil", "null", "http://127.0.0.1", "http://127.0.0.1:1", ""),
        *("{own}.evil.example", "{own}0", "https://127.0.0.1:{port}", "http://localhost:{port}"),
    ],
)
def test_a_change_from_another_origin_is_refused(page: Served, origin: str) -> None:
    given = origin.format(own=page.origin, port=page.port)
    assert page.operator().send(CHANGE, {}, Origin=given).status == 403


def test_a_change_with_a_cookie_alone_is_refused(page: Served) -> None:
    cookie = page.operator().headers["Cookie"]
    headers = {"Cookie": cookie, "Content-Type": "application/json"}
    assert page.ask(CHANGE, "POST", b"{}", **headers).status == 403


def test_a_change_from_our_own_page_is_done(page: Served) -> None:
    operator = page.operator()
    assert operator.send(CHANGE, {"a": 1}).json == {"got": {"a": 1}}
    by_browser = {"Sec-Fetch-Site": "same-origin", "Origin": page.origin}
    assert operator.send(CHANGE, {}, **by_browser).status == 200


def test_a_token_needs_no_origin(page: Served) -> None:
    assert page.program().send(CHANGE, {}).status == 200


def test_a_token_beside_a_cookie_needs_our_origin(page: Served) -> None:
    cookie = page.operator().headers["Cookie"]
    program = page.program()
    assert program.send(CHANGE, {}, Cookie=cookie, Origin="http://evil").status == 403
    assert program.send(CHANGE, {}, Cookie=cookie).status == 403
    assert program.send(CHANGE, {}, Cookie=cookie, Origin=page.origin).status == 200


def test_under_the_machines_name_without_fetch_metadata_our_origin_counts(wide: Served) -> None:
    here = f"{socket.gethostname()}:{wide.port}"
    operator = wide.operator()
    sent = {"Host": here, "Content-Type": "application/x-www-form-urlencoded"}
    evil = operator.ask("/logout", "POST", b"", **sent, Origin="http://evil")
    assert evil.status == 403
    assert operator.ask("/look").status == 200
    ours = operator.ask("/logout", "POST", b"", **sent, Origin=f"http://{here}")
    assert ours.status == 303


@pytest.mark.parametrize(
    "kind", ["text/plain", "multipart/form-data; boundary=x", "application/x-www-form-urlencoded"]
)
def test_what_forms_can_send_is_no_json(page: Served, kind: str) -> None:
    answer = page.operator().send(CHANGE, {}, **{"Content-Type": kind})
    assert (answer.status, answer.json["title"]) == (415, "Unsupported Media Type")


def test_json_with_a_character_set_is_json(page: Served) -> None:
    kind = {"Content-Type": "Application/JSON; charset=utf-8"}
    assert page.operator().send(CHANGE, {}, **kind).status == 200


@pytest.mark.parametrize(
    "authorization", ["Bearer wrong", "Bearer ", "Bearer", "Basic {token}", "{token}", ""]
)
def test_what_is_not_the_token_opens_nothing(page: Served, authorization: str) -> None:
    shown = authorization.format(token=page.token().secret)
    answer = page.ask(CHANGE, "POST", b"", Authorization=shown)
    assert (answer.status, answer.json["status"]) == (401, 401)
    assert answer.headers["www-authenticate"].startswith("Bearer")


def test_a_token_with_one_wrong_character_opens_nothing(page: Served) -> None:
    secret = page.token().secret
    wrong = ("A" if secret[0] != "A" else "B") + secret[1:]
    for shown in (wrong, secret[:-1], secret + "A", secret.swapcase()):
        assert page.ask("/look", Authorization=f"Bearer {shown}").status == 401


def test_a_token_of_a_mebibyte_is_refused_while_it_comes(page: Served) -> None:
    head = b"GET /look HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAuthorization: Bearer "
    left = head + b"x" * (1 << 20)
    with socket.create_connection(("127.0.0.1", page.port), timeout=20) as connection:
        # The answer may come while some of it is still to be sent, and with it the end.
        with contextlib.suppress(ConnectionError):
            while left and not select.select([connection], [], [], 0)[0]:
                left = left[connection.send(left[:4096]) :]
        answer = connection.recv(65536)
    assert answer.split(b" ", 2)[1] == b"431"
    assert page.ask("/healthz").status == 200


def test_a_long_head_is_refused_with_431(page: Served) -> None:
    answer = page.raw(
        b"GET /look HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " + b"x" * 16384
    )
    assert answer.split(b" ", 2)[1] == b"431"


def test_a_body_beyond_the_routes_limit_is_refused(page: Served) -> None:
    operator = page.operator()
    raw = {"Content-Type": "application/octet-stream"}
    assert operator.ask("/api/v1/piece", "PUT", b"x" * 4096, **raw).json == {"length": 4096}
    assert operator.ask("/api/v1/piece", "PUT", b"x" * 4097, **raw).status == 413


def test_a_body_of_two_gigabytes_is_refused_before_it_is_sent(page: Served) -> None:
    answer = page.raw(
        b"PUT /api/v1/piece HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2000000000\r\n"
        b"Connection: close\r\n\r\n"
    )
    assert answer.split(b" ", 2)[1] == b"413"


def test_more_than_sixty_changes_in_a_minute_have_to_wait(tmp_path: Path) -> None:
    with page_with_extra_routes(tmp_path) as page:
        operator, program = page.operator(), page.program()
        answers = [operator.send(CHANGE, {}) for _ in range(61)]
        assert [answer.status for answer in answers] == [200] * 60 + [429]
        assert 0 < int(answers[-1].headers["retry-after"]) <= 60
        # Each one for himself, and looking is free.
        assert program.send(CHANGE, {}).status == 200
        assert operator.ask("/look").status == 200
        raw = {"Content-Type": "application/octet-stream"}
        assert operator.ask("/api/v1/piece", "PUT", b"x", **raw).status == 200


def test_a_viewer_is_kept_from_what_is_for_operators(page: Served) -> None:
    assert page.anonymous().ask("/secret").status == 403
    assert page.viewer().ask("/secret").status == 403
    assert page.operator().ask("/secret").text == "for operators"


def test_a_name_that_is_no_utf8_arrives_as_it_is(page: Served) -> None:
    assert page.ask("/exact/a%FFb").json == {"name": b"a\xffb".hex()}
    assert page.ask("/exact/%C3%A9").json == {"name": "é".encode().hex()}
    assert page.ask("/nothing/%FF").status == 404


@pytest.mark.parametrize("path", ["/look", "/nothing", "/healthz", "/api/v1/nothing", "/boom"])
@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE"])
def test_every_answer_carries_the_headers(page: Served, path: str, method: str) -> None:
    headers = page.ask(path, method).headers
    assert headers["content-security-policy"] == POLICY
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"
    assert headers["cross-origin-opener-policy"] == "same-origin"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert headers["cache-control"] == "no-store"
    assert "server" not in headers and "access-control-allow-origin" not in headers


def test_pages_are_packed_for_browsers_that_take_it(page: Served) -> None:
    plain, packed = (
        page.ask("/look"),
        page.ask("/look", "GET", None, **{"Accept-Encoding": "gzip, br"}),
    )
    assert packed.headers["content-encoding"] == "gzip" and len(packed.body) < len(plain.body)
    assert packed.text == plain.text


def test_static_files_keep_for_ever_under_their_name(page: Served) -> None:
    address = style_of(page)
    plain, packed = page.ask(address), page.ask(address, "GET", None, **{"Accept-Encoding": "gzip"})
    assert "immutable" in plain.headers["cache-control"]
    assert packed.headers["content-encoding"] == "gzip" and packed.text == plain.text
    assert page.ask(address.replace(".css", "0.css")).status == 404


def test_two_lengths_are_refused(page: Served) -> None:
    answer = page.raw(
        b"POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n"
        b"Connection: close\r\n\r\nab"
    )
    assert answer.split(b" ", 2)[1] == b"400"


def test_a_connection_serves_more_than_one_request(page: Served) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", page.port, timeout=20)
    try:
        for _ in range(2):
            connection.request("GET", "/healthz")
            assert connection.getresponse().read() == b"ok\n"
    finally:
        connection.close()

"""Web addresses that are told, by a real web server."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from qm import __version__
from qm.notify.channel import Undelivered
from qm.notify.notice import payload
from qm.notify.webhook import Webhook
from tests.fakes.mail_server import free_port, make_authority, silent_server
from tests.fakes.notices import a_notice
from tests.fakes.web_server import WebServer, web_server


@pytest.fixture
def server() -> Iterator[WebServer]:
    with web_server() as running:
        yield running


def post(url: str, **changes: Any) -> str:
    return Webhook(lambda _: url, "lab").deliver(a_notice(**changes), "/now/here")


def fault_of(url: str) -> Undelivered:
    with pytest.raises(Undelivered) as caught:
        post(url)
    return caught.value


def test_an_address_gets_the_notice_as_json(server: WebServer) -> None:
    detail = post(server.url("/done?x=1&y=ä"))
    assert detail == f"http://localhost:{server.port} answered 204"
    (posted,) = server.requests
    assert (posted.method, posted.path) == ("POST", "/done?x=1&y=%C3%A4")
    assert posted.json() == payload(a_notice(), "/now/here", "lab")
    assert posted.headers["Content-Type"] == "application/json"
    assert posted.headers["User-Agent"] == f"QM/{__version__}"
    assert "7-1-ended" in posted.headers["Idempotency-Key"]
    assert "Authorization" not in posted.headers


def test_a_login_in_the_address_is_sent_as_one_and_not_told_to_anybody(server: WebServer) -> None:
    detail = post(f"http://anna:s%65cret@localhost:{server.port}/hook/token")
    assert server.requests[0].headers["Authorization"] == "Basic YW5uYTpzZWNyZXQ="
    assert "secret" not in detail and "token" not in detail and "anna" not in detail


@pytest.mark.parametrize("status", [200, 201, 202, 204, 303])
def test_an_answer_that_it_was_taken_is_enough(server: WebServer, status: int) -> None:
    server.answers["/"] = status
    assert f"answered {status}" in post(server.url())


@pytest.mark.parametrize("status", [400, 401, 404, 410, 422, 304, 300])
def test_an_answer_that_it_is_unwelcome_is_final(server: WebServer, status: int) -> None:
    server.answers["/"] = status
    fault = fault_of(server.url())
    assert f"answered {status}" in fault.detail
    assert fault.final and not fault.down


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503])
def test_an_answer_that_says_not_now_is_worth_another_try(server: WebServer, status: int) -> None:
    server.answers["/"] = status
    fault = fault_of(server.url())
    assert fault.down and not fault.final


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_server_that_sends_us_on_is_followed_with_the_whole_message(
    server: WebServer, status: int
) -> None:
    server.answers["/old"] = status
    server.location = "new?a=b"
    post(server.url("/old"))
    assert [(one.method, one.path) for one in server.requests] == [
        ("POST", "/old"),
        ("POST", "/new?a=b"),
    ]
    assert server.requests[1].json()["id"] == 7


def test_a_login_does_not_follow_to_another_address(server: WebServer) -> None:
    server.answers["/old"] = 307
    server.location = server.url("/new")
    post(f"http://anna:secret@localhost:{server.port}/old")
    assert "Authorization" in server.requests[0].headers
    assert "Authorization" not in server.requests[1].headers


def test_a_circle_of_servers_is_left(server: WebServer) -> None:
    server.answers["/"] = 307
    server.location = "/"
    fault = fault_of(server.url())
    assert "more than 3 times" in fault.detail and fault.final
    assert len(server.requests) == 4


@pytest.mark.parametrize("location", ["file:///etc/passwd", "ftp://x.org/", "http://["])
def test_a_server_that_sends_us_elsewhere_than_to_the_web_is_not_followed(
    server: WebServer, location: str
) -> None:
    server.answers["/"] = 302
    server.location = location
    assert fault_of(server.url()).final
    assert len(server.requests) == 1


def test_an_encrypted_address_is_checked_and_does_not_lead_into_the_clear(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: WebServer
) -> None:
    authority = make_authority(tmp_path)
    with web_server(authority.context) as secure:
        fault = fault_of(secure.url())
        assert "certificate" in fault.detail and fault.down
        assert secure.requests == []
        trusting = ssl.create_default_context(cafile=str(authority.file))
        monkeypatch.setattr(ssl, "create_default_context", lambda: trusting)
        post(secure.url("/a"))
        assert secure.requests[0].json()["id"] == 7
        secure.answers["/b"] = 302
        secure.location = server.url("/clear")
        assert fault_of(secure.url("/b")).final
        assert server.requests == []


def test_a_server_that_is_not_there_is_told_and_waited_for() -> None:
    port = free_port()
    fault = fault_of(f"http://localhost:{port}/secret-path")
    assert fault.detail.startswith(f"http://localhost:{port} cannot be reached: ")
    assert fault.down and not fault.final


def test_a_server_that_never_answers_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("qm.notify.posting.TIMEOUT", 0.3)
    with silent_server() as port:
        fault = fault_of(f"http://127.0.0.1:{port}/")
    assert "does not answer" in fault.detail and fault.down


def test_a_server_that_trickles_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("qm.notify.posting._LONGEST", 0.5)
    done = threading.Event()

    def trickle(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection:
            connection.sendall(b"HTTP/1.1 200 OK\r\n")
            while not done.wait(0.05):
                try:
                    connection.sendall(b"X-More: and more\r\n")
                except OSError:
                    return

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=trickle, args=(listener,))
        thread.start()
        fault = fault_of(f"http://127.0.0.1:{listener.getsockname()[1]}/")
        done.set()
        thread.join()
    assert fault.down


@pytest.mark.parametrize(
    "url", ["http://", "http://[", "ftp://x.org/", "http://x.org:99999/", f"http://{'ä' * 99}.org/"]
)
def test_an_address_that_is_none_is_given_up(url: str) -> None:
    assert fault_of(url).final


def test_a_server_of_a_hostile_tongue_is_no_fault_of_ours() -> None:
    def answer(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(65536)
            connection.sendall(b"\x16\x03\x01 not http at all\r\n\r\n")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=answer, args=(listener,))
        thread.start()
        fault = fault_of(f"http://127.0.0.1:{listener.getsockname()[1]}/")
        thread.join()
    assert fault.down
    assert fault.detail.isprintable()


def test_what_waits_for_one_server_waits_together_whoever_logs_in() -> None:
    def target(url: str) -> str:
        return Webhook(lambda _: url, "lab").target(a_notice())

    assert target("http://a:b@X.org/1") == target("http://x.org/2") == "http://x.org"
    assert target("http://x.org/") != target("http://x.org:81/")

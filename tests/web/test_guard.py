"""Which Host headers are ours, and which origins: the rules alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qm.config import WebConfig
from web.hosts import OwnNames, is_loopback_host, is_our_host
from web.origin import origin_is_ours

OURS = "http://lab:8000"


@pytest.mark.parametrize(
    "header", ["localhost", "LocalHost.", "localhost:8000", "127.0.0.1", "[::1]:8000", "lab:1"]
)
def test_a_name_of_this_machine_is_ours(header: str) -> None:
    assert is_our_host(header, {"lab"})


@pytest.mark.parametrize(
    "header",
    [
        *("", "lab.example", "localhost, evil.example", "a@localhost", "localhost/x"),
        *("localhost:99999", "::1", "[::1", "2130706433", "0x7f.1", "localhost?", ":8000"),
    ],
)
def test_anything_else_is_not(header: str) -> None:
    assert not is_our_host(header, {"lab"})


@given(st.text(max_size=40))
def test_no_header_breaks_the_guard(header: str) -> None:
    assert is_our_host(header, {"lab"}) in {True, False}


@given(st.from_regex(r"[a-z0-9.-]{1,30}", fullmatch=True))
def test_a_name_behind_ours_does_not_make_it_ours(rest: str) -> None:
    assert not is_our_host(f"localhost.{rest}x.example", {"lab"})


def test_a_page_for_this_machine_has_no_other_names_than_the_allowed_ones() -> None:
    own = OwnNames.of(WebConfig(allowed_hosts=("Proxy.Example.", "[fd00::7]")))
    assert "proxy.example" in own and "fd00::7" in own
    assert "127.0.0.1" not in own and "" not in own


def test_a_page_for_others_has_the_names_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("socket.gethostname", lambda: "Lab-ws1.example.org")
    monkeypatch.setattr("web.hosts._own_addresses", lambda: {"192.168.0.7"})
    own = OwnNames.of(WebConfig(host="*"))
    assert {name in own for name in ("lab-ws1", "lab-ws1.example.org", "192.168.0.7")} == {True}
    assert "*" not in own and "192.168.0.8" not in own and "other.example.org" not in own


@pytest.mark.parametrize(
    ("host", "here"),
    [
        *(("localhost", True), ("127.0.0.1", True), ("[::1]", True), ("LOCALHOST.", True)),
        *(("0.0.0.0", False), ("*", False), ("lab", False), ("192.168.0.7", False)),
    ],
)
def test_a_host_is_for_this_machine_only_where_its_name_says_so(host: str, here: bool) -> None:
    assert is_loopback_host(host) is here


@pytest.mark.parametrize(
    ("origin", "site"),
    [
        (OURS, None),
        ("HTTP://LAB:8000", None),
        (None, "same-origin"),
        (None, "none"),
        # Where a browser says both, Sec-Fetch-Site is what it has worked out itself.
        ("null", "same-origin"),
    ],
)
def test_our_own_page_may_ask_for_changes(origin: str | None, site: str | None) -> None:
    assert origin_is_ours(OURS, origin, site, token_alone=False)


@pytest.mark.parametrize(
    ("origin", "site"),
    [
        *((None, None), ("null", None), ("", None), ("http://evil", None)),
        *(("http://lab", None), ("http://lab:8001", None), ("https://lab:8000", None)),
        *(("http://lab:80000", None), ("http://lab:8000.evil", None), ("http://lab:8000/", None)),
        *((OURS, "cross-site"), (OURS, "same-site"), (OURS, ""), (OURS, "same-origin, none")),
    ],
)
def test_another_page_may_not(origin: str | None, site: str | None) -> None:
    assert not origin_is_ours(OURS, origin, site, token_alone=False)


def test_a_program_with_a_token_and_no_cookie_may() -> None:
    assert origin_is_ours(OURS, None, None, token_alone=True)

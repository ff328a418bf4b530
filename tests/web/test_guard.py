"""Which Host headers are ours."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from web.hosts import is_our_host


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

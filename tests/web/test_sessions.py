"""Tokens, codes and sessions: the rules alone, with a clock of our own."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qm.config import Config, WebConfig
from qm.errors import ConfigError
from web import sessions as web_sessions
from web.access import Access
from web.codes import LIFETIME, Codes, issue_code
from web.cookies import cookie_values
from web.hosts import network_of
from web.problem import Problem
from web.ratelimit import Guesses, RateLimit
from web.roles import Role
from web.sessions import MOST, Sessions
from web.site import rights_of
from web.tokens import Token, TokenFile, existing_or_new, new_token, read_token, token_path

NOW = 1_800_000_000.0
TOKEN = Token("a-token-of-the-tests")
posix_only = pytest.mark.skipif(not hasattr(os, "geteuid"), reason="rights as POSIX has them")


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now


def codes(began: float = 0.0) -> Codes:
    return Codes(8000, began)


def test_a_code_opens_once() -> None:
    code, known = issue_code(TOKEN, 8000, NOW), codes()
    assert known.redeem(TOKEN, code, NOW + 1)
    assert not known.redeem(TOKEN, code, NOW + 1)


@pytest.mark.parametrize(
    ("later", "opens"), [(0, True), (LIFETIME - 1, True), (LIFETIME + 1, False)]
)
def test_a_code_lives_for_a_minute(later: float, opens: bool) -> None:
    assert codes().redeem(TOKEN, issue_code(TOKEN, 8000, NOW), NOW + later) is opens


def test_a_code_that_was_used_is_remembered_for_as_long_as_it_could_count() -> None:
    code, known = issue_code(TOKEN, 8000, NOW), codes()
    assert known.redeem(TOKEN, code, NOW)
    for later in (1, 30, LIFETIME, LIFETIME + 1):
        assert known.redeem(TOKEN, issue_code(TOKEN, 8000, NOW + later), NOW + later)
        assert not known.redeem(TOKEN, code, NOW + later)


def test_a_code_from_before_the_page_started_may_have_been_used() -> None:
    assert not codes(began=NOW + 1).redeem(TOKEN, issue_code(TOKEN, 8000, NOW), NOW + 2)


def test_a_code_is_for_one_port_and_one_token() -> None:
    assert not codes().redeem(TOKEN, issue_code(TOKEN, 8001, NOW), NOW)
    assert not codes().redeem(Token("another-token-of-ours"), issue_code(TOKEN, 8000, NOW), NOW)


def test_a_code_cannot_be_made_younger() -> None:
    moment, nonce, proof = issue_code(TOKEN, 8000, NOW - 120).split("-")
    younger = f"{int(NOW * 1000):x}"
    assert not codes().redeem(TOKEN, f"{younger}-{nonce}-{proof}", NOW)
    assert not codes().redeem(TOKEN, f"{moment}-{'0' * 16}-{proof}", NOW)


@given(st.text(max_size=120))
def test_no_text_breaks_the_reader_of_codes(text: str) -> None:
    assert not codes().redeem(TOKEN, text, NOW)


def test_the_viewers_token_is_another_one_and_changes_along() -> None:
    assert TOKEN.role_of(TOKEN.secret) is Role.OPERATOR
    assert TOKEN.role_of(TOKEN.viewer) is Role.VIEWER
    assert TOKEN.role_of("") is None and TOKEN.role_of(TOKEN.secret[:-1]) is None
    assert Token(TOKEN.viewer).viewer != TOKEN.viewer
    assert TOKEN.secret not in repr(TOKEN)


@given(st.text(max_size=60))
def test_nothing_else_is_a_token(text: str) -> None:
    assert TOKEN.role_of(text) is None


def test_a_new_token_is_for_its_owner_only_and_replaces_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "new folder" / "web-token"
    first = existing_or_new(path)
    assert existing_or_new(path) == first and read_token(path) == first
    second = new_token(path)
    assert second != first and read_token(path) == second
    assert [found.name for found in path.parent.iterdir()] == ["web-token"]
    assert len(second.secret) >= 43


@posix_only
def test_the_file_of_a_new_token_is_readable_for_its_owner_only(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        new_token(tmp_path / "a" / "web-token")
    finally:
        os.umask(before)
    assert (tmp_path / "a" / "web-token").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o700


@posix_only
def test_a_token_that_others_may_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "web-token"
    new_token(path)
    path.chmod(0o640)
    with pytest.raises(ConfigError, match="others may read the token") as caught:
        read_token(path)
    assert "chmod 600" in caught.value.hint


@pytest.mark.parametrize(
    "text", ["", "short", "two words of a length", "ünicode-token-of-length", "\x1b[31m" + "x" * 20]
)
def test_what_is_no_token_is_refused_with_what_to_do(tmp_path: Path, text: str) -> None:
    path = tmp_path / "web-token"
    new_token(path)
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match="this is no token") as caught:
        read_token(path)
    assert "qm web token --new" in caught.value.hint


def test_a_folder_in_place_of_the_token_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="this is no file"):
        read_token(tmp_path)


def config_of(folder: Path, **web: Any) -> Config:
    return Config(folder=folder, web=replace(WebConfig(), **web))


@pytest.mark.parametrize("place", ["token", "QM_dJobs/x/token", "../QM/token"])
def test_a_token_in_the_queue_is_refused(tmp_path: Path, place: str) -> None:
    folder = tmp_path / "QM"
    folder.mkdir()
    with pytest.raises(ConfigError, match="lies in QM_FOLDER"):
        token_path(config_of(folder, token_file=folder / place))


@posix_only
def test_a_token_in_the_queue_by_a_link_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "QM"
    folder.mkdir()
    (tmp_path / "elsewhere").symlink_to(folder)
    with pytest.raises(ConfigError, match="lies in QM_FOLDER"):
        token_path(config_of(folder, token_file=tmp_path / "elsewhere" / "token"))


def test_a_token_beside_the_queue_is_fine_also_with_the_same_beginning(tmp_path: Path) -> None:
    path = tmp_path / "QM-secret" / "token"
    assert token_path(config_of(tmp_path / "QM", token_file=path)) == path


def test_a_new_token_is_noticed(tmp_path: Path) -> None:
    file = TokenFile(tmp_path / "web-token")
    assert file.token() is None
    first = new_token(file.path)
    assert file.token() == first
    second = new_token(file.path)
    assert file.token() == second
    file.path.unlink()
    assert file.token() is None


def test_a_session_is_found_by_its_id_until_it_is_over(tmp_path: Path) -> None:
    clock = Clock()
    sessions = Sessions(tmp_path / "s.json", clock)
    secret = sessions.begin(Role.VIEWER, TOKEN)
    found = sessions.find(secret, TOKEN)
    assert found is not None and found.role is Role.VIEWER
    assert sessions.find(secret + "x", TOKEN) is None and sessions.find("", TOKEN) is None
    clock.now += web_sessions.LIFETIME + 1
    assert sessions.find(secret, TOKEN) is None


def test_sessions_outlive_the_page_and_their_ids_are_not_in_the_file(tmp_path: Path) -> None:
    file = tmp_path / "s.json"
    kept, ended = (Sessions(file, Clock()).begin(Role.OPERATOR, TOKEN) for _ in range(2))
    again = Sessions(file, Clock())
    found = again.find(ended, TOKEN)
    assert found is not None
    again.end(found.digest)
    last = Sessions(file, Clock())
    assert last.find(kept, TOKEN) is not None and last.find(ended, TOKEN) is None
    text = file.read_text(encoding="utf-8")
    assert kept not in text and TOKEN.secret not in text


def test_a_new_token_ends_all_sessions(tmp_path: Path) -> None:
    sessions = Sessions(tmp_path / "s.json", Clock())
    secret = sessions.begin(Role.OPERATOR, TOKEN)
    other = Token("another-token-of-ours")
    assert sessions.find(secret, other) is None
    sessions.begin(Role.OPERATOR, other)
    assert sessions.find(secret, TOKEN) is None


def test_the_oldest_session_makes_room(tmp_path: Path) -> None:
    clock = Clock()
    sessions = Sessions(tmp_path / "s.json", clock)
    made = []
    for _ in range(MOST + 1):
        clock.now += 1
        made.append(sessions.begin(Role.VIEWER, TOKEN))
    there = [sessions.find(secret, TOKEN) is not None for secret in made]
    assert there == [False] + [True] * MOST


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", '{"format": 2, "sessions": []}', '{"format": 1, "sessions": [{"role": 9}]}'],
)
def test_a_damaged_file_of_sessions_logs_out_and_no_more(tmp_path: Path, text: str) -> None:
    file = tmp_path / "s.json"
    file.write_text(text, encoding="utf-8")
    sessions = Sessions(file, Clock())
    assert sessions.find(sessions.begin(Role.VIEWER, TOKEN), TOKEN) is not None
    assert json.loads(file.read_text(encoding="utf-8"))["format"] == 1


def test_a_session_holds_until_it_is_ended_or_the_token_is_new(tmp_path: Path) -> None:
    path = tmp_path / "web-token"
    token = new_token(path)
    access = Access(config_of(tmp_path / "QM", token_file=path))

    cookies = [access.begin(Role.OPERATOR, secure=False).partition(";")[0] for _ in range(2)]
    first, second = (access.caller_of({"HTTP_COOKIE": f"other=1; {one}"}) for one in cookies)
    program = access.caller_of({"HTTP_AUTHORIZATION": f"Bearer {token.secret}"})
    anonymous = access.caller_of({})
    assert first.role is Role.OPERATOR and first.key != second.key
    assert all(map(access.still_holds, (first, second, program, anonymous)))
    access.end(first)
    assert not access.still_holds(first) and access.still_holds(second)
    new_token(path)
    assert [access.still_holds(who) for who in (second, program)] == [False, False]
    assert access.still_holds(anonymous)


def test_a_cookie_is_secure_where_the_browser_uses_https(tmp_path: Path) -> None:
    path = tmp_path / "web-token"
    new_token(path)
    access = Access(config_of(tmp_path / "QM", token_file=path))
    for secure in (False, True):
        parts = access.begin(Role.VIEWER, secure=secure).split("; ")
        assert {"Path=/", "HttpOnly", "SameSite=Strict"} < set(parts)
        assert ("Secure" in parts) is secure


@pytest.mark.parametrize(
    ("anonymous", "host", "role"),
    [
        *(("auto", "localhost", Role.VIEWER), ("auto", "*", Role.OPEN)),
        *(("viewer", "*", Role.VIEWER), ("nobody", "localhost", Role.OPEN)),
    ],
)
def test_who_has_not_logged_in_may_do_what_the_option_says(
    tmp_path: Path, anonymous: str, host: str, role: Role
) -> None:
    access = Access(
        config_of(tmp_path / "QM", anonymous=anonymous, host=host, token_file=tmp_path / "t")
    )
    assert access.caller_of({}).role is role


@pytest.mark.parametrize("header", ["FORWARDED", "VIA", "X_FORWARDED_FOR", "X_REAL_IP"])
def test_who_comes_by_a_proxy_is_not_at_this_machine(tmp_path: Path, header: str) -> None:
    auto, viewer = (
        Access(config_of(tmp_path / "QM", anonymous=word, token_file=tmp_path / "t"))
        for word in ("auto", "viewer")
    )
    by_proxy = {"REMOTE_ADDR": "127.0.0.1", f"HTTP_{header}": "192.0.2.7"}
    assert auto.caller_of(by_proxy).role is Role.OPEN
    assert viewer.caller_of(by_proxy).role is Role.VIEWER


def test_a_name_for_others_opens_nothing_to_the_anonymous(tmp_path: Path) -> None:
    config = config_of(
        tmp_path / "QM",
        allowed_hosts=("qm.example.org",),
        licence_to_kill=True,
        token_file=tmp_path / "t",
    )
    assert Access(config).caller_of({}).role is Role.OPEN
    assert rights_of(config).kill is Role.OPERATOR


def test_what_an_option_grants_to_viewers_is_for_this_machine_only(tmp_path: Path) -> None:
    web = {"licence_to_kill": True, "delete_jobs": True, "display_details": False}
    here, beyond = (rights_of(config_of(tmp_path, host=host, **web)) for host in ("localhost", "*"))
    assert (here.kill, here.delete, here.details) == (Role.VIEWER, Role.VIEWER, Role.OPERATOR)
    assert (beyond.kill, beyond.delete) == (Role.OPERATOR, Role.OPERATOR)
    usual = rights_of(config_of(tmp_path))
    assert (usual.kill, usual.delete, usual.details) == (Role.OPERATOR, Role.OPERATOR, Role.VIEWER)


def test_cookies_of_others_do_not_hide_ours() -> None:
    header = 'a/b[c]="x;y"; qm_1=; qm_1=one ;qm_1=two=2; qm_12=three'
    assert cookie_values(header, "qm_1") == ["one", "two=2"]


def test_a_limit_counts_within_its_window_and_each_key_alone() -> None:
    clock = Clock()
    limit = RateLimit(2, 60.0, clock)
    assert (limit.take("a"), limit.take("a"), limit.take("b")) == (0, 0, 0)
    clock.now += 20
    assert limit.take("a") == 40 and limit.taken("a") == 2
    clock.now += 40
    assert limit.take("a") == 0 and limit.taken("a") == 1


def test_what_is_given_back_does_not_count() -> None:
    limit = RateLimit(1, 60.0, Clock())
    limit.give_back("a")
    assert limit.take("a") == 0
    limit.give_back("a")
    assert limit.taken("a") == 0 and limit.take("a") == 0


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        *(("127.0.0.1", "127.9.9.9", True), ("::1", "127.0.0.1", True)),
        *(("192.168.0.7", "192.168.0.8", False), ("fd00::1:2", "fd00::9:8", True)),
        *(("fd00::1", "fd00:0:0:1::1", False), ("fe80::1%eth0", "fe80::2", True)),
        *(("", "", True), ("no address", "127.0.0.1", False)),
    ],
)
def test_addresses_that_one_machine_can_make_up_count_as_one(
    one: str, other: str, same: bool
) -> None:
    assert (network_of(one) == network_of(other)) is same
    guesses = Guesses(1, 60.0, Clock())
    assert guesses.attempt(one, lambda: None) is None
    if not same:
        assert guesses.attempt(other, lambda: "right") == "right"
        return
    with pytest.raises(Problem) as refused:
        guesses.attempt(other, lambda: "right")
    assert refused.value.status == 429 and refused.value.headers["Retry-After"] == "61"


def test_right_ones_are_no_guesses() -> None:
    guesses = Guesses(1, 60.0, Clock())
    for _ in range(5):
        assert guesses.attempt("192.0.2.1", lambda: "right") == "right"
    assert guesses.wrong("192.0.2.1") == 0


def test_the_same_token_for_looking_is_another_caller(tmp_path: Path) -> None:
    access = Access(config_of(tmp_path / "QM", token_file=tmp_path / "t"))
    token = existing_or_new(tmp_path / "t")
    keys = {
        access.caller_of({"HTTP_AUTHORIZATION": f"Bearer {shown}"}).key
        for shown in (token.secret, token.viewer)
    }
    assert len(keys) == 2


@posix_only
def test_sessions_that_somebody_else_may_have_written_are_none(tmp_path: Path) -> None:
    file = tmp_path / "sessions.json"
    secret = Sessions(file, Clock()).begin(Role.OPERATOR, TOKEN)
    assert Sessions(file, Clock()).find(secret, TOKEN) is not None
    file.chmod(0o620)
    assert Sessions(file, Clock()).find(secret, TOKEN) is None
    file.chmod(0o600)
    if sys.platform != "win32" and os.geteuid() == 0:
        os.chown(file, 12345, -1)
        assert Sessions(file, Clock()).find(secret, TOKEN) is None


def test_made_up_keys_do_not_fill_the_memory() -> None:
    limit = RateLimit(1, 60.0, Clock())
    for number in range(5000):
        limit.take(str(number))
    assert limit.taken("4999") == 1 and limit.taken("0") == 0

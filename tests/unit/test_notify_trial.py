"""Trying whether mail, address and command work."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from qm.config import Config, MailConfig
from qm.notify.trial import faults, send_test
from tests.fakes.mail_server import free_port, mail_server
from tests.fakes.web_server import web_server


def test_a_test_goes_each_way_and_says_what_was_sent_to_whom(tmp_path: Path) -> None:
    with mail_server() as smtp, web_server() as web:
        mail = MailConfig(host="localhost", port=smtp.port, to=("anna@x.org",), sender="qm@x.org")
        config = Config(
            folder=tmp_path,
            mail_active=True,
            mail=mail,
            notify_url=web.url("/hook"),
            notify_command=f'"{sys.executable}" -c "print(input())"',
        )
        mailed, posted, ran = send_test(config)
        assert mailed == (True, f"Mail: sent to anna@x.org by localhost:{smtp.port}.")
        assert posted == (True, f"Notify_url: http://localhost:{web.port} answered 204.")
        assert ran.ok and '"event": "test"' in ran.text
        assert smtp.subjects() == ["QM: a test of its mail"]
        text = str(smtp.mails[0].get_content())
        assert "This is a test: QM can send mail." in text and "process.log" not in text
        assert web.requests[0].json()["event"] == "test"


def test_without_a_recipient_a_test_goes_to_whom_mail_is_from(tmp_path: Path) -> None:
    with mail_server() as smtp:
        mail = MailConfig(host="localhost", port=smtp.port, sender="me@x.org", min_duration=9e9)
        trials = send_test(Config(folder=tmp_path, mail_active=True, mail=mail))
        assert [trial.ok for trial in trials] == [True] * 3
        assert smtp.mails[0]["To"] == "me@x.org"


def test_what_fails_and_what_is_off_is_said(tmp_path: Path) -> None:
    mail = MailConfig(host="localhost", port=free_port(), sender="me@x.org")
    url = f"http://localhost:{free_port()}/"
    config = Config(
        folder=tmp_path, mail_active=True, mail=mail, notify_url=url, notify_command="exit 3"
    )
    trials = send_test(config)
    assert [trial.ok for trial in trials] == [False] * 3
    assert "Mail: it failed: the mail server localhost" in trials[0].text
    assert "Notify_url: it failed: http://localhost" in trials[1].text
    assert trials[2].text == "Notify_command: it failed: it ended with exit code 3."
    off = send_test(Config(folder=tmp_path))
    assert [trial.text for trial in off] == [
        "Mail: none is sent, MailActive is no.",
        "Notify_url: not set.",
        "Notify_command: not set.",
    ]
    assert all(trial.ok for trial in off)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"user": "me@x.org"}, ["no Password_file"]),
        ({"password_file": "pw", "sender": "me@x.org"}, ["no User"]),
        ({"user": "me@x.org", "password_file": "pw"}, ["cannot be read"]),
        ({"ca_file": "ca.pem", "sender": "me@x.org"}, ["is not there"]),
        ({"user": "login"}, ["no Password_file", "no From"]),
        ({"sender": "me@x.org"}, []),
    ],
)
def test_what_can_be_seen_to_be_wrong_is_told_without_sending(
    tmp_path: Path, options: dict[str, Any], told: list[str]
) -> None:
    paths = {name: tmp_path / options[name] for name in options if name.endswith("_file")}
    config = Config(folder=tmp_path, mail_active=True, mail=MailConfig(**{**options, **paths}))
    found = faults(config)
    assert len(found) == len(told)
    assert all(part in sentence for part, sentence in zip(told, found, strict=True))
    assert faults(Config(folder=tmp_path, mail=config.mail)) == []

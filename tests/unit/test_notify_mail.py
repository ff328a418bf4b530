"""Mail by a real SMTP server: TLS, login, what is refused, and what the mail looks like."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qm.config import MailConfig
from qm.model import State
from qm.notify import Event
from qm.notify.channel import Undelivered
from qm.notify.mail import Mail
from tests.fakes.mail_server import (
    PASSWORD,
    USER,
    Authority,
    MailServer,
    free_port,
    mail_server,
    make_authority,
    silent_server,
)
from tests.fakes.notices import a_notice


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """For a server that is called localhost."""
    return make_authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def server() -> Iterator[MailServer]:
    """In the clear and without login, as on one's own machine."""
    with mail_server() as running:
        yield running


@pytest.fixture
def password_file(tmp_path: Path) -> Path:
    """With the right password, for the owner only."""
    file = tmp_path / "password"
    file.write_text(f"{PASSWORD}\n", "utf-8")
    file.chmod(0o600)
    return file


def mail_to(port: int, **options: Any) -> Mail:
    """A channel to the server at this port."""
    values = {"host": "localhost", "sender": "qm@lab.example", "port": port, **options}
    return Mail(MailConfig(**values), "lab")


def send(mail: Mail, folder: str | None = None, **changes: Any) -> str:
    """Deliver one notice, and close the connection."""
    try:
        return mail.deliver(a_notice(**changes), folder)
    finally:
        mail.rest()


def fault_of(mail: Mail, **changes: Any) -> Undelivered:
    with pytest.raises(Undelivered) as caught:
        send(mail, **changes)
    return caught.value


def text_of(mail: EmailMessage) -> str:
    return str(mail.get_content()).replace("\r\n", "\n")


def test_a_mail_says_who_what_and_when_and_that_a_program_sent_it(
    server: MailServer, tmp_path: Path
) -> None:
    (tmp_path / "process.log").write_text("Zeile größer ☃\n", "utf-8")
    detail = send(mail_to(server.port), str(tmp_path))
    assert detail == f"sent to anna@example.org by localhost:{server.port}"
    (mail,) = server.mails
    assert mail["From"] == "QM <qm@lab.example>"
    assert mail["To"] == "anna@example.org"
    assert mail["Subject"] == "QM: job 7 (job7) FAILED, exit code 2"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert abs(mail["Date"].datetime.timestamp() - time.time()) < 60
    assert mail.get_content_type() == "text/plain"
    assert mail.get_content_charset() == "utf-8"
    assert "    Zeile größer ☃\n" in text_of(mail)
    assert server.envelopes[0].mail_from == "qm@lab.example"
    assert server.envelopes[0].rcpt_tos == ["anna@example.org"]


@pytest.mark.parametrize("from_the_start", [False, True], ids=["starttls", "ssl"])
def test_mail_arrives_encrypted_with_login_and_a_checked_certificate(
    authority: Authority, password_file: Path, from_the_start: bool
) -> None:
    with mail_server(authority.context, from_the_start=from_the_start, login=True) as server:
        security = "ssl" if from_the_start else "starttls"
        send(
            mail_to(
                server.port,
                security=security,
                user=USER,
                password_file=password_file,
                ca_file=authority.file,
            )
        )
        assert (len(server.mails), server.encrypted) == (1, [True])
        assert server.logins == [(USER, PASSWORD)]


@pytest.mark.parametrize("from_the_start", [False, True], ids=["starttls", "ssl"])
def test_a_certificate_that_nobody_vouches_for_gets_neither_mail_nor_password(
    authority: Authority, password_file: Path, from_the_start: bool
) -> None:
    with mail_server(authority.context, from_the_start=from_the_start, login=True) as server:
        security = "ssl" if from_the_start else "starttls"
        fault = fault_of(
            mail_to(server.port, security=security, user=USER, password_file=password_file)
        )
        assert "certificate" in fault.detail
        assert fault.down and not fault.final
        assert (server.mails, server.logins) == ([], [])


def test_a_certificate_for_another_name_is_refused(tmp_path: Path) -> None:
    other = make_authority(tmp_path, name="other.example")
    with mail_server(other.context) as server:
        fault = fault_of(mail_to(server.port, security="starttls", ca_file=other.file))
        assert "certificate" in fault.detail and server.mails == []


def test_a_server_without_starttls_is_not_spoken_to_in_the_clear(server: MailServer) -> None:
    fault = fault_of(mail_to(server.port, security="starttls"))
    assert "STARTTLS" in fault.detail and fault.down
    assert server.mails == []


def test_a_wrong_password_is_told_as_such_and_may_be_mended(
    authority: Authority, password_file: Path
) -> None:
    with mail_server(authority.context, login=True) as server:
        mail = mail_to(
            server.port,
            security="starttls",
            user=USER,
            password_file=password_file,
            ca_file=authority.file,
        )
        server.password = "another one"
        fault = fault_of(mail)
        assert "refuses the login: 535" in fault.detail
        assert PASSWORD not in fault.detail
        assert fault.down and not fault.final
        password_file.write_text("another one", "utf-8")
        send(mail)
        assert len(server.mails) == 1


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX: rights of files")
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_a_password_file_that_others_may_read_is_not_used(
    server: MailServer, password_file: Path, mode: int
) -> None:
    password_file.chmod(mode)
    fault = fault_of(mail_to(server.port, user=USER, password_file=password_file))
    assert f"others may read the password file {password_file}" in fault.detail
    assert server.connections == 0


@pytest.mark.parametrize(
    ("content", "what"), [(None, "cannot be read"), (b" \n", "no password"), (b"\xff", "UTF-8")]
)
def test_a_password_file_that_is_of_no_use_is_told(
    password_file: Path, content: bytes | None, what: str
) -> None:
    if content is None:
        password_file.unlink()
    else:
        password_file.write_bytes(content)
    fault = fault_of(mail_to(free_port(), user=USER, password_file=password_file))
    assert what in fault.detail and str(password_file) in fault.detail


def test_a_password_does_not_travel_in_the_clear_to_another_machine(password_file: Path) -> None:
    mail = mail_to(25, host="mail.example.org", user=USER, password_file=password_file)
    assert "in the clear" in fault_of(mail).detail


def test_a_user_without_a_password_file_is_told() -> None:
    assert "no Password_file" in fault_of(mail_to(free_port(), user=USER)).detail


def test_a_server_that_is_not_there_is_told_and_is_no_fault_of_the_mail() -> None:
    fault = fault_of(mail_to(free_port()))
    assert "refused" in fault.detail
    assert fault.down and not fault.final


def test_a_server_that_never_says_a_word_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("qm.notify.mail.TIMEOUT", 0.3)
    with silent_server() as port:
        fault = fault_of(mail_to(port))
    assert "timed out" in fault.detail and fault.down


def test_a_server_that_takes_forever_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("qm.notify.mail._LONGEST", 0.3)
    with silent_server() as port:
        fault = fault_of(mail_to(port))
    assert "it takes too long" in fault.detail and fault.down


@pytest.mark.parametrize(
    "name",
    [
        "a\r\nBcc: evil@example.org",
        "a\nTo: evil@example.org\n\nHello",
        "=?utf-8?q?a=0D=0ABcc=3A_evil=40example=2Eorg?=",
        "a\x85\u2028Bcc: evil@example.org",
        "\udcff\x00",
    ],
)
def test_a_name_cannot_put_anything_into_the_head_of_a_mail(server: MailServer, name: str) -> None:
    send(mail_to(server.port), name=name, reason=f"X: {name}")
    (mail,) = server.mails
    assert sorted(mail.keys()) == [
        "Auto-Submitted",
        "Content-Transfer-Encoding",
        "Content-Type",
        "Date",
        "From",
        "MIME-Version",
        "Message-ID",
        "Subject",
        "To",
        *(["X-Peer"] if "X-Peer" in mail else []),
    ]
    assert mail["To"] == "anna@example.org"
    assert server.envelopes[0].rcpt_tos == ["anna@example.org"]


PIECES = st.one_of(
    st.text(max_size=30),
    st.sampled_from(["=?utf-8?q?a=0D=0ABcc=3A_x=40y=2Eorg?=", "\r\nBcc: x@y.org", "=?", "?=", " "]),
)


@given(st.lists(PIECES, max_size=6).map("".join))
def test_no_name_makes_a_mail_with_other_lines_in_its_head(name: str) -> None:
    message = mail_to(25)._message(a_notice(name=name), None, ("anna@example.org",))
    head = message.as_bytes().partition(b"\r\n\r\n")[0]
    lines = [line for line in head.split(b"\r\n") if not line.startswith((b" ", b"\t"))]
    assert b"\n" not in b"".join(lines) and b"\r" not in b"".join(lines)
    assert sorted(line.partition(b":")[0] for line in lines) == [
        b"Auto-Submitted",
        b"Content-Transfer-Encoding",
        b"Content-Type",
        b"Date",
        b"From",
        b"MIME-Version",
        b"Message-ID",
        b"Subject",
        b"To",
    ]


@pytest.mark.parametrize(
    ("owner", "to", "recipients"),
    [
        ("anna@x.org", ("all@x.org",), ("anna@x.org",)),
        ("anna@x.org, ben@x.org", None, ("anna@x.org", "ben@x.org")),
        ("anna", ("all@x.org", "b@x.org"), ("all@x.org", "b@x.org")),
        ("anna", None, ()),
        ("anna@x.org, ben", ("all@x.org",), ("all@x.org",)),
        ("anna@x.org\r\nRCPT TO:<b@x.org>", None, ()),
        ("<anna@x.org>", None, ()),
        ("=?utf-8?q?a=0D=0ABcc=3A_b=40x=2Eorg?=@x.org", None, ()),
        ("", None, ()),
    ],
)
def test_mail_goes_to_the_owner_who_has_an_address_else_to_the_configured_one(
    owner: str, to: tuple[str, ...] | None, recipients: tuple[str, ...]
) -> None:
    mail = mail_to(25, to=to)
    notice = a_notice(owner=owner)
    assert mail.recipients(notice) == recipients
    assert mail.wants(notice) is bool(recipients)


@pytest.mark.parametrize(
    ("changes", "wanted"),
    [
        ({"duration": 59.9}, False),
        ({"duration": 60.0}, True),
        ({"duration": 60.0, "state": State.FINISHED}, True),
        ({"duration": 1.0, "state": State.KILLED}, False),
        ({"duration": None, "state": State.REJECTED}, False),
        ({"duration": 1.0, "state": State.LOST, "event": Event.LOST}, True),
        ({"duration": 1.0, "event": Event.BRAKE}, True),
        ({"duration": 9e9, "state": State.CANCELLED}, False),
    ],
)
def test_short_jobs_are_not_worth_a_mail_but_lost_ones_and_the_brake_are(
    changes: dict[str, Any], wanted: bool
) -> None:
    assert mail_to(25, min_duration=60.0).wants(a_notice(**changes)) is wanted


def test_without_a_shortest_duration_a_refused_job_is_told_and_a_cancelled_one_is_not() -> None:
    told = {
        state: mail_to(25).wants(a_notice(state=state, duration=None))
        for state in (State.REJECTED, State.ABORTED, State.CANCELLED)
    }
    assert told == {State.REJECTED: True, State.ABORTED: True, State.CANCELLED: False}


def test_a_recipient_that_is_refused_for_good_is_not_tried_again_and_one_for_now_is(
    server: MailServer,
) -> None:
    server.recipient_answer = "550 no such user"
    fault = fault_of(mail_to(server.port))
    assert "anna@example.org: 550 no such user" in fault.detail
    assert fault.final and not fault.down
    server.recipient_answer = "450 greylisted"
    fault = fault_of(mail_to(server.port))
    assert not fault.final and not fault.down


def test_mail_that_is_refused_for_good_is_not_tried_again_and_one_for_now_is(
    server: MailServer,
) -> None:
    server.data_answer = "554 spam"
    assert fault_of(mail_to(server.port)).final
    server.data_answer = "451 later"
    fault = fault_of(mail_to(server.port))
    assert "451 later" in fault.detail and not fault.final


def test_an_address_that_the_server_cannot_write_is_no_reason_to_hold_other_mail(
    server: MailServer,
) -> None:
    fault = fault_of(mail_to(server.port), owner="jürgen@example.org")
    assert fault.final and not fault.down


def test_several_mails_go_by_one_connection_and_a_lost_one_is_made_anew(
    server: MailServer,
) -> None:
    mail = mail_to(server.port)
    for number in range(3):
        mail.deliver(a_notice(number), None)
    assert (len(server.mails), server.connections) == (3, 1)
    mail.cut()
    mail.deliver(a_notice(3), None)
    mail.rest()
    assert (len(server.mails), server.connections) == (4, 2)


def test_each_try_of_one_mail_has_the_same_id_and_each_mail_another(server: MailServer) -> None:
    for job in (7, 7, 8):
        send(mail_to(server.port), job_id=job)
    first, again, other = (mail["Message-ID"] for mail in server.mails)
    assert first == again != other
    assert first.startswith("<qm.7-1-ended.") and first.endswith("@lab.example>")


def test_mail_is_from_the_user_where_that_is_an_address_else_from_the_login_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert Mail(MailConfig(user="me@x.org"), "lab").sender() == "me@x.org"
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.setenv(name, "anna")
    assert Mail(MailConfig(user="login"), "lab").sender().startswith("anna@")
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.setenv(name, "Anna Example")
    assert Mail(MailConfig(), "lab").sender() == "qm@localhost"


def test_the_file_of_an_authority_that_cannot_be_used_is_told(tmp_path: Path) -> None:
    file = tmp_path / "ca.pem"
    with mail_server() as server:
        port = server.port
        fault = fault_of(mail_to(port, security="ssl", ca_file=file))
        assert f"CA_file {file} cannot be used" in fault.detail
        file.write_text("no certificate", "utf-8")
        assert "cannot be used" in fault_of(mail_to(port, security="ssl", ca_file=file)).detail
    assert os.listdir(tmp_path) == ["ca.pem"]

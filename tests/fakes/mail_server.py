"""A real mail server for tests: aiosmtpd, with TLS and login as a test wants them."""

from __future__ import annotations

import contextlib
import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import default
from pathlib import Path
from typing import Any

import trustme
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

USER, PASSWORD = "qm@example.org", "correct horse"


@dataclass(slots=True)
class MailServer:
    """What has arrived, and what it answers to the next ones."""

    mails: list[EmailMessage] = field(default_factory=list)
    envelopes: list[Envelope] = field(default_factory=list)
    encrypted: list[bool] = field(default_factory=list)
    logins: list[tuple[str, str]] = field(default_factory=list)
    connections: int = 0
    recipient_answer: str = "250 OK"
    data_answer: str = "250 OK"
    port: int = 0
    password: str = PASSWORD

    def subjects(self) -> list[str]:
        """The subjects of all that has arrived."""
        return [str(mail["Subject"]) for mail in self.mails]

    async def handle_EHLO(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, hostname: str, answers: list[str]
    ) -> list[str]:
        """Count the connections."""
        session.host_name = hostname
        self.connections += 1
        return answers

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Take a recipient, or not."""
        if self.recipient_answer.startswith("250"):
            envelope.rcpt_tos.append(address)
        return self.recipient_answer

    async def handle_DATA(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        """Take the mail, or not."""
        if self.data_answer.startswith("250"):
            assert isinstance(envelope.content, bytes) and server.transport is not None
            self.mails.append(BytesParser(policy=default).parsebytes(envelope.content))
            self.envelopes.append(envelope)
            self.encrypted.append(server.transport.get_extra_info("ssl_object") is not None)
        return self.data_answer

    def authenticate(
        self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any
    ) -> AuthResult:
        """Check the login."""
        assert isinstance(data, LoginPassword)
        given = (data.login.decode(), data.password.decode())
        self.logins.append(given)
        return AuthResult(success=given == (USER, self.password), handled=False)


@contextlib.contextmanager
def mail_server(
    tls: ssl.SSLContext | None = None, *, from_the_start: bool = False, login: bool = False
) -> Iterator[MailServer]:
    """A mail server on a free port of 127.0.0.1; ``tls`` with STARTTLS or ``from_the_start``.

    ``login``: with STARTTLS it takes mail from those who have logged in only.
    """
    server = MailServer()
    options: dict[str, Any] = {"authenticator": server.authenticate}
    if tls is not None and not from_the_start:
        options |= {"tls_context": tls, "require_starttls": True, "auth_required": login}
    else:
        # Where it speaks TLS from the start it does not know that it does, and warns of a login.
        options["auth_require_tls"] = False
    controller = Controller(
        server,
        hostname="127.0.0.1",
        port=free_port(),
        ssl_context=tls if from_the_start else None,
        **options,
    )
    controller.start()
    server.port = controller.port
    try:
        yield server
    finally:
        controller.stop()


def free_port() -> int:
    """A port at which nobody listens just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass(frozen=True, slots=True)
class Authority:
    """A certificate authority of our own, and a server's context with a certificate by it."""

    file: Path
    context: ssl.SSLContext


def make_authority(folder: Path, name: str = "localhost") -> Authority:
    """One whose server is called ``name``."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "ca.pem"
    authority.cert_pem.write_to_path(str(file))
    return Authority(file, context)


@contextlib.contextmanager
def silent_server() -> Iterator[int]:
    """A port that takes connections and never says a word."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(16)
        yield listener.getsockname()[1]

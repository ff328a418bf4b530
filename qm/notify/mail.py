"""Mail to the owner of a job, by SMTP."""

from __future__ import annotations

import getpass
import hashlib
import ipaddress
import smtplib
import socket
import ssl
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formatdate

from qm.config import MailConfig
from qm.config.kinds import addresses_in, looks_like_address
from qm.errors import QMError
from qm.model import State
from qm.notify.channel import TIMEOUT, Undelivered, Wire, plain_fault
from qm.notify.message import body, one_line, subject
from qm.notify.notice import Event, Notice
from qm.notify.password import read_password

USUAL_PORT = {"none": 25, "starttls": 587, "ssl": 465}
_LONGEST = 60.0
_MOST = 50
"""Mails by one connection: servers end those that go on and on."""
_TOLD = frozenset({State.FINISHED, State.FAILED, State.KILLED, State.REJECTED, State.ABORTED})
"""Ends that are worth a mail. A person who cancels a job knows of it."""


class Mail:
    """Sends mail by one server; the connection is kept while there is more to send."""

    kind = "mail"

    def __init__(self, config: MailConfig, host: str) -> None:
        """``host`` is the name of this machine, for people."""
        self._config = config
        self._host = host
        self._wire = Wire()
        self._client: smtplib.SMTP | None = None
        self._sent = 0

    def wants(self, notice: Notice) -> bool:
        """True for the ends that are worth a mail, where it is known whom to write to."""
        if not self.recipients(notice):
            return False
        if notice.event is not Event.ENDED:
            return True
        return notice.state in _TOLD and (notice.duration or 0.0) >= self._config.min_duration

    def recipients(self, notice: Notice) -> tuple[str, ...]:
        """The job's own addresses, else the configured ones."""
        return addresses_in(notice.owner) or self._config.to or ()

    def target(self, notice: Notice) -> str:
        """The mail server, for all notices."""
        return self.server

    @property
    def server(self) -> str:
        """Host and port, for people."""
        return f"{self._config.host}:{self._port()}"

    def deliver(self, notice: Notice, folder: str | None) -> str:
        """Send the mail; see :class:`qm.notify.channel.Channel`."""
        recipients = self.recipients(notice)
        if not recipients:
            raise Undelivered("nobody to write to: it has no address, To is none", final=True)
        try:
            message = self._message(notice, folder, recipients)
        except (ValueError, IndexError, UnicodeError) as error:
            told = ", ".join(recipients)
            raise Undelivered(f"no mail can be made for {told}: {error}", final=True) from error
        try:
            with self._wire.limited(_LONGEST):
                refused = self._connected().send_message(message, self.sender(), recipients)
        except (smtplib.SMTPException, OSError, UnicodeError) as error:
            self.rest()
            raise self._fault(error, recipients) from error
        self._sent += 1
        if self._sent >= _MOST:
            self.rest()
        to = ", ".join(one for one in recipients if one not in refused)
        return f"sent to {to} by {self.server}{_told_refused(refused)}"

    def rest(self) -> None:
        """Say goodbye to the server, if it is still there."""
        client, self._client = self._client, None
        if client is None:
            return
        try:
            with self._wire.limited(TIMEOUT):
                client.quit()
        except (smtplib.SMTPException, OSError):
            client.close()

    def cut(self) -> None:
        """End the connection at once."""
        self._wire.cut()

    def sender(self) -> str:
        """Whom the mail is from."""
        config = self._config
        if config.sender is not None:
            return config.sender
        if config.user is not None and looks_like_address(config.user):
            return config.user
        address = f"{_login_name()}@{socket.getfqdn()}"
        return address if looks_like_address(address) else "qm@localhost"

    def _port(self) -> int:
        config = self._config
        return USUAL_PORT[config.security] if config.port is None else config.port

    def _message(
        self, notice: Notice, folder: str | None, recipients: tuple[str, ...]
    ) -> EmailMessage:
        sender = self.sender()
        message = EmailMessage(policy=SMTP)
        message["From"] = Address("QM", addr_spec=sender)
        message["To"] = tuple(Address(addr_spec=one) for one in recipients)
        # Python decodes an encoded word that it finds in a text, line ends and all.
        message["Subject"] = subject(notice).replace("=?", "= ?")
        message["Date"] = formatdate(localtime=True)
        message["Message-ID"] = self._message_id(notice, sender)
        # So that no answering machine answers (RFC 3834).
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(body(notice, folder, self._host), cte="quoted-printable")
        return message

    def _message_id(self, notice: Notice, sender: str) -> str:
        """The same for each try: a mail that came twice is shown once."""
        what = f"{self._host} {notice.folder} {notice.submitted} {notice.ended}"
        digest = hashlib.sha256(what.encode("utf-8", "backslashreplace")).hexdigest()[:24]
        domain = sender.rpartition("@")[2]
        return f"<qm.{notice.key}.{digest}@{domain if domain.isascii() else 'localhost'}>"

    def _connected(self) -> smtplib.SMTP:
        """The connection, made where there is none, or where it does not live any more."""
        if self._client is not None:
            try:
                if self._client.noop()[0] == 250:
                    return self._client
            except (smtplib.SMTPException, OSError):
                pass
            self._client.close()
            self._client = None
        password = self._password()
        client = self._connect()
        try:
            if self._config.security == "starttls":
                client.starttls(context=self._context())
            if self._config.user is not None and password is not None:
                client.login(self._config.user, password)
        except BaseException:
            client.close()
            raise
        self._client, self._sent = client, 0
        return client

    def _password(self) -> str | None:
        config = self._config
        if config.user is None:
            return None
        if config.security == "none" and not _is_this_machine(config.host):
            raise Undelivered(
                f"Security is none, and QM does not send a password to {config.host} in the clear;"
                " set Security to starttls or ssl in the section [Mail]",
                down=True,
            )
        if config.password_file is None:
            raise Undelivered("[Mail] names a User and no Password_file", down=True)
        try:
            return read_password(config.password_file)
        except QMError as error:
            raise Undelivered(error.message, down=True) from error

    def _connect(self) -> smtplib.SMTP:
        host, port = self._config.host.strip("[]"), self._port()
        if self._config.security == "ssl":
            return _SecureClient(self._wire, host, port, self._context())
        return _Client(self._wire, host, port)

    def _context(self) -> ssl.SSLContext:
        file = self._config.ca_file
        try:
            return ssl.create_default_context(cafile=None if file is None else str(file))
        except OSError as error:
            raise Undelivered(
                f"CA_file {file} cannot be used: {plain_fault(error)}", down=True
            ) from error

    def _fault(self, error: Exception, recipients: tuple[str, ...]) -> Undelivered:
        """What went wrong, and whether it is worth another try."""
        said = f"the mail server {self.server}"
        match error:
            case smtplib.SMTPRecipientsRefused(recipients=refused):
                final = all(code >= 500 for code, _ in refused.values())
                return Undelivered(f"{said} refuses {_refusals(refused)}", final=final)
            case smtplib.SMTPAuthenticationError():
                return Undelivered(f"{said} refuses the login: {_answer(error)}", down=True)
            case smtplib.SMTPSenderRefused():
                return Undelivered(f"{said} refuses the sender: {_answer(error)}", down=True)
            case smtplib.SMTPDataError():
                final = error.smtp_code >= 500
                return Undelivered(f"{said} refuses the mail: {_answer(error)}", final=final)
            case smtplib.SMTPResponseException():
                return Undelivered(f"{said} answers {_answer(error)}", down=True)
            case smtplib.SMTPNotSupportedError() if not all(map(str.isascii, recipients)):
                told = ", ".join(recipients)
                return Undelivered(f"{said} takes no addresses such as {told}", final=True)
            case UnicodeError():
                return Undelivered("User or password has characters that a login cannot take")
        why = "it takes too long" if self._wire.was_cut else plain_fault(error)
        return Undelivered(f"{said} cannot be used: {one_line(why)}", down=True)


class _Client(smtplib.SMTP):
    """Known to the wire before it connects, since the server may never say a word."""

    def __init__(self, wire: Wire, host: str, port: int) -> None:
        wire.hold(self)
        super().__init__(host, port, timeout=TIMEOUT)


class _SecureClient(smtplib.SMTP_SSL):
    """The same, encrypted from the start."""

    def __init__(self, wire: Wire, host: str, port: int, context: ssl.SSLContext) -> None:
        wire.hold(self)
        super().__init__(host, port, timeout=TIMEOUT, context=context)


def _login_name() -> str:
    try:
        return getpass.getuser()
    except (KeyError, ImportError, OSError):
        return "qm"  # A user id without a name.


def _is_this_machine(host: str) -> bool:
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _answer(error: smtplib.SMTPResponseException) -> str:
    said = error.smtp_error
    text = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
    return f"{error.smtp_code} {one_line(' '.join(text.split()))}"


def _refusals(refused: dict[str, tuple[int, bytes]]) -> str:
    return "; ".join(
        f"{address}: {code} {one_line(' '.join(said.decode('utf-8', 'replace').split()))}"
        for address, (code, said) in refused.items()
    )


def _told_refused(refused: dict[str, tuple[int, bytes]]) -> str:
    return f"; refused: {_refusals(refused)}" if refused else ""

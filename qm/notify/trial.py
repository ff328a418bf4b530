"""Whether the configured ways work: looked at, and tried with a test."""

from __future__ import annotations

import socket
import time
from typing import NamedTuple

from qm.config import Config
from qm.config.kinds import looks_like_address
from qm.errors import QMError
from qm.identity import Identity
from qm.model import State
from qm.notify.channel import Channel, Undelivered
from qm.notify.mail import Mail
from qm.notify.notice import Event, Notice
from qm.notify.notifier import channels_of
from qm.notify.password import read_password
from qm.times import utc_text


class Trial(NamedTuple):
    """What came of a test, in a sentence."""

    ok: bool
    text: str


def send_test(config: Config) -> list[Trial]:
    """Send a test each way that is configured, now, and say what was sent to whom, or why not.

    Takes as long as the servers do, at most about a minute each. Test mail goes
    to ``To`` of ``[Mail]``, else to the address that QM's mail is from.
    """
    host = socket.gethostname()
    channels = channels_of(config, host)
    now = utc_text(time.time())
    trials = []
    if config.mail_active:
        mail = Mail(config.mail, host)
        channels["mail"] = mail
        to = ", ".join(config.mail.to or (mail.sender(),))
        trials.append(_try("Mail", mail, _test_notice(config, to, now)))
    else:
        trials.append(Trial(True, "Mail: none is sent, MailActive is no."))
    for name, title in (("webhook_of_all", "Notify_url"), ("command", "Notify_command")):
        if name in channels:
            trials.append(_try(title, channels[name], _test_notice(config, "QM", now)))
        else:
            trials.append(Trial(True, f"{title}: not set."))
    return trials


def faults(config: Config) -> list[str]:
    """What can be seen to be wrong with the configuration of mail without sending any."""
    if not config.mail_active:
        return []
    mail = config.mail
    found = []
    if mail.user is not None and mail.password_file is None:
        found.append("[Mail] names a User and no Password_file: QM cannot log in.")
    if mail.user is None and mail.password_file is not None:
        found.append("[Mail] names a Password_file and no User: QM does not log in.")
    if mail.user is not None and mail.password_file is not None:
        try:
            read_password(mail.password_file)
        except QMError as error:
            found.append(f"{error.message}.")
    if mail.ca_file is not None and not mail.ca_file.is_file():
        found.append(f"CA_file {mail.ca_file} is not there.")
    if mail.sender is None and (mail.user is None or not looks_like_address(mail.user)):
        found.append(
            "[Mail] has no From: mail comes from your login name at this machine, which many"
            " servers refuse."
        )
    return found


def _try(title: str, channel: Channel, notice: Notice) -> Trial:
    try:
        detail = channel.deliver(notice, notice.folder)
    except Undelivered as fault:
        return Trial(False, f"{title}: it failed: {fault.detail}.")
    finally:
        channel.rest()
    return Trial(True, f"{title}: {detail}.")


def _test_notice(config: Config, owner: str, now: str) -> Notice:
    return Notice(
        event=Event.TEST,
        id=0,
        attempt=0,
        name="test",
        identity=Identity(0, 0),
        state=State.FINISHED,
        reason=None,
        exit_code=0,
        submitted=now,
        started=now,
        ended=now,
        duration=0.0,
        owner=owner,
        folder=str(config.folder),
    )

"""The option table's section ``[Mail]``: how mail is sent, and to whom."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from qm.config.entry import option as _option
from qm.config.kinds import (
    ADDRESS,
    ADDRESSES,
    FILE,
    HOST,
    TEXT,
    choice,
    duration,
    or_word,
    whole,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class MailConfig:
    """What ``[Mail]`` says. Times are in seconds."""

    SECTION: ClassVar[str] = "Mail"

    host: str = _option(
        "Host", HOST, "localhost", "The mail server that takes QM's mail, when MailActive is yes."
    )
    port: int | None = _option(
        "Port",
        or_word(whole(1, 65535), "auto"),
        "auto",
        "The mail server's port. auto: 25, with starttls 587, with ssl 465.",
    )
    """None means the usual one of ``security``."""
    security: str = _option(
        "Security",
        choice({"none": "none", "starttls": "starttls", "ssl": "ssl"}),
        "none",
        "none: mail travels in the clear, which suits a mail server on this machine. starttls:"
        " the connection is encrypted before anything is said. ssl: it is from the start. The"
        " server's certificate is checked. With none QM gives a password to this machine only.",
    )
    user: str | None = _option(
        "User", or_word(TEXT, "none"), "none", "The name to log in with. none: no login."
    )
    password_file: Path | None = _option(
        "Password_file",
        or_word(FILE, "none"),
        "none",
        "The file that holds the password for User and nothing else. Nobody but you may be"
        " allowed to read it (chmod 600).",
    )
    ca_file: Path | None = _option(
        "CA_file",
        or_word(FILE, "none"),
        "none",
        "The certificates, in PEM form, of the authority that has signed the mail server's. none:"
        " those that this machine trusts.",
    )
    sender: str | None = _option(
        "From",
        or_word(ADDRESS, "auto"),
        "auto",
        "Whom the mail is from. auto: User if that is a mail address, else you at this machine.",
    )
    to: tuple[str, ...] | None = _option(
        "To",
        or_word(ADDRESSES, "none"),
        "none",
        "Who gets the mail of a job whose e_mail names no address. none: nobody.",
    )
    min_duration: float = _option(
        "Min_duration",
        duration(0),
        "0 s",
        "Mail is sent for jobs that took at least so long. Jobs that were lost, and scripts that"
        " Brake has stopped, are told of in any case.",
    )

"""The option table's section ``[WEB_QMserver]``: where the page is, and what it lets people do."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from qm.config.entry import option as _option
from qm.config.kinds import (
    DAY,
    FILE,
    HOST,
    HOSTS,
    MIB,
    SWITCH,
    choice,
    duration,
    or_word,
    size,
    whole,
)

_ALL_ADDRESSES = frozenset({"*", "0.0.0.0", "::"})


@dataclass(frozen=True, slots=True, kw_only=True)
class WebConfig:
    """What ``[WEB_QMserver]`` says. Times are in seconds."""

    SECTION: ClassVar[str] = "WEB_QMserver"

    host: str = _option(
        "Host",
        HOST,
        "localhost",
        "Where the web page listens. localhost: only this machine can open it. A name or an address"
        " of this machine, or * for all of them: others can, with a token that `qm web token --new`"
        " makes; without one the page does not start.",
    )
    port: int = _option("The_Port", whole(1, 65535), "8000", "The web page's port.")
    refresh_rate: float = _option(
        "Refresh_Rate",
        duration(0.5, DAY),
        "5 s",
        "How often an open page brings itself up to date.",
    )
    display_details: bool = _option(
        "Display_details",
        SWITCH,
        "yes",
        "The page shows what is in a job: its options, its files and its log. no: only to who has"
        " logged in as an operator.",
    )
    delete_jobs: bool = _option(
        "Delete_Jobs",
        SWITCH,
        "no",
        "On a page for this machine only, everybody may delete ended jobs; they go to QM's trash."
        " Who has logged in may do so in any case.",
    )
    licence_to_kill: bool = _option(
        "Licence_to_kill",
        SWITCH,
        "no",
        "On a page for this machine only, everybody may stop running jobs. Who has logged in may"
        " do so in any case.",
    )
    debug: bool = _option("Debug", SWITCH, "no", "The page shows the details of its own errors.")
    open_browser: bool = _option(
        "Open_browser", SWITCH, "no", "Open the page in the browser when QM starts, logged in."
    )
    token_file: Path | None = _option(
        "Token_file",
        or_word(FILE, "auto"),
        "auto",
        "The file that holds the token to log in with, for nobody but you to read. auto: web-token"
        " in your folder for configurations. It must not lie in QM_FOLDER.",
    )
    """None means the usual one."""
    anonymous: str = _option(
        "Anonymous",
        choice({"auto": "auto", "viewer": "viewer", "nobody": "nobody"}),
        "auto",
        "What those may do who have not logged in. viewer: look. nobody: nothing. auto: look where"
        " only this machine can open the page, else nothing.",
    )
    upload_limit: int = _option(
        "Upload_limit",
        size(MIB),
        "20G",
        "The most that a job which comes through the page may have in its files.",
    )
    allowed_hosts: tuple[str, ...] | None = _option(
        "Allowed_hosts",
        or_word(HOSTS, "none"),
        "none",
        "Other names of this machine, separated by commas, under which browsers may ask for the"
        " page; a reverse proxy's, for example.",
    )

    @property
    def address(self) -> str:
        """What to type into a browser on this machine: ``http://localhost:8000/``."""
        host = self.host.strip("[]")
        if host in _ALL_ADDRESSES:
            host = "localhost"
        # An IPv6 address needs brackets there.
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}/"

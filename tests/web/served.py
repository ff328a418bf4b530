"""A page that is really served: `python -m web` as a process, asked by HTTP."""

from __future__ import annotations

import gzip
import hashlib
import http.client
import json
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import bottle
import psutil

from qm.config import load_config
from qm.folders.layout import Layout
from tests.live.harness import wait_for
from web.app import build
from web.codes import issue_code
from web.site import make_site
from web.tokens import Token, existing_or_new, new_token

FORM = "application/x-www-form-urlencoded"
_VARIABLE = re.compile(r"<([a-z_]\w*)(?::([a-z]+))?[^>]*>")
_EXAMPLES = {"int": "1", "float": "1.5", "path": "a/b"}


def free_port() -> int:
    """A port that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def text(self) -> str:
        """The body as text, unpacked."""
        packed = self.headers.get("content-encoding") == "gzip"
        return (gzip.decompress(self.body) if packed else self.body).decode("utf-8")

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.text)


@dataclass(frozen=True, slots=True)
class Visitor:
    """Somebody with a cookie, or a token, at our page: changes come from its own origin."""

    page: Served
    headers: Mapping[str, str] = field(default_factory=dict)

    def ask(
        self, path: str, method: str = "GET", body: bytes | str | None = None, **h: str
    ) -> Answer:
        """One request; headers in ``h`` win."""
        return self.page.ask(path, method, body, **{**self.headers, **h})

    def send(self, path: str, data: object = None, method: str = "POST", **h: str) -> Answer:
        """A change with JSON."""
        body = b"" if data is None else json.dumps(data).encode()
        return self.ask(path, method, body, **{"Content-Type": "application/json", **h})

    def submit(self, path: str, **fields: str) -> Answer:
        """A form, by POST."""
        return self.ask(path, "POST", urlencode(fields).encode(), **{"Content-Type": FORM})


@dataclass(frozen=True, slots=True)
class Served:
    """The page's process and where it listens."""

    process: subprocess.Popen[bytes]
    port: int
    folder: Path
    config: Path

    @property
    def origin(self) -> str:
        """As browsers send it."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def token_file(self) -> Path:
        """The file that write_config names."""
        return self.config.with_name("web-token")

    def token(self) -> Token:
        """The page's token, made where there is none."""
        return existing_or_new(self.token_file)

    def said(self) -> str:
        """What the page's process has printed."""
        return log_of(self.config).read_text(encoding="utf-8")

    def ask(
        self, path: str = "/", method: str = "GET", body: bytes | str | None = None, **headers: str
    ) -> Answer:
        """One request, with ``headers`` in place of the usual ones."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            data = body.encode() if isinstance(body, str) else body
            connection.request(method, path, data, headers)
            response = connection.getresponse()
            names = {name.lower(): value for name, value in response.getheaders()}
            return Answer(response.status, names, response.read())
        finally:
            connection.close()

    def raw(self, request: bytes) -> bytes:
        """The whole answer to bytes that no client library would send.

        They have to ask for the connection to be closed; who closes it on this
        side gets no answer, because the page takes that for a reader who left.
        """
        with socket.create_connection(("127.0.0.1", self.port), timeout=20) as connection:
            connection.sendall(request)
            return b"".join(iter(lambda: connection.recv(65536), b""))

    def anonymous(self) -> Visitor:
        """Who has not logged in, in a browser."""
        return Visitor(self, {"Origin": self.origin})

    def operator(self) -> Visitor:
        """Who has logged in by a code."""
        code = issue_code(self.token(), self.port, time.time())
        return Visitor(self, {"Cookie": cookie_of(self.ask(f"/login?code={code}"))} | self._from())

    def viewer(self) -> Visitor:
        """Who has logged in by the viewer's token."""
        sent = self.anonymous().submit("/login", token=self.token().viewer)
        return Visitor(self, {"Cookie": cookie_of(sent)} | self._from())

    def program(self) -> Visitor:
        """A program with the token."""
        return Visitor(self, {"Authorization": f"Bearer {self.token().secret}"})

    def _from(self) -> dict[str, str]:
        return {"Origin": self.origin}


def cookie_of(answer: Answer) -> str:
    """The cookie that an answer sets, as the browser sends it back."""
    assert answer.status == 303, (answer.status, answer.text)
    return answer.headers["set-cookie"].partition(";")[0]


def web_command(config: Path, *arguments: str) -> list[str]:
    """The page's command line."""
    return [sys.executable, "-m", "web", "--config", str(config), *arguments]


def write_config(path: Path, folder: Path, port: int, **web: object) -> Path:
    """A QMserv.cfg for a page on this port."""
    lines = ["[QMServer]", f"QM_FOLDER = {folder}", "[WEB_QMserver]", f"The_Port = {port}"]
    # Never the file of the person who runs the tests.
    token = path.with_name("web-token")
    lines += [f"{name} = {value}" for name, value in {"Token_file": token, **web}.items()]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def log_of(config: Path) -> Path:
    """Where `served` keeps what the page prints."""
    return config.with_name("web.log")


def answers(port: int) -> bool:
    """True once somebody listens."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
    except OSError:
        return False
    return True


@contextmanager
def served(folder: Path, config: Path, port: int, command: Sequence[str] = ()) -> Iterator[Served]:
    """The page of ``folder``, ended afterwards; ``command`` in place of web_command."""
    with (
        log_of(config).open("ab") as log,
        subprocess.Popen(
            list(command) or web_command(config),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=log,
            env={**os.environ, "HOME": str(config.parent)},
        ) as process,
    ):
        page = Served(process, port, folder, config)
        try:
            wait_for("the page answers", lambda: process.poll() is not None or answers(port), 60)
            assert process.poll() is None, page.said()
            yield page
        finally:
            process.terminate()
            process.wait(30)


def page_process(manager: int) -> psutil.Process | None:
    """The process of the page that the `qm serve` of this process id has started."""
    for child in psutil.Process(manager).children():
        with suppress(psutil.Error):  # It may just be ending.
            if "--attached" in child.cmdline():
                return child
    return None


@contextmanager
def page_of_empty_queue(base: Path, **web: object) -> Iterator[Served]:
    """The page of an empty QM_FOLDER without a manager; ``web`` are options of its section."""
    folder = base / "QM"
    Layout(str(folder)).create()
    port = free_port()
    config = write_config(base / "QMserv.cfg", folder, port, **web)
    if web.get("Host", "localhost") != "localhost":
        new_token(config.with_name("web-token"))
    with served(folder, config, port) as page:
        yield page


def application(base: Path) -> bottle.Bottle:
    """The application as it is served, to look at its routes."""
    folder = base / "QM"
    Layout(str(folder)).create()
    config = write_config(base / "routes.cfg", folder, 8000)
    return build(make_site(load_config(config)))


def example_path(rule: str) -> str:
    """A path that a route's rule matches."""
    return _VARIABLE.sub(lambda found: _EXAMPLES.get(found[2] or "", "x"), rule)


def is_our_picture(address: str | None) -> bool:
    """True for the address of a picture that is part of our pages; a job's is none of those."""
    return (address or "").startswith(("/static/", "data:image/svg+xml,"))


def digest_of(folder: Path) -> str:
    """What tells two states of a folder apart: all names and contents, and links as they are.

    The index is left out: SQLite has files of its own beside it while somebody reads.
    """
    total = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.name.startswith("index.sqlite3"):
            continue
        total.update(os.fsencode(path))
        if path.is_file() and not path.is_symlink():
            total.update(path.read_bytes())
    return total.hexdigest()

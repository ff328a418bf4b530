"""Requests that wait hold a thread each: only some may, the others are answered at once."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from qm.config import load_config
from qm.folders.layout import Layout
from tests.live.harness import wait_for
from tests.web.served import FORM, write_config
from web.api import stopping
from web.app import make_app
from web.site import make_site
from web.tokens import existing_or_new

MANY = 30


def begin(deed: Callable[[int], object]) -> tuple[list[threading.Thread], list[object]]:
    """Do it MANY times at once; what has come of it is in the list, as far as it is over."""
    done: list[object] = []
    threads = [
        threading.Thread(target=lambda n=n: done.append(deed(n)), daemon=True) for n in range(MANY)
    ]
    for thread in threads:
        thread.start()
    return threads, done


def end(threads: list[threading.Thread]) -> None:
    """Wait for all of them."""
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive()


def test_few_wait_for_the_end_of_a_job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    over = threading.Event()

    def slow(*_: object, **__: object) -> dict[str, object]:
        over.wait(60)
        return {"state": "KILLED"}

    monkeypatch.setattr(stopping, "ask", slow)
    stops = stopping.Stops(Layout(str(tmp_path)))
    threads, done = begin(lambda n: stops.stop(n, None, 1.0, 60.0))
    try:
        wait_for("the others have their answers", lambda: len(done) >= MANY - stopping._WAITING)
        assert done == [None] * (MANY - stopping._WAITING)
    finally:
        over.set()
    end(threads)
    assert done.count({"state": "KILLED"}) == stopping._WAITING


def test_few_wrong_tokens_are_delayed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Layout(str(tmp_path / "QM")).create()
    existing_or_new(tmp_path / "web-token")
    config = write_config(tmp_path / "QMserv.cfg", tmp_path / "QM", 8000)
    app, over = make_app(make_site(load_config(config))), threading.Event()

    def slow(seconds: float) -> None:
        over.wait(60)

    # Not the module's own sleep: the tests themselves wait by it.
    monkeypatch.setattr("web.login.time", SimpleNamespace(sleep=slow))

    def guess(number: int) -> str:
        body, said = b"token=a-guess", []
        environ: dict[str, Any] = {
            "REQUEST_METHOD": "POST",
            "PATH_INFO": "/login",
            "REQUEST_URI": "/login",
            "HTTP_HOST": "localhost",
            "HTTP_ORIGIN": "http://localhost",
            "CONTENT_TYPE": FORM,
            "CONTENT_LENGTH": str(len(body)),
            "wsgi.input": io.BytesIO(body),
            "wsgi.url_scheme": "http",
            "REMOTE_ADDR": f"192.0.2.{number}",
        }
        app(environ, lambda status, headers, *error: said.append(status))
        return str(said[0][:3])

    threads, done = begin(guess)
    try:
        wait_for("the others have their answers", lambda: len(done) >= MANY - 8)
        assert done == ["401"] * (MANY - 8)
    finally:
        over.set()
    end(threads)
    assert done == ["401"] * MANY

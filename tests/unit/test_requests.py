"""Requests and answers as files: staged, taken once, withdrawn, and never a stumbling block."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from qm.control import client
from qm.control.client import ask
from qm.control.managerlock import manager_runs, manager_says
from qm.control.requests import (
    Request,
    open_requests,
    sweep,
    take_answer,
    withdraw,
    write_answer,
    write_request,
)
from qm.errors import NotRunning, QMError
from qm.folders.layout import Layout
from qm.osops import FolderHandle
from qm.records import encode


def a_request(number: int = 1, **changes: Any) -> Request:
    values: dict[str, Any] = {
        "id": f"{number:020d}-ab",
        "verb": "kill",
        "targets": ("7", "fit"),
        "who": "anna",
        "expires": 1000.0,
        "grace": None,
        **changes,
    }
    return Request(**values)


@pytest.fixture
def folder(tmp_path: Path) -> str:
    return str(tmp_path)


def test_a_request_is_read_as_it_was_written(folder: str) -> None:
    request = a_request(grace=2.5)
    write_request(folder, request)
    assert open_requests(folder, set(), 999.0) == [request]
    assert open_requests(folder, {request.id}, 999.0) == []


def test_requests_come_in_the_order_in_which_they_were_made(folder: str) -> None:
    for number in (3, 1, 2):
        write_request(folder, a_request(number))
    found = open_requests(folder, set(), 0.0)
    assert [request.id for request in found] == [a_request(n).id for n in (1, 2, 3)]


def test_an_expired_request_is_void_and_goes(folder: str) -> None:
    write_request(folder, a_request(expires=10.0))
    assert open_requests(folder, set(), 10.5) == []
    assert os.listdir(folder) == []


def test_an_answer_takes_the_request_away_and_is_taken_once(folder: str) -> None:
    request = a_request()
    write_request(folder, request)
    assert take_answer(folder, request.id) is None
    write_answer(folder, request.id, True, {"id": 7})
    assert open_requests(folder, set(), 0.0) == []
    answer = take_answer(folder, request.id)
    assert answer is not None and (answer["ok"], answer["id"]) == (True, 7)
    assert take_answer(folder, request.id) is None and os.listdir(folder) == []


def test_a_withdrawn_request_gets_no_answer(folder: str) -> None:
    request = a_request()
    write_request(folder, request)
    withdraw(folder, request.id)
    withdraw(folder, request.id)
    write_answer(folder, request.id, True, {})
    assert os.listdir(folder) == []


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        encode({"verb": "kill"}),
        encode({"verb": "kill", "targets": 5, "who": "x", "expires": 1}),
        encode({"verb": "kill", "targets": [], "who": "x", "expires": "soon"}),
        encode({"verb": "kill", "targets": [], "who": "x", "expires": 10**400}),
        encode({"verb": "kill", "targets": [], "who": "x", "expires": 1, "grace": "long"}),
    ],
)
def test_a_damaged_request_goes_and_hinders_no_other(folder: str, content: bytes) -> None:
    Path(folder, "00000.json").write_bytes(content)
    write_request(folder, a_request())
    assert open_requests(folder, set(), 0.0) == [a_request()]


@pytest.mark.parametrize("kind", ["folder", "link", "pipe"])
def test_what_is_no_plain_file_hinders_no_request(folder: str, kind: str) -> None:
    path = Path(folder, "00000.json")
    if kind == "folder":
        (path / "inside").mkdir(parents=True)
    elif kind == "link":
        path.symlink_to("/dev/zero")
    else:
        mkfifo = getattr(os, "mkfifo", None)
        if mkfifo is None:
            pytest.skip("no pipes in folders here")
        mkfifo(path)
    write_request(folder, a_request())
    assert open_requests(folder, set(), 0.0) == [a_request()]


def test_what_is_staged_is_no_request_yet(folder: str) -> None:
    Path(folder, ".0001.json.99.new").write_bytes(encode({}))
    Path(folder, "note.txt").write_bytes(b"")
    assert open_requests(folder, set(), 0.0) == []
    assert len(os.listdir(folder)) == 2


def test_a_grace_is_kept_within_a_day(folder: str) -> None:
    write_request(folder, a_request(1, grace=-5.0))
    write_request(folder, a_request(2, grace=1e9))
    assert [r.grace for r in open_requests(folder, set(), 0.0)] == [0.0, 86400.0]


def test_answers_and_leftovers_of_an_hour_ago_are_swept_and_requests_are_not(folder: str) -> None:
    write_request(folder, a_request())
    for name in ("old.answer", ".old.json.9.new", "new.answer"):
        Path(folder, name).write_bytes(b"x")
        if "old" in name:
            os.utime(Path(folder, name), (1, 1))
    os.utime(Path(folder, a_request().id + ".json"), (1, 1))
    sweep(folder)
    assert sorted(os.listdir(folder)) == [a_request().id + ".json", "new.answer"]


# The command line's side.


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    layout = Layout(str(tmp_path / "queue"))
    layout.create()
    return layout


@pytest.fixture
def manager(layout: Layout) -> Iterator[Layout]:
    """Somebody who holds the manager's lock."""
    with FolderHandle.open(layout.own) as own:
        lock = own.lock("manager.lock")
    assert lock is not None
    lock.write("host here, process 1\n")
    yield layout
    lock.release()


def test_without_a_manager_nothing_is_asked(layout: Layout) -> None:
    assert not manager_runs(layout)
    with pytest.raises(NotRunning, match="qm serve"):
        ask(layout, "kill", ("7",), timeout=5)
    assert os.listdir(layout.requests) == []


def test_a_lock_that_is_held_means_a_manager_that_says_who_it_is(manager: Layout) -> None:
    assert manager_runs(manager)
    assert manager_says(manager) == "host here, process 1"


def answering(layout: Layout, ok: bool, data: dict[str, Any]) -> threading.Thread:
    def answer() -> None:
        known: set[str] = set()
        while not known:
            for request in open_requests(layout.requests, known, 0.0):
                known.add(request.id)
                write_answer(layout.requests, request.id, ok, data)

    thread = threading.Thread(target=answer)
    thread.start()
    return thread


def test_an_answer_is_waited_for(manager: Layout) -> None:
    thread = answering(manager, True, {"id": 7})
    assert ask(manager, "kill", ("7",), timeout=20)["id"] == 7
    thread.join(10)
    assert os.listdir(manager.requests) == []


def test_a_no_is_an_error_with_the_managers_words(manager: Layout) -> None:
    thread = answering(manager, False, {"error": "job 7 waits", "hint": "Kill it first."})
    with pytest.raises(QMError, match="job 7 waits") as caught:
        ask(manager, "rm", ("7",), timeout=20)
    assert caught.value.hint == "Kill it first."
    thread.join(10)


def test_a_request_that_is_not_answered_in_time_is_taken_back(manager: Layout) -> None:
    with pytest.raises(QMError, match=r"did not answer within 0\.05 s"):
        ask(manager, "kill", ("7",), timeout=0.05)
    assert os.listdir(manager.requests) == []


def test_a_manager_that_stops_before_it_answers_is_noticed(
    manager: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "_ALIVE_EVERY", 0.0)
    alive = iter([True, False])
    monkeypatch.setattr(client, "manager_runs", lambda layout: next(alive))
    with pytest.raises(NotRunning, match="stopped before it answered"):
        ask(manager, "kill", ("7",), timeout=20)
    assert os.listdir(manager.requests) == []

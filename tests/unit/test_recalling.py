"""After a crash between two steps: what only the history, or only the folder, still tells."""

from __future__ import annotations

import json
import os
from pathlib import Path

from qm.control.requests import (
    Request,
    open_requests,
    take_answer,
    write_answer,
    write_request,
)
from qm.effects.reconcile import Librarian
from qm.folders.layout import Layout
from qm.history import vanished_in
from qm.index import Index, reading

LINE = {
    "id": 7,
    "attempt": 1,
    "name": "gone",
    "state": "FAILED",
    "ended": "2026-01-01T00:00:00.000Z",
}


def a_request(layout: Layout) -> str:
    write_request(layout.requests, Request("r1", "rerun", ("7",), "anna", expires=200.0))
    return os.path.join(layout.requests, "r1.json")


def a_layout(folder: Path) -> Layout:
    layout = Layout(str(folder))
    layout.create()
    return layout


def test_a_vanished_job_whose_row_a_crash_took_comes_back_into_the_index(tmp_path: Path) -> None:
    layout = a_layout(tmp_path)
    other = {**LINE, "id": 8, "name": 'x "vanished": true'}
    lines = [{**LINE, "vanished": True}, {**other, "vanished": False}]
    Path(layout.history_file).write_text(
        "".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8"
    )
    index = Index(layout.index_file)
    index.open()
    librarian = Librarian(layout, index, lambda job, place: None)
    librarian.reconcile()
    index.flush()
    with reading(layout.index_file) as rows:
        assert [(row.id, row.place) for row in rows.rows()] == [(7, None)]
    index.remove(7)
    librarian.reconcile()
    index.close()
    with reading(layout.index_file) as rows:
        assert rows.rows() == []


def test_only_vanished_jobs_are_read_from_a_history(tmp_path: Path) -> None:
    path = tmp_path / "history"
    assert list(vanished_in(str(path))) == []
    path.write_text("")
    assert list(vanished_in(str(path))) == []
    vanished = {**LINE, "vanished": True}
    path.write_text(json.dumps(vanished) + "\n" + json.dumps(LINE) + "\n" + json.dumps(vanished))
    assert list(vanished_in(str(path))) == [vanished, vanished]


def test_a_request_that_was_answered_before_a_crash_is_not_carried_out_again(
    tmp_path: Path,
) -> None:
    layout = a_layout(tmp_path)
    request = a_request(layout)
    text = Path(request).read_bytes()
    write_answer(layout.requests, "r1", True, {"id": 7})
    Path(request).write_bytes(text)  # The manager died between the answer and this.
    assert open_requests(layout.requests, set(), now=100.0) == []
    assert not os.path.exists(request)
    assert (take_answer(layout.requests, "r1") or {})["id"] == 7
    assert os.listdir(layout.requests) == []


def test_whoever_takes_an_answer_takes_the_request_away(tmp_path: Path) -> None:
    layout = a_layout(tmp_path)
    request = a_request(layout)
    text = Path(request).read_bytes()
    write_answer(layout.requests, "r1", True, {"id": 7})
    Path(request).write_bytes(text)
    assert take_answer(layout.requests, "r1") is not None
    assert open_requests(layout.requests, set(), now=100.0) == []

"""Requests: what cannot be understood, or not even removed, keeps no other one waiting."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from qm.control.requests import Request, open_requests, write_request

GOOD = Request("5-good", "kill", ("7",), "somebody", expires=2000.0)


def record(**changed: object) -> str:
    """A request's record with some of its parts changed."""
    parts = {"id": "x", "verb": "kill", "targets": ["1"], "who": "x", "expires": 2000.0}
    return json.dumps({"format": 1, **parts, **changed})


def test_a_folder_under_the_name_of_a_request_hinders_no_other(tmp_path: Path) -> None:
    (tmp_path / "1-folder.json").mkdir()
    write_request(str(tmp_path), GOOD)
    assert open_requests(str(tmp_path), set(), 1000.0) == [GOOD]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[" * 100_000,
        record(expires=10**400),
        record(grace=10**400),
        record(targets="12"),
        record(targets=None),
        record(expires="soon"),
        '{"format": 99}',
    ],
    ids=lambda text: text[:40] or "nothing",
)
def test_a_damaged_request_is_removed_and_hinders_no_other(tmp_path: Path, text: str) -> None:
    damaged = tmp_path / "1-damaged.json"
    damaged.write_text(text)
    write_request(str(tmp_path), GOOD)
    assert open_requests(str(tmp_path), set(), 1000.0) == [GOOD]
    assert not damaged.exists()


def test_an_expired_request_is_removed_and_not_carried_out(tmp_path: Path) -> None:
    write_request(str(tmp_path), GOOD)
    assert open_requests(str(tmp_path), set(), 2000.5) == []
    assert list(tmp_path.iterdir()) == []

"""What `qm status`, `qm start` and `qm reload` say, as sentences."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from qm.cli.background import changes_text
from qm.cli.standing import standing_text
from qm.config import Config, WebConfig
from qm.folders.layout import Layout
from qm.index import Index
from qm.model import Drain, Steering
from qm.osops import FolderHandle, Lock
from qm.statefile import StateFile
from qm.view.standing import standing

MANAGER = {"host": "lab", "pid": 12, "started": 1767225600.0}
CAPACITY = {"processors": 8, "blocking": False, "memory": 16 << 30, "gpus": 2}


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    made = Layout(str(tmp_path / "QM"))
    made.create()
    return made


def lock(layout: Layout) -> Lock:
    """Be the manager, as far as others see."""
    with FolderHandle.open(layout.own) as own:
        held = own.lock("manager.lock")
    assert held is not None
    held.write("host lab, process 12\n")
    return held


def told(layout: Layout, config: Config | None = None, **manager: object) -> dict[str, Any]:
    """What is told of a manager that says this of itself."""
    index = Index(layout.index_file)
    index.open()
    index.put_fact("manager", json.dumps({**MANAGER, **manager}))
    index.put_fact("capacity", json.dumps(CAPACITY))
    index.put_fact("obstacle", "")
    index.flush()
    index.close()
    held = lock(layout)
    try:
        return standing(layout, config or Config())
    finally:
        held.release()


def steer(layout: Layout, steering: Steering) -> None:
    state = StateFile(layout.own, "boot", sync=False)
    state.load()
    state.steer(steering)


def test_a_manager_that_runs_is_told_with_its_resources(layout: Layout) -> None:
    found = told(layout)
    assert (found["running"], found["pid"], found["host"]) == (True, 12, "lab")
    assert (found["processors"], found["memory"], found["gpus"]) == (8, 16 << 30, 2)
    assert (found["drain"], found["page"], found["log"]) == (None, None, None)
    text = standing_text(found)
    assert "0 of 8 processors are in use. There are no jobs." in text and "\n" not in text


def test_memory_and_gpus_are_told_where_jobs_have_asked_for_them(layout: Layout) -> None:
    found = told(layout) | {"in_use": 3, "memory_in_use": 2 << 30, "gpus_in_use": 1}
    lines = standing_text(found).splitlines()
    assert lines[1] == "Running jobs have asked for 2 GiB of 16 GiB memory and 1 of 2 GPUs."
    assert "asked for 2 GiB of 16 GiB memory." in standing_text(found | {"gpus_in_use": 0})
    assert "asked for 2 GiB memory and" in standing_text(found | {"memory": None})


@pytest.mark.parametrize(
    ("host", "page"),
    [
        ("localhost", "http://localhost:8123/"),
        ("::1", "http://[::1]:8123/"),
        ("[::1]", "http://[::1]:8123/"),
    ],
)
def test_the_page_and_the_log_are_told_where_there_are_any(
    layout: Layout, host: str, page: str
) -> None:
    config = Config(web=WebConfig(host=host, port=8123))
    found = told(layout, config, web=True, log="/QM/.qm/log/qm.log")
    assert found["page"] == page
    lines = standing_text(found).splitlines()
    assert lines[-2:] == [f"Its page: {page}", "Its log: /QM/.qm/log/qm.log"]
    assert told(layout, config, web=False)["page"] is None


def test_what_people_set_is_told_with_and_without_a_manager(layout: Layout) -> None:
    drain = Drain("2026-01-01T00:00:00.000Z", "anna")
    steer(layout, Steering(drain=drain, processors=4, memory=1 << 30))
    for found in (told(layout), standing(layout, Config())):
        assert found["drain"] == {"since": "2026-01-01T00:00:00.000Z", "who": "anna"}
        assert found["limits"] == {"processors": 4, "memory": 1 << 30}
        text = standing_text(found)
        assert "anna has let it start nothing new" in text and "`qm drain off`" in text
        assert "The limit of 4 processors was set by `qm limit`." in text
        assert "The limit of 1 GiB memory was set by `qm limit`." in text


def test_a_folder_that_is_not_there_is_told_as_that(tmp_path: Path) -> None:
    found = standing(Layout(str(tmp_path / "none")), Config())
    assert (found["running"], found["exists"], found["drain"]) == (False, False, None)
    assert standing_text(found) == (f"There is no folder {tmp_path / 'none'}; `qm init` makes it.")


def test_a_state_file_that_cannot_be_read_hinders_no_status(layout: Layout) -> None:
    Path(layout.state_file).write_text("{torn", encoding="utf-8")
    text = standing_text(standing(layout, Config()))
    assert text == f"No QM runs on {layout.root}; `qm start` starts one."


def test_a_reload_tells_what_holds_now_and_what_needs_a_restart() -> None:
    changed = [
        {"name": "Settle", "old": "2 s", "new": "5 s"},
        {"name": "The_Port", "old": "8000", "new": "8001"},
    ]
    assert changes_text(changed, ["The_Port"]) == [
        "Settle is 5 s now; it was 2 s.",
        "After a restart only: The_Port. `qm restart` does it; running jobs go on.",
    ]
    assert changes_text([], []) == ["Nothing has changed."]

"""What a crash has left half-written goes; what somebody is just writing stays."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from qm.folders.layout import Layout
from qm.jobdir import sweep_staged
from qm.osops import FolderHandle


def pid_of_nobody() -> int:
    """The id of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_only_what_a_process_left_that_is_gone_is_swept(tmp_path: Path) -> None:
    gone, ours = f".job.json.{pid_of_nobody()}.new", f".kill.{os.getpid()}.new"
    others = [".hidden", "job.json", ".job.json.new", "x.1.new"]
    for name in (gone, ours, *others):
        (tmp_path / name).touch()
    with FolderHandle.open(str(tmp_path)) as own:
        sweep_staged(own)
    assert sorted(os.listdir(tmp_path)) == sorted([ours, *others])


def test_a_start_sweeps_its_own_records_and_answers_but_no_request(tmp_path: Path) -> None:
    layout = Layout(str(tmp_path))
    layout.create()
    stays = os.path.join(layout.requests, ".7-1.json.12.new")
    goes = [
        os.path.join(layout.own, ".state.json.12.new"),
        os.path.join(layout.intents, ".7.json.12.new"),
        os.path.join(layout.requests, ".7-1.answer.12.new"),
    ]
    for path in (stays, *goes):
        Path(path).touch()
    layout.sweep()
    assert [path for path in (stays, *goes) if os.path.exists(path)] == [stays]

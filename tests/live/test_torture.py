"""A minute of torture; and what torture says where a promise is broken."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from bench.promises import DOUBLE, LEFT, LOST, STUCK, WRONG, broken_promises, noting, starts_in
from qm.history import read_history
from tests.live.harness import Queue, wait_for

if sys.platform == "win32":
    pytest.skip("the scripts are for /bin/sh", allow_module_level=True)

pytestmark = pytest.mark.live

ROOT = Path(__file__).resolve().parents[2]
CI_MINUTES = "0.8"


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_random_kills_of_any_process_lose_double_and_stick_nothing(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "bench", "torture", "--dir", str(tmp_path)]
    done = subprocess.run(
        [*command, "--minutes", CI_MINUTES],
        capture_output=True,
        text=True,
        timeout=580,
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "promises  0 lost, 0 doubled, 0 stuck, 0 others" in done.stdout
    kills = next(line for line in done.stdout.splitlines() if line.startswith("kills"))
    assert "manager" in kills and "supervisor" in kills
    assert list(tmp_path.iterdir()) == []


def test_each_broken_promise_is_found(queue: Queue, tmp_path: Path) -> None:
    """What the promises are held against is spoilt by hand, one thing after the other."""
    from qm.folders.layout import Layout

    layout, notes = Layout(str(queue.folder)), tmp_path / "notes"
    for name in ("a", "b", "c"):
        queue.drop(name, noting(notes, "true"))
        queue.wait_done(name)
    wait_for("three lines", lambda: len(list(read_history(layout.history_file))) == 3)

    def kinds(*dropped: str) -> set[str]:
        return {one.kind for one in broken_promises(layout, set(dropped), starts_in(notes))}

    wait_for("nothing is broken", lambda: not kinds("a", "b", "c"))
    assert kinds("a", "b", "c", "d") == {LOST}
    assert kinds("a", "b") == {DOUBLE}
    once = notes.read_text()
    notes.write_text(once + once.splitlines()[0] + "\n")
    assert kinds("a", "b", "c") == {DOUBLE}
    notes.write_text(once + "99 1 token\n")
    assert kinds("a", "b", "c") == {LOST}
    notes.write_text(once)
    queue.stop()
    left = Path(layout.intents) / "7.json"
    left.touch()
    assert kinds("a", "b", "c") == {LEFT}
    left.unlink()
    history = Path(layout.history_file)
    lines = history.read_text(encoding="utf-8")
    history.write_text(lines + lines.splitlines()[0] + "\n", encoding="utf-8")
    assert kinds("a", "b", "c") == {DOUBLE}
    history.write_text(lines.replace("FINISHED", "FAILED", 1), encoding="utf-8")
    assert kinds("a", "b", "c") == {WRONG}
    history.write_text(lines, encoding="utf-8")
    done, waiting = queue.folder / "QM_dJobs", queue.folder / "QM_qJobs"
    os.rename(done / "a", waiting / "a")
    assert STUCK in kinds("a", "b", "c")
    os.rename(waiting / "a", done / "a")
    exit_record = done / "b" / ".qm" / "exit.json"
    record = json.loads(exit_record.read_bytes())
    exit_record.write_text(json.dumps({**record, "exit_code": 1}))
    assert WRONG in kinds("a", "b", "c")
    exit_record.unlink()
    assert {WRONG, STUCK} <= kinds("a", "b", "c")

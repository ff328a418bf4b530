"""Command lines that are run in the test's own process, on one QM_FOLDER with a few jobs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from qm.cli.main import run
from qm.folders.layout import Layout
from qm.jobdir import own_folder, write_hold, write_job
from qm.model import PLACE_OF, Reason, State
from qm.osops import identity_of
from qm.records import Claim, encode
from tests.fakes.jobs import a_job


class Said(NamedTuple):
    """What a command line ended with."""

    code: int
    out: str
    err: str


class Command:
    """Runs command lines in this process, on one QM_FOLDER."""

    def __init__(self, folder: Path, capture: pytest.CaptureFixture[str]) -> None:
        self.layout = Layout(str(folder))
        self._capture = capture

    def __call__(self, *arguments: str) -> Said:
        code = run(["--folder", self.layout.root, *arguments])
        return Said(code, *self._capture.readouterr())

    def json(self, *arguments: str) -> Any:
        """What it prints with --json."""
        said = self(*arguments, "--json")
        return json.loads(said.out)


def quiet_command(
    folder: Path, capture: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Command:
    """Command lines on ``folder``/QM, with a configuration that says nothing else."""
    for name in ("QM_CONFIG", "QM_FOLDER"):
        monkeypatch.delenv(name, raising=False)
    (folder / "QMserv.cfg").write_text("[QMServer]\nSync = no\n", encoding="utf-8")
    monkeypatch.chdir(folder)
    made = Command(folder / "QM", capture)
    made.layout.create()
    return made


def lay_job(
    layout: Layout, job_id: int, name: str, state: State, *, hold: str = "", **changes: Any
) -> Path:
    """A job of this state, as its folder and records lie there without a manager.

    ``hold`` is the text of the hold mark; ``changes`` are those of :func:`a_job`,
    and ``ended``, a UTC time.
    """
    ended = changes.pop("ended", "2026-01-01T00:00:04.500Z")
    folder = Path(layout.path(PLACE_OF[state], name))
    folder.mkdir()
    identity = identity_of(str(folder))
    job = a_job(job_id, **{"name": name, "identity": identity, "attempt": 1, **changes})
    with own_folder(str(folder), create=True) as own:
        write_job(own, job, Claim("boot", claimed=state is not State.QUEUED))
        if state is State.HELD:
            write_job(own, job, Claim("boot", claimed=False))
            write_hold(own, Reason.parse(hold or "User: held by anna"))
        record = _end_record(state, ended)
        if record is not None:
            own.write(*record)
    return folder


def _end_record(state: State, ended: str) -> tuple[str, bytes] | None:
    times = {"started": "2026-01-01T00:00:01.000Z", "ended": ended, "attempt": 1, "signal": None}
    if state is State.FINISHED:
        return "exit.json", encode({**times, "exit_code": 0, "reason": None})
    if state is State.FAILED:
        return "exit.json", encode({**times, "exit_code": 3, "reason": None})
    if state in (State.CANCELLED, State.LOST):
        end = {**times, "state": str(state), "exit_code": None, "reason": "User: by anna"}
        return "end.json", encode(end)
    return None

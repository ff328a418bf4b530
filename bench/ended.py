"""Folders of jobs that ended long ago, made without running them."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

from qm.folders.layout import Layout
from qm.history import History
from qm.identity import Identity
from qm.model import Job, JobOptions, Outcome, Place, State
from qm.osops import FolderHandle, boot_id
from qm.records import Claim, encode, job_record, outcome_record
from qm.statefile import StateFile
from qm.times import utc_text

_SCRIPT = "true"
_AGE = 3600.0
_LINES_AT_ONCE = 1000


def make_ended(root: Path, count: int) -> None:
    """Fill a new QM_FOLDER with ``count`` finished jobs, as managers and supervisors leave it."""
    layout = Layout(str(root))
    layout.create()
    history = History(layout.history_file)
    now = time.time()
    made: list[Job] = []
    for number in range(1, count + 1):
        ended = now - _AGE + number * 0.01
        name = f"ended{number:06}"
        made.append(_make_one(Path(layout.path(Place.DONE, name)), number, utc_text(ended)))
        if len(made) == _LINES_AT_ONCE or number == count:
            history.append(made)
            made.clear()
    StateFile(layout.own, boot_id(), sync=False).save(count + 1)


def _make_one(path: Path, number: int, when: str) -> Job:
    path.mkdir()
    text = f"[QMOptions]\nscript : {_SCRIPT}\n"
    (path / "proc_config.cfg").write_text(text, encoding="utf-8")
    log = f"Job started by QM at: {when}\nJob finished at: {when} with code 0\n"
    (path / "process.log").write_text(log, encoding="utf-8")
    with FolderHandle.open(str(path)) as folder, folder.sub(".qm", create=True) as own:
        job = _job(path.name, number, folder.identity(), when)
        claim = Claim(boot="earlier", claimed=True)
        own.write("job.json", encode(job_record(job, claim)))
        own.write("exit.json", encode({"attempt": 1, **outcome_record(_outcome(when))}))
    return replace(job, state=State.FINISHED, outcome=_outcome(when))


def _job(name: str, number: int, identity: Identity, when: str) -> Job:
    return Job(
        id=number,
        name=name,
        identity=identity,
        options=JobOptions(script=_SCRIPT),
        info_file="proc_config.cfg",
        owner="bench",
        arrival=number,
        submitted=when,
        attempt=1,
        token=f"{number:032x}",
    )


def _outcome(when: str) -> Outcome:
    return Outcome(ended=when, started=when, exit_code=0)

"""Jobs, drops and looks for tests, with values that a test names only where they matter."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from qm.identity import Identity
from qm.inspection import Inspection, Kind, Usable
from qm.jobdir import Records
from qm.model import Job, JobInfo, JobOptions
from qm.osops import identity_of
from qm.osops.scanning import Scan

SECOND = 1_000_000_000
FS_NOW = 1_800_000_000 * SECOND
SUBMITTED = "2026-01-01T00:00:00.000Z"
USABLE = Usable(JobInfo("proc_config.cfg", JobOptions(script="true")), ())


def a_job(job_id: int = 7, **changes: Any) -> Job:
    """A waiting job; ``options`` are keyword arguments of JobOptions."""
    options = {"script": "true", **changes.pop("options", {})}
    job = Job(
        id=job_id,
        name=f"job{job_id}",
        identity=Identity(1, 1000 + job_id, 5),
        options=JobOptions(**options),
        info_file="proc_config.cfg",
        owner="anna",
        arrival=job_id,
        submitted=SUBMITTED,
    )
    return replace(job, **changes)


def a_job_folder(folder: Path, job_id: int = 7, **changes: Any) -> Job:
    """A real folder with an info file, and the job that it would be."""
    folder.mkdir(parents=True)
    (folder / "proc_config.cfg").write_text("[QMOptions]\nscript : true\n", encoding="ascii")
    return a_job(job_id, name=folder.name, identity=identity_of(str(folder)), **changes)


def a_scan(**changes: Any) -> Scan:
    """A look at one info file that was written a day ago."""
    scan = Scan(
        files=1,
        size=30,
        entries=1,
        newest_change=FS_NOW - 86_400 * SECOND,
        fingerprint=1,
        content_fingerprint=1,
        partial=None,
        maybe_partial=None,
        writer=None,
        ready=None,
        hold=False,
        names=("proc_config.cfg",),
        unreadable=None,
        fs_now=FS_NOW,
        seconds=0.0001,
    )
    return replace(scan, **changes)


def a_look(name: str = "drop", scan: Scan | None = None, **changes: Any) -> Inspection:
    """A look at a folder with a usable info file."""
    identity = changes.pop("identity", Identity(1, 2, 3))
    look = Inspection(
        name,
        Kind.FOLDER,
        identity,
        "anna",
        Records(identity),
        scan or a_scan(),
        USABLE,
    )
    return replace(look, **changes)

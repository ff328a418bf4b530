"""What QM would say of a job, before it is dropped. Starts and changes nothing."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from qm.drops import Ready, Refuse, Rules, Settling, judge
from qm.errors import InfoError
from qm.folders.inspect import Inspector, command_of
from qm.folders.layout import Layout
from qm.inspection import Inspection, Kind
from qm.jobinfo.limits import Limits
from qm.jobinfo.read import read_info
from qm.jobinfo.text import READ_AT_MOST
from qm.model import JobInfo, Reason
from qm.osops import FolderHandle
from qm.osops.scanning import Scan, scan_folder
from qm.submit.source import Source

_AT_ONCE = Rules(settle=0.0, refuse_after=0.0, empty_after=0.0)


@dataclass(frozen=True, slots=True)
class Checked:
    """The answer: ``info`` where QM would take the job, else ``refusal`` and a ``hint``."""

    info: JobInfo | None
    refusal: Reason | None = None
    hint: str = ""
    command: str = ""
    """As it would be run, with the interpreter that a script needs."""
    notes: tuple[str, ...] = ()
    """What process.log would tell, and what would keep the job waiting."""


def check(source: Source, limits: Limits) -> Checked:
    """Look at a folder or a script as QM would; OSError where it cannot be read."""
    if source.stored_as is None:
        return _check_folder(source.path, limits)
    return _check_script(source.path, limits)


def _check_folder(path: str, limits: Limits) -> Checked:
    inspector = Inspector(Layout(os.path.dirname(path)), limits, None)
    with FolderHandle.open(path) as folder:
        scan = scan_folder(path, None, look_for_writers=True)
        found, none_found = inspector.find_info(folder, scan.names)
    seen = Inspection(
        name=os.path.basename(path),
        kind=Kind.FOLDER,
        identity=scan.identity,
        scan=replace(scan, hold=False),
        found=found,
        none_found=none_found,
    )
    now = time.monotonic()
    verdict = judge(Settling.begin(now), seen, now, _AT_ONCE)
    if isinstance(verdict, Ready):
        return _accepted(path, verdict.info, scan)
    hint = verdict.hint if isinstance(verdict, Refuse) else ""
    return Checked(None, verdict.reason, hint)


def _accepted(path: str, info: JobInfo, scan: Scan) -> Checked:
    command, note = command_of(path, info.options.script)
    notes = [*info.warnings, *([note] if note else [])]
    if scan.hold:
        notes.append("it would wait: the file .qm-hold is in the folder")
    return Checked(info, command=command, notes=tuple(notes))


def _check_script(path: str, limits: Limits) -> Checked:
    with open(path, "rb") as file:
        data = file.read(READ_AT_MOST + 1)
    try:
        info = read_info(os.path.basename(path), data, limits, datetime.now(UTC))
    except InfoError as error:
        return Checked(None, Reason("BadInfo", error.message), error.hint)
    return Checked(info, command=info.options.script, notes=info.warnings)

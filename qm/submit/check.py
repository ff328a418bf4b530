"""What QM would say of a job, before it is dropped. Starts and changes nothing."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from qm.drops import Ready, Refuse, Rules, Settling, judge
from qm.errors import InfoError
from qm.folders.inspect import Inspector, command_of
from qm.folders.layout import Layout
from qm.inspection import Inspection, Kind, Usable
from qm.jobinfo.changes import apply_changes
from qm.jobinfo.command import script_files
from qm.jobinfo.find import choose
from qm.jobinfo.limits import Limits
from qm.jobinfo.read import read_info
from qm.jobinfo.text import READ_AT_MOST
from qm.model import JobInfo, Reason
from qm.osops import FolderHandle
from qm.osops.scanning import Scan, scan_folder
from qm.submit.source import Filled, Made, Work
from qm.submit.stage import NO_CHANGES

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


@dataclass(frozen=True, slots=True)
class Look:
    """What one look at a job's folder found; many jobs are filled in from one template."""

    path: str
    scan: Scan
    found: Usable | InfoError | None
    none_found: tuple[str, str]


def check(
    work: Work,
    limits: Limits,
    changes: Mapping[str, str] = NO_CHANGES,
    *,
    complete: bool = False,
) -> Checked:
    """Look at a job as QM would; ``changes`` win over its info file.

    A folder that is known to be ``complete`` is not suspected of a copy that goes on.
    OSError where it cannot be read, InfoError for a change that cannot be used.
    """
    if isinstance(work, Made):
        checked = _read(work.info_file, work.files[work.info_file], limits)
        if checked.info is not None and work.command:
            checked = replace(checked, command=work.command)
    elif isinstance(work, Filled):
        checked = check_filled(work, look_at(work.template.path, limits), limits)
    elif work.stored_as is None:
        checked = _judged(look_at(work.path, limits), complete=complete)
    else:
        checked = _check_script(work.path, limits)
    return with_changes(checked, limits, changes)


def look_at(path: str, limits: Limits) -> Look:
    """Look at the folder ``path``; OSError where it cannot be read."""
    inspector = Inspector(Layout(os.path.dirname(path)), limits, None)
    with FolderHandle.open(path) as folder:
        scan = scan_folder(path, None, look_for_writers=True)
        found, none_found = inspector.find_info(folder, scan.names)
    return Look(path, scan, found, none_found)


def check_filled(work: Filled, look: Look, limits: Limits) -> Checked:
    """Check a job made of the template at which ``look`` looked; changes are not regarded."""
    name = choose(look.scan.names, limits.names)
    if name is None or name not in work.files:
        return _judged(look)
    try:
        info = read_info(name, work.files[name], limits, datetime.now(UTC))
    except InfoError as error:
        return _judged(replace(look, found=error))
    scripts = script_files(info.options.script)
    lacking = tuple(s for s in scripts if not os.path.isfile(os.path.join(look.path, s)))
    return _judged(replace(look, found=Usable(info, lacking)))


def _judged(look: Look, *, complete: bool = False) -> Checked:
    seen = Inspection(
        name=os.path.basename(look.path),
        kind=Kind.FOLDER,
        scan=replace(look.scan, hold=False),
        found=look.found,
        none_found=look.none_found,
    )
    now = time.monotonic()
    verdict = judge(Settling.begin(now, committed=complete), seen, now, _AT_ONCE)
    if isinstance(verdict, Ready):
        return _accepted(look.path, verdict.info, look.scan)
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
    return _read(os.path.basename(path), data, limits)


def _read(name: str, data: bytes, limits: Limits) -> Checked:
    try:
        info = read_info(name, data, limits, datetime.now(UTC))
    except InfoError as error:
        return Checked(None, Reason("BadInfo", error.message), error.hint)
    return Checked(info, command=info.options.script, notes=info.warnings)


def with_changes(checked: Checked, limits: Limits, changes: Mapping[str, str]) -> Checked:
    """The answer for the same job with ``changes``; InfoError for one that cannot be used."""
    if checked.info is None or not changes:
        return checked
    options, warnings = apply_changes(checked.info.options, changes, limits, datetime.now(UTC))
    command = checked.command
    if options.script != checked.info.options.script:
        command = options.script
    info = replace(checked.info, options=options)
    return replace(checked, info=info, command=command, notes=(*checked.notes, *warnings))

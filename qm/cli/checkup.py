"""``qm doctor``: what keeps QM from working well, and what to do about it."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from qm import __version__
from qm.checkup import complaints
from qm.checkup.finding import OK, PROBLEM, WARNING, Finding
from qm.config import Config
from qm.control.managerlock import manager_runs, manager_says
from qm.errors import QMError
from qm.faults import disk_fault
from qm.folders.layout import Layout
from qm.folders.selftest import self_test
from qm.jobdir import read_records
from qm.model import Place
from qm.names import shown
from qm.quantities import format_size
from qm.records import RecordError
from qm.statefile import StateFile

__all__ = ["OK", "PROBLEM", "WARNING", "Finding", "examine"]

_OLD = 7 * 86400.0
_MOST_FOLDERS = 2000
_LITTLE_SPACE = 1 << 30
_NO_SPACE = 64 << 20
_INOTIFY = {"max_user_instances": 64, "max_user_watches": 8192}
_LIBRARIES = ("click", "rich", "psutil", "watchdog", "bottle", "waitress", "defusedxml")


def examine(config: Config, layout: Layout) -> list[Finding]:
    """Look at everything; nothing is changed but a probe folder that comes and goes."""
    findings = list(_versions(config))
    missing = [place.value for place in Place if not os.path.isdir(layout.place(place))]
    if missing or not os.path.isdir(layout.own):
        what = ", ".join(missing) or ".qm"
        text = f"{layout.root} is not complete: {what} is not there"
        return [*findings, Finding(PROBLEM, text, "`qm init` makes what is missing.")]
    looks: tuple[Callable[[Config, Layout], Iterator[Finding]], ...] = (
        _manager,
        _folders,
        _state,
        _strangers,
        _leftovers,
        _damaged,
        _events,
        _space,
        complaints.waiting_in_vain,
        complaints.standing_orders,
        complaints.much_trash,
        complaints.undelivered,
        complaints.unenforced,
        complaints.shadowed_programs,
    )
    for look in looks:
        try:
            findings += look(config, layout)
        except OSError as error:
            where = os.fsdecode(error.filename) if error.filename else layout.root
            findings.append(Finding(PROBLEM, f"{shown(where)}: {error.strerror or error}"))
    return findings


def _versions(config: Config) -> Iterator[Finding]:
    yield Finding(OK, f"QM {__version__}, Python {platform.python_version()}")
    missing, present = [], []
    for name in _LIBRARIES:
        try:
            present.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            missing.append(name)
    yield Finding(OK, ", ".join(present))
    if missing:
        text = f"these libraries are not installed: {', '.join(missing)}"
        yield Finding(PROBLEM, text, "Install QM again.")
    source = "no configuration file; every option has its default"
    yield Finding(OK, source if config.source is None else f"configuration: {config.source}")


def _manager(config: Config, layout: Layout) -> Iterator[Finding]:
    if manager_runs(layout):
        yield Finding(OK, f"a manager runs on {layout.root}: {manager_says(layout)}")
    else:
        text = f"no manager runs on {layout.root}: nothing is started"
        yield Finding(WARNING, text, "`qm serve` starts one.")


def _folders(config: Config, layout: Layout) -> Iterator[Finding]:
    try:
        tested = self_test(layout)
    except QMError as error:
        yield Finding(PROBLEM, error.message, error.hint)
        return
    yield Finding(OK, "folders move between the four folders by one rename")
    for text in tested.findings:
        yield Finding(WARNING, text)


def _state(config: Config, layout: Layout) -> Iterator[Finding]:
    try:
        StateFile(layout.own, "", sync=False).load()
    except RecordError as error:
        advice = "Move it away to let QM count on from the jobs that it finds."
        yield Finding(PROBLEM, f"{layout.state_file} cannot be understood: {error}", advice)


def _strangers(config: Config, layout: Layout) -> Iterator[Finding]:
    for name in _names(layout, Place.RUNNING):
        records = read_records(layout.path(Place.RUNNING, name), name)
        if records.job is None and "job.json" in records.damaged:
            yield Finding(
                PROBLEM,
                f"{shown(name)} in QM_Jobs cannot be followed, for its job.json cannot be"
                " understood; its script may run, and its files are whole",
                "Once its process.log says that it has finished, move it into QM_dJobs.",
            )
        elif records.job is None or not records.is_ours:
            yield Finding(
                WARNING,
                f"{shown(name)} in QM_Jobs is no job of this QM; it is left alone",
                "Move it into QM_qJobs to run it, or away.",
            )


def _leftovers(config: Config, layout: Layout) -> Iterator[Finding]:
    limit = time.time() - _OLD
    with os.scandir(layout.place(Place.WAITING)) as entries:
        for entry in entries:
            old = entry.name.startswith(".") and entry.stat(follow_symlinks=False).st_mtime < limit
            if old and entry.is_dir(follow_symlinks=False):
                yield Finding(
                    WARNING,
                    f"{shown(entry.name)} in QM_qJobs is older than 7 days: a copy or a submission"
                    " that did not end",
                    "Remove it, or give it a name without a dot in front.",
                )


def _damaged(config: Config, layout: Layout) -> Iterator[Finding]:
    found = False
    for place in Place:
        for name in _names(layout, place)[:_MOST_FOLDERS]:
            try:
                damaged = read_records(layout.path(place, name), name).damaged
            except OSError:
                continue  # It is no folder, or has just moved on.
            if damaged:
                found = True
                where = f"{place.value}/{shown(name)}"
                text = f"{where}: {', '.join(damaged)} in .qm cannot be understood"
                yield Finding(WARNING, text, "A disk that was full, or damaged, may be the cause.")
    if not found:
        yield Finding(OK, "the records of all jobs can be read")


def _events(config: Config, layout: Layout) -> Iterator[Finding]:
    """Linux gives each user so many inotify instances and watches; see inotify(7)."""
    folder = Path("/proc/sys/fs/inotify")
    for name, least in _INOTIFY.items():
        try:
            allowed = int((folder / name).read_text(encoding="ascii"))
        except (OSError, ValueError):
            continue
        if allowed < least:
            text = f"fs.inotify.{name} is {allowed}: QM may have to poll its folders"
            yield Finding(WARNING, text, f"An administrator can raise it to {least} with sysctl.")


def _space(config: Config, layout: Layout) -> Iterator[Finding]:
    free = shutil.disk_usage(layout.root).free
    text = f"{format_size(free)} free on the disk of {layout.root}"
    fault = disk_fault(layout.root)
    if fault is not None and fault.word == "ReadOnly":
        advice = "The system's log may say why; QM goes on once it can be written again."
        yield Finding(PROBLEM, fault.text, advice)
    elif fault is not None or free < _NO_SPACE:
        text = text if fault is None else fault.text
        yield Finding(PROBLEM, text, "Make room: jobs fail on a full disk, and none is started.")
    elif free < _LITTLE_SPACE:
        yield Finding(WARNING, text, "Make room before jobs fail for want of it.")
    else:
        yield Finding(OK, text)


def _names(layout: Layout, place: Place) -> list[str]:
    return sorted(n for n in os.listdir(layout.place(place)) if not n.startswith("."))

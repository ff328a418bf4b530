"""What ``qm doctor`` tells of the queue: waiting in vain, standing orders, trash, notices."""

from __future__ import annotations

import os
import shutil
import sysconfig
import time
from collections.abc import Iterator, Sequence

from qm.checkup.finding import OK, WARNING, Finding
from qm.config import Config
from qm.folders.layout import Layout
from qm.model import State, Steering
from qm.names import shown
from qm.notify.journal import read_events
from qm.notify.trial import faults
from qm.quantities import format_duration, format_size
from qm.records import RecordError
from qm.resources import total_memory
from qm.statefile import StateFile
from qm.times import utc_seconds, utc_text
from qm.trash import list_trash, size_of
from qm.view import Entry, load

_SHOWN = 10
_LONG_DRAIN = 3600.0
_MUCH_TRASH = 1 << 30
_OLD_TRASH = 90 * 86400.0
_EVENTS = "events.jsonl"
_BY_NAME = "no such job yet"
_PROGRAMS = ("qsub", "qstat", "qdel", "qhold", "qrls")


def waiting_in_vain(config: Config, layout: Layout) -> Iterator[Finding]:
    """Jobs that wait for a name that never came, and those that the brake holds."""
    braked = []
    for entry in load(layout, utc_text(time.time())).entries:
        reason = entry.reason or ""
        if reason.startswith("Dependency: ") and _BY_NAME in reason:
            yield Finding(
                WARNING,
                f"{entry.label} waits for a job that is not there: {_text(reason)}",
                f"Submit that job, or `qm kill {entry.id}`; `qm set {entry.id} after=` lets it go.",
            )
        elif entry.state == State.HELD and reason.startswith("Brake: "):
            braked.append(entry)
    if braked:
        yield _braked(braked)


def _braked(held: Sequence[Entry]) -> Finding:
    who = ", ".join(entry.label for entry in held[:_SHOWN])
    more = f" and {len(held) - _SHOWN} more" if len(held) > _SHOWN else ""
    verb = "is" if len(held) == 1 else "are"
    text = f"{who}{more} {verb} held by the brake: {_text(held[-1].reason or '')}"
    return Finding(WARNING, text, "Mend what is wrong, then `qm release` them.")


def _text(reason: str) -> str:
    return shown(reason.partition(": ")[2])


def standing_orders(config: Config, layout: Layout) -> Iterator[Finding]:
    """A drain that may have been forgotten, and limits below the configured ones."""
    try:
        steering = StateFile(layout.own, "", sync=False).load().steering
    except RecordError:
        return  # It is told as a problem of the record.
    yield from _drain(steering, time.time())
    configured = config.max_nb_processors
    if steering.processors is not None and steering.processors < configured:
        yield Finding(
            WARNING,
            f"QM uses {steering.processors} of the {configured} configured processors",
            "`qm limit processors=default` takes that back.",
        )
    memory = config.max_memory if config.max_memory is not None else total_memory()
    if steering.memory is not None and steering.memory < memory:
        yield Finding(
            WARNING,
            f"QM uses {format_size(steering.memory)} of {format_size(memory)} memory",
            "`qm limit memory=default` takes that back.",
        )


def _drain(steering: Steering, now: float) -> Iterator[Finding]:
    if steering.drain is None:
        return
    try:
        since = now - utc_seconds(steering.drain.since)
    except ValueError:
        since = _LONG_DRAIN
    if since >= _LONG_DRAIN:
        yield Finding(
            WARNING,
            f"nothing is started: {shown(steering.drain.who)} turned drain on"
            f" {format_duration(since // 60 * 60)} ago",
            "`qm drain off` ends it.",
        )


def much_trash(config: Config, layout: Layout) -> Iterator[Finding]:
    """A trash that takes much space, or that was forgotten."""
    found = list_trash(layout.trash)
    size = size_of(layout.trash)
    advice = "`qm purge --trash` empties it, `qm purge --trash --older-than 30d` in part."
    if size > _MUCH_TRASH:
        yield Finding(WARNING, f"{format_size(size)} lie in the trash", advice)
    old = sum(time.time() - one.removed > _OLD_TRASH for one in found)
    if old:
        noun = "job lies" if old == 1 else "jobs lie"
        yield Finding(WARNING, f"{old} {noun} in the trash for more than 90 days", advice)


def undelivered(config: Config, layout: Layout) -> Iterator[Finding]:
    """What is wrong with how people are told, and kinds of notices that do not arrive."""
    for fault in faults(config):
        yield Finding(WARNING, fault, "Mend it in QMserv.cfg, in the section [Mail].")
    failed: dict[str, list[str]] = {}
    for event in read_events(os.path.join(layout.own, _EVENTS)):
        kind = str(event.get("kind", "notice"))
        if event.get("ok", True):
            failed.pop(kind, None)
        else:
            failed.setdefault(kind, []).append(str(event.get("detail", "")))
    for kind, details in failed.items():
        number = "the last" if len(details) == 1 else f"the last {len(details)}"
        yield Finding(
            WARNING,
            f"{number} of kind {shown(kind)} could not be delivered: {shown(details[-1])}",
            "Jobs are not hurt by that. Look at the options of notices in QMserv.cfg.",
        )


def unenforced(config: Config, layout: Layout) -> Iterator[Finding]:
    """What is to be kept to by force, and cannot be on this system."""
    import psutil

    from qm.osops.affinity import machine_cpus

    if "cpu" not in config.enforce:
        return
    if not hasattr(psutil.Process, "cpu_affinity"):
        yield Finding(
            WARNING,
            "this system cannot keep a job to some processors: nb_proc is told, not enforced",
            "Enforce without cpu, in QMserv.cfg, says that it is meant so.",
        )
        return
    usable = len(machine_cpus())
    if usable < config.max_nb_processors:
        yield Finding(
            WARNING,
            f"QM may use {usable} processors of this machine, and gives jobs"
            f" {config.max_nb_processors}: some share a processor",
            f"MaxNbProcessors : {usable}, in QMserv.cfg, is what there is.",
        )


def shadowed_programs(config: Config, layout: Layout) -> Iterator[Finding]:
    """Programs of another queue with the names that QM's have as well."""
    for name in _PROGRAMS:
        own, others = _programs(name, os.environ.get("PATH", os.defpath))
        if not others:
            continue
        first = own is not None and own[0] < others[0][0]
        if first and own is not None:
            yield Finding(
                WARNING,
                f"{name} is QM's ({own[1]}) and hides another queue's ({others[0][1]})",
                f"Put the other's folder first on PATH, if you want it so; `qm {name}` is QM's.",
            )
        else:
            yield Finding(OK, f"{name} is another queue's ({others[0][1]}); `qm {name}` is QM's")


def _programs(name: str, path: str) -> tuple[tuple[int, str] | None, list[tuple[int, str]]]:
    """Our program of this name and those of others, each with its rank on PATH."""
    ours = os.path.realpath(sysconfig.get_path("scripts"))
    own, others = None, []
    for rank, folder in enumerate(path.split(os.pathsep)):
        found = shutil.which(name, path=folder) if folder else None
        if found is None:
            continue
        if os.path.realpath(os.path.dirname(found)) == ours:
            own = own or (rank, found)
        else:
            others.append((rank, found))
    return own, others

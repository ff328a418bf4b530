"""``qm show``: everything that is known of one job."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

from qm.cli.columns import clock, time_of
from qm.folders.layout import Layout
from qm.jobdir import Records, read_records
from qm.jobfiles import LOG
from qm.model import LETTER, JobOptions, State
from qm.names import shown
from qm.quantities import format_duration, format_size
from qm.times import local_text, utc_seconds
from qm.view import Entry, locate
from qm.view.earlier import earlier
from qm.view.entries import seconds

_TIMES = frozenset({"walltime", "settle", "retry_delay"})
_DEFAULTS = {field.name: field.default for field in fields(JobOptions)}
_ALWAYS = ("script", "nb_proc", "priority")


def details(layout: Layout, entry: Entry) -> dict[str, Any]:
    """The object of ``qm show --json``: the entry, and what its records say beyond it."""
    path = locate(layout, entry)
    records = _records(path)
    found: dict[str, Any] = {**entry.as_json(), "folder": path}
    found["log"] = _log(path)
    found["attempts"] = earlier(path)
    if records is None or records.job is None:
        return found
    job = records.job
    found |= {
        "changes": [list(change) for change in job.changes],
        "depends": [
            {"condition": one.condition, "target": one.target, "id": one.id} for one in job.depends
        ],
        "failures": job.failures,
        "not_before": job.not_before,
        "cpus": list(job.cpus),
        "gpus": list(job.gpus),
    }
    found["options"] = {name: getattr(job.options, name) for name in _DEFAULTS}
    found["info_file"] = job.info_file
    found["notes"] = list(job.notes)
    if records.start is not None:
        found["host"] = records.start.host
        found["supervisor"] = records.start.supervisor
    found["damaged"] = list(records.damaged)
    return found


def _records(path: str | None) -> Records | None:
    try:
        return None if path is None else read_records(path, os.path.basename(path))
    except OSError:
        return None


def _log(path: str | None) -> str | None:
    log = None if path is None else os.path.join(path, LOG)
    return log if log is not None and os.path.isfile(log) else None


def detail_pairs(found: Mapping[str, Any], entry: Entry) -> dict[str, str | Sequence[str]]:
    """The same for a person: names and values, what is not known left out."""
    pairs: dict[str, str | Sequence[str] | None] = {
        "id": None if entry.id is None else str(entry.id),
        "name": shown(entry.name),
        "state": f"{entry.state} ({LETTER[State(entry.state)]})",
        "reason": _shown(entry.reason),
        "folder": _shown(found["folder"]) or "none: a person took it away",
        "log": _shown(found["log"]),
        "owner": _shown(entry.owner),
        "submitted": _moment(entry.submitted),
        "started": _moment(entry.started),
        "ended": _moment(entry.ended),
        "ran for" if entry.ended else "for": time_of(entry, time.time()),
        "exit code": None if entry.exit_code is None else str(entry.exit_code),
        "signal": entry.signal,
        "cpu time": None if entry.cpu_seconds is None else format_duration(entry.cpu_seconds),
        "peak memory": None if not entry.peak_memory else format_size(entry.peak_memory),
        "attempt": str(entry.attempt) if entry.attempt else None,
        "earlier": [_attempt_text(attempt) for attempt in found["attempts"]] or None,
        "tries left": _tries_left(found),
        "next try": _moment(found.get("not_before")),
        "expected start": _moment(entry.expected_start),
        "after": [_dependency_text(one) for one in found.get("depends", ())] or None,
        "cpus": _numbers(found.get("cpus")),
        "gpus": _numbers(found.get("gpus")),
        "info file": _shown(found.get("info_file")),
        **_options(found.get("options", {}), leave_out="after" if found.get("depends") else ""),
        "set by hand": [shown(f"{k} = {v}") for k, v in found.get("changes", ())] or None,
        "notes": [shown(note) for note in found.get("notes", ())] or None,
        "damaged": ", ".join(found.get("damaged", ())) or None,
    }
    return {name: value for name, value in pairs.items() if value is not None}


def _attempt_text(attempt: Mapping[str, Any]) -> str:
    """``attempt 1: FAILED (ExitCode: 3) after 12 s, folder``; the folder where no more is known."""
    folder = shown(attempt["folder"])
    if attempt["state"] is None:
        return folder
    reason = f" ({shown(attempt['reason'])})" if attempt["reason"] else ""
    start, end = seconds(attempt["started"]), seconds(attempt["ended"])
    spent = "" if start is None or end is None else f" after {clock(end - start)}"
    return f"attempt {attempt['attempt']}: {attempt['state']}{reason}{spent}, {folder}"


def _tries_left(found: Mapping[str, Any]) -> str | None:
    retries = found.get("options", {}).get("retries", 0)
    if not retries:
        return None
    return f"{max(0, retries - found['failures'])} of {retries}"


def _dependency_text(dependency: Mapping[str, Any]) -> str:
    target = shown(dependency["target"])
    known = dependency["id"]
    job = "" if known is None or str(known) == target else f" (job {known})"
    return f"{dependency['condition']}:{target}{job}" + (
        " (not there yet)" if known is None else ""
    )


def _numbers(numbers: Sequence[int] | None) -> str | None:
    return ", ".join(map(str, numbers)) if numbers else None


def _options(options: Mapping[str, Any], leave_out: str) -> dict[str, str | Sequence[str] | None]:
    """What the info file asks for, where that is not what every job gets."""
    return {
        name: _option_text(name, value)
        for name, value in options.items()
        if (name in _ALWAYS or value != _DEFAULTS[name]) and name != leave_out
    }


def _option_text(name: str, value: Any) -> str | Sequence[str]:
    if name == "env":
        return [shown(f"{key}={text}") for key, text in value]
    if isinstance(value, list | tuple):
        return ", ".join(shown(str(one)) for one in value)
    if name == "mem":
        return format_size(value)
    if name in _TIMES:
        return format_duration(value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return shown(str(value))


def _shown(text: str | None) -> str | None:
    return shown(text) if text else None


def _moment(text: str | None) -> str | None:
    try:
        return local_text(utc_seconds(text)) if text else None
    except ValueError:
        return text

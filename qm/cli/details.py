"""``qm show``: everything that is known of one job, for a person."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

from qm.cli.columns import clock, time_of
from qm.model import LETTER, JobOptions, State
from qm.names import shown
from qm.quantities import format_duration, format_size
from qm.times import local_text, utc_seconds
from qm.view import Entry
from qm.view.entries import seconds

_TIMES = frozenset({"walltime", "settle", "retry_delay"})
_DEFAULTS = {field.name: field.default for field in fields(JobOptions)}
_ALWAYS = ("script", "nb_proc", "priority")


def detail_pairs(found: Mapping[str, Any], entry: Entry) -> dict[str, str | Sequence[str]]:
    """What :func:`qm.view.details.details` found: names and values, what is not known left out."""
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
        "in use": _use_text(found.get("usage")),
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


def _use_text(usage: Mapping[str, Any] | None) -> Sequence[str] | None:
    """What its processes used over time; None where nobody wrote that down."""
    if usage is None:
        return None
    memory = format_size(usage["mean_memory"]), format_size(usage["peak_memory"])
    return [
        f"{usage['mean_cores']:.2f} processors on average, {usage['peak_cores']:.2f} at most",
        f"{memory[0]} of memory on average, {memory[1]} at most",
    ]


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

"""``qm status``: whether a manager runs, and how busy it is."""

from __future__ import annotations

import json
import os
import sqlite3
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

from qm.config import Config
from qm.control.client import manager_runs, manager_says
from qm.folders.layout import Layout
from qm.index import reading
from qm.model import ACTIVE_STATES, State, Steering
from qm.quantities import format_size
from qm.records import RecordError
from qm.statefile import StateFile
from qm.times import local_text, utc_seconds, utc_text
from qm.view import load


def standing(layout: Layout, config: Config) -> dict[str, Any]:
    """The object of ``qm status --json``.

    Times are UTC, memory is in bytes; what is not known, or not limited, is
    null. ``limits`` and ``drain`` are what people set while QM ran: they hold
    for the next manager as well.
    """
    running = manager_runs(layout)
    facts = _facts(layout) if running else {}
    manager, capacity = facts.get("manager", {}), facts.get("capacity", {})
    view = load(layout, utc_text(time.time()))
    active = [entry for entry in view.entries if entry.state in ACTIVE_STATES]
    started, steering = manager.get("started"), _steering(layout)
    return {
        "running": running,
        "folder": layout.root,
        "exists": os.path.isdir(layout.root),
        "holder": manager_says(layout) if running else None,
        "host": manager.get("host"),
        "pid": manager.get("pid"),
        "started": utc_text(started) if isinstance(started, int | float) else None,
        "processors": capacity.get("processors"),
        "in_use": sum(entry.nb_proc or 0 for entry in active),
        "memory": capacity.get("memory"),
        "memory_in_use": sum(entry.mem or 0 for entry in active),
        "gpus": capacity.get("gpus"),
        "gpus_in_use": sum(entry.nb_gpu or 0 for entry in active),
        "limits": {"processors": steering.processors, "memory": steering.memory},
        "drain": steering.drain and {"since": steering.drain.since, "who": steering.drain.who},
        "obstacle": facts.get("obstacle") or None,
        "page": config.web.address if manager.get("web") else None,
        "log": manager.get("log"),
        "jobs": {
            state.value.lower(): count
            for state, count in sorted(Counter(State(e.state) for e in view.entries).items())
        },
    }


def _facts(layout: Layout) -> dict[str, Any]:
    """What the manager says of itself; nothing while its index is being made."""
    try:
        with reading(layout.index_file) as index:
            return {
                "manager": _object(index.fact("manager")),
                "capacity": _object(index.fact("capacity")),
                "obstacle": index.fact("obstacle"),
            }
    except sqlite3.Error:
        return {}


def _object(text: str | None) -> dict[str, Any]:
    try:
        value = json.loads(text or "{}")
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _steering(layout: Layout) -> Steering:
    try:
        return StateFile(layout.own, "", sync=False).load().steering
    except (OSError, RecordError):
        return Steering()  # No QM was here yet, or `qm doctor` has something to say.


def standing_text(found: dict[str, Any]) -> str:
    """The same as lines."""
    return "\n".join(_lines(found))


def _lines(found: dict[str, Any]) -> Iterator[str]:
    jobs = ", ".join(f"{count} {state}" for state, count in found["jobs"].items())
    if not found["running"]:
        if not found["exists"]:
            yield f"There is no folder {found['folder']}; `qm init` makes it."
            return
        left = f" In its folders: {jobs}." if jobs else ""
        yield f"No QM runs on {found['folder']}; `qm start` starts one.{left}"
        yield from _steered(found)
        return
    since = f", since {local_text(utc_seconds(found['started']))}" if found["started"] else ""
    text = f"QM runs on {found['folder']} ({found['holder'] or 'just started'}{since})."
    if found["processors"] is not None:
        text += f" {found['in_use']} of {found['processors']} processors are in use."
    text += f" Jobs: {jobs}." if jobs else " There are no jobs."
    if found["obstacle"]:
        text += f" Nothing is started: {found['obstacle']}."
    yield text
    asked_for = _asked_for(found)
    if asked_for:
        yield f"Running jobs have asked for {asked_for}."
    yield from _steered(found)
    if found["page"]:
        yield f"Its page: {found['page']}"
    if found["log"]:
        yield f"Its log: {found['log']}"


def _asked_for(found: dict[str, Any]) -> str:
    """Memory and GPUs that running jobs hold; '' where none holds any."""
    parts = []
    if found["memory_in_use"]:
        whole = found["memory"]
        of = f" of {format_size(whole)}" if whole is not None else ""
        parts.append(f"{format_size(found['memory_in_use'])}{of} memory")
    if found["gpus_in_use"]:
        parts.append(f"{found['gpus_in_use']} of {found['gpus'] or '?'} GPUs")
    return " and ".join(parts)


def _steered(found: dict[str, Any]) -> Iterator[str]:
    drain, limits = found["drain"], found["limits"]
    if drain is not None:
        since = local_text(utc_seconds(drain["since"]))
        yield (
            f"It drains: {drain['who']} has let it start nothing new, since {since};"
            " `qm drain off` ends that."
        )
    if limits["processors"] is not None:
        yield f"The limit of {limits['processors']} processors was set by `qm limit`."
    if limits["memory"] is not None:
        yield f"The limit of {format_size(limits['memory'])} memory was set by `qm limit`."

"""``qm status``: whether a manager runs, and how busy it is."""

from __future__ import annotations

import json
import os
import sqlite3
import time
from collections import Counter
from typing import Any

from qm.control.client import manager_runs, manager_says
from qm.folders.layout import Layout
from qm.index import reading
from qm.model import ACTIVE_STATES, State
from qm.times import local_text, utc_seconds, utc_text
from qm.view import load


def standing(layout: Layout) -> dict[str, Any]:
    """The object of ``qm status --json``. ``started`` is UTC; what is not known is null."""
    running = manager_runs(layout)
    facts = _facts(layout) if running else {}
    manager, capacity = facts.get("manager", {}), facts.get("capacity", {})
    view = load(layout, utc_text(time.time()))
    active = [entry for entry in view.entries if entry.state in ACTIVE_STATES]
    started = manager.get("started")
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
        "obstacle": facts.get("obstacle") or None,
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


def standing_text(found: dict[str, Any]) -> str:
    """The same as a paragraph."""
    jobs = ", ".join(f"{count} {state}" for state, count in found["jobs"].items())
    if not found["running"]:
        if not found["exists"]:
            return f"There is no folder {found['folder']}; `qm init` makes it."
        left = f" In its folders: {jobs}." if jobs else ""
        return f"No QM runs on {found['folder']}; `qm serve` starts one.{left}"
    since = f", since {local_text(utc_seconds(found['started']))}" if found["started"] else ""
    text = f"QM runs on {found['folder']} ({found['holder'] or 'just started'}{since})."
    if found["processors"] is not None:
        text += f" {found['in_use']} of {found['processors']} processors are in use."
    text += f" Jobs: {jobs}." if jobs else " There are no jobs."
    if found["obstacle"]:
        text += f" Nothing is started: {found['obstacle']}."
    return text

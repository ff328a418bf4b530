"""How a manager stands: what it says of itself, and how busy it is."""

from __future__ import annotations

import json
import os
import sqlite3
import time
from collections import Counter
from typing import Any

from qm.config import Config
from qm.control.managerlock import manager_runs, manager_says
from qm.faults import disk_fault
from qm.folders.layout import Layout
from qm.index import reading
from qm.model import ACTIVE_STATES, State, Steering
from qm.records import RecordError
from qm.statefile import StateFile
from qm.times import utc_text
from qm.view.entries import View
from qm.view.load import load


def standing(layout: Layout, config: Config, view: View | None = None) -> dict[str, Any]:
    """The object of ``qm status --json``.

    Times are UTC, memory is in bytes; what is not known, or not limited, is
    null. ``limits`` and ``drain`` are what people set while QM ran: they hold
    for the next manager as well. ``view`` is what there is just now; without it
    that is read.
    """
    running = manager_runs(layout)
    facts = _facts(layout) if running else {}
    manager, capacity = facts.get("manager", {}), facts.get("capacity", {})
    view = load(layout, utc_text(time.time())) if view is None else view
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
        "obstacle": _obstacle(layout, facts) if running else None,
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


def _obstacle(layout: Layout, facts: dict[str, Any]) -> str | None:
    """Why nothing is started. Of a disk that cannot be written the index cannot tell."""
    fault = disk_fault(layout.root)
    return facts.get("obstacle") or None if fault is None else str(fault)


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

"""Everything that is known of one job: its line in the lists, and what its records say."""

from __future__ import annotations

import os
from dataclasses import fields
from typing import Any

from qm.folders.layout import Layout
from qm.jobdir import Records, read_records
from qm.jobfiles import LOG
from qm.model import JobOptions
from qm.view.earlier import earlier
from qm.view.entries import Entry
from qm.view.load import locate
from qm.view.usage import totals_json, usage_of

OPTIONS = tuple(field.name for field in fields(JobOptions))
"""The keys of the info file, as ``options`` has them."""


def details(layout: Layout, entry: Entry) -> dict[str, Any]:
    """The object of ``qm show --json``: the entry, and what its records say beyond it."""
    path = locate(layout, entry)
    records = _records(path)
    found: dict[str, Any] = {**entry.as_json(), "folder": path}
    found["log"] = _log(path)
    found["attempts"] = earlier(path)
    # Of one that waits to be tried again there is only what another attempt used.
    found["usage"] = totals_json(usage_of(path)) if entry.started else None
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
    found["options"] = {name: getattr(job.options, name) for name in OPTIONS}
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
